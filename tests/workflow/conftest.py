"""Real runs of the workflow in temporary copies of the checkout: no part of Snakemake is imitated."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
PARTS = ("Snakefile", "rules", "workflow_scripts", "config.yaml", "config", "profiles", "slurm", "envs")

# Every stage for real, in seconds.
SMALL = {
    "seeds": [0],
    "training": {"epochs": 12, "batch_size": 128},
    "retraining": {"epochs": 2},
    "extrapolation": [{"name": "knn", "k": [5]}],
    "selection": {"rates": [0.5, 0.9], "extrapolators": ["knn-5"]},
    "evaluation": {"estimates": []},
}


class Workflow:
    """A copy of the checkout in which Snakemake runs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.results = folder / "results" / "digits"
        self.printed = ""  # by the run to the end, if there was one

    def write_config(self, **changes) -> None:
        """Write small.yaml: the small experiment, changed."""
        (self.folder / "small.yaml").write_text(yaml.safe_dump(SMALL | changes))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", "--nocolor", *arguments]

    def run(self, *arguments: str, fails: bool = False, timeout: float = 600) -> str:
        """Run Snakemake and return what it printed; its exit code must be as expected."""
        run = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=timeout,
        )
        printed = run.stdout + run.stderr
        assert (run.returncode != 0) == fails, printed
        return printed

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule a dry run lists."""
        printed = self.run("--dry-run", *arguments)
        if "Nothing to be done" in printed:
            return {}
        table = printed.rsplit("Job stats:", 1)[1].split("\n\n")[0]
        return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, re.M) if name != "total"}

    def results_bytes(self) -> dict[str, bytes]:
        """Return the results that must not depend on when and how often they were made."""
        kinds = ("parquet", "npy", "safetensors", "json")
        files = (path for kind in kinds for path in self.results.rglob(f"*.{kind}"))
        return {str(path.relative_to(self.results)): path.read_bytes() for path in sorted(files)}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def copy_checkout(folder: Path) -> Workflow:
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    workflow = Workflow(folder)
    workflow.write_config()
    return workflow


def run_shipped(folder: Path, name: str) -> Workflow:
    """Run the README's command for a report of a config of ours in a copy of the checkout, in which it then is run."""
    workflow = copy_checkout(folder)
    (command,) = re.findall(rf"^snakemake (report --configfile config/{name}.yaml)$", README, re.M)
    shutil.copy2(workflow.folder / f"config/{name}.yaml", workflow.folder / "small.yaml")
    workflow.results = workflow.folder / "results" / name
    started = [sys.executable, "-m", "snakemake", *command.split(), "--nocolor"]
    done = subprocess.run(started, cwd=workflow.folder, capture_output=True, text=True, env=environment())
    workflow.printed = done.stdout + done.stderr
    assert done.returncode == 0, workflow.printed
    return workflow


def kept_results(cache: pytest.Cache) -> Path:
    """Return where results of the default experiment are kept from one call of pytest to the next, for this code."""
    code = hashlib.sha256()
    for part in PARTS:
        for path in sorted((CHECKOUT / part).rglob("*")) or [CHECKOUT / part]:
            if path.is_file() and "__pycache__" not in path.parts:
                code.update(str(path.relative_to(CHECKOUT)).encode() + path.read_bytes())
    return cache.mkdir("default_experiment") / code.hexdigest()[:16]


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Workflow:
    """The small experiment, run once to its end; not to be changed."""
    workflow = copy_checkout(tmp_path_factory.mktemp("finished"))
    workflow.printed = workflow.run("--cores", "2", "--verbose", "study")
    return workflow


@pytest.fixture
def copied(finished, tmp_path) -> Workflow:
    """A copy of the finished experiment, times and Snakemake's notes included, to change at will."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Workflow(tmp_path / "copy")


@pytest.fixture
def fresh(tmp_path) -> Workflow:
    """A copy of the checkout in which nothing has run."""
    return copy_checkout(tmp_path / "fresh")
