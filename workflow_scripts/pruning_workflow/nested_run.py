"""A second Snakemake of the same rules with another config: what it would run, or the run itself."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from score_extrapolation.faults import InputFault

from .snakemake_internals import ListedJob, parse_dry_run

ROOT = Path(__file__).parents[2]


def list_jobs(config: Path, folder: str, targets: list[str], everything: bool) -> list[ListedJob]:
    """Return the jobs that targets need, in Snakemake's order.

    Parameters
    ----------
    config : path
        YAML, or JSON, which is YAML.
    folder : str
        Of the experiment's results.
    targets : list of str
        Rules or files.
    everything : bool
        Whether those that are done are listed too.
    """
    done = subprocess.run(
        [*_command(config, targets), "--dry-run", *(["--forceall"] if everything else [])],
        env=_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"snakemake --dry-run failed:\n{done.stdout}{done.stderr}")
    return parse_dry_run(done.stdout + done.stderr, folder)


def needs_of(jobs: list[ListedJob]) -> list[tuple[int, ...]]:
    """Return which others of the list each job reads from."""
    maker = {output: i for i, job in enumerate(jobs) for output in job.outputs}
    return [tuple(sorted({maker[file] for file in job.inputs if file in maker})) for job in jobs]


def run_jobs(config: Path, targets: list[str], cores: int, gpus: int, deployment: list[str], log: str) -> None:
    """Run what targets need on this machine, or what an earlier run left of it.

    Parameters
    ----------
    config : path
    targets : list of str
        Rules or files.
    cores, gpus : int
        That its jobs share; one that asks for more is given all.
    deployment : list of str
        How Snakemake makes the environments of jobs, such as conda; none: they have this one.
    log : str
        What is printed is appended to it.

    Raises
    ------
    InputFault
        A job failed: its own sentences are in the log.
    """
    command = [*_command(config, targets), "--cores", str(cores), "--executor", "local", "--resources", f"gpu={gpus}"]
    command += ["--software-deployment-method", *deployment] if deployment else []
    with open(log, "a", encoding="utf-8") as out:
        # In a session of its own, so that all of its jobs can be told to end with this one.
        nested = subprocess.Popen(command, env=_environment(), stdout=out, stderr=out, start_new_session=True)
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            code = nested.wait()
        finally:
            if nested.poll() is None:
                os.killpg(nested.pid, signal.SIGTERM)
            signal.signal(signal.SIGTERM, before)
    if code:
        raise InputFault(
            f"plan: a job of the experiment in small failed, as it would in the experiment; {log} says which and why. "
            "Mend that and give the same command again: what is done stays"
        )


def _command(config: Path, targets: list[str]) -> list[str]:
    snakemake = [sys.executable, "-m", "snakemake", *targets, "--nolock", "--nocolor"]
    return [*snakemake, "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(config)]


def _environment() -> dict[str, str]:
    """Return this environment without a cluster's profile: what is nested runs here."""
    return {name: value for name, value in os.environ.items() if name != "SNAKEMAKE_PROFILE"}
