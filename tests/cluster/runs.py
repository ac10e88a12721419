"""Snakemake in the background, through Slurm or here."""

import subprocess
from pathlib import Path
from typing import ClassVar

from ..workflow.conftest import environment

SLURM = ("--profile", "slurm", "--slurm-init-seconds-before-status-checks", "1")
HERE = ("--cores", "2")
SNAKEMAKE = Path(__file__).with_name("asks_each_second.py")


class Run:
    """A run that has begun; those that are left when the tests end are killed."""

    begun: ClassVar[list["Run"]] = []

    def __init__(self, workflow, *arguments: str):
        self.workflow = workflow
        self.printed_to = workflow.folder / "printed.txt"
        python, _, _, *words = workflow.command(*arguments)  # python -m snakemake ...
        with open(self.printed_to, "w") as printed:
            self.process = subprocess.Popen(
                [python, SNAKEMAKE, *words],
                cwd=workflow.folder,
                env=environment(),
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        self.begun.append(self)

    def end(self, fails: bool = False, seconds: float = 1800) -> str:
        """Wait for its end and return what it printed; its exit code must be as expected."""
        code = self.process.wait(seconds)
        printed = self.printed_to.read_text()
        assert (code != 0) == fails, printed
        return printed

    def kill(self) -> None:
        """Kill it, if it still runs, and leave its jobs alone."""
        self.process.kill()
        self.process.wait()

    def slurm_logs(self) -> str:
        """Return what the jobs of Slurm's that failed printed."""
        return "".join(path.read_text() for path in self.workflow.folder.glob(".snakemake/slurm_logs/**/*.log"))
