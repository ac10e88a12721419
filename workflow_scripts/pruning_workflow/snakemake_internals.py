"""What the workflow takes from inside Snakemake, and what it reads from Snakemake's output.

None of this is in Snakemake's documentation, so that any new version may change it. The tests of this file check each
function against the installed Snakemake, and name the version for which they hold. `rules/common.smk` takes two more,
of which one finds this file; the tests check these too.
"""

import re
from pathlib import Path
from typing import NamedTuple

from .record import FOLDER

SUBMISSIONS_BY_DEFAULT = (100, 1)  # jobs, seconds: Snakemake's --max-jobs-per-timespan


def config_files(workflow) -> list:
    """Return the files that the config was merged from, in their order; those of --configfile come first and last."""
    return [*workflow.configfiles, *workflow.overwrite_configfiles]


def config_given(workflow) -> dict:
    """Return what --config gave."""
    return workflow.config_settings.config


def executor_name(workflow) -> str:
    """Return the name of the executor, such as ``local`` or ``slurm``; known once the run begins."""
    return workflow.executor_plugin.name


def runs_here(workflow) -> bool:
    """Return whether jobs run on this machine; known once the run begins."""
    return workflow.local_exec


def cores(workflow) -> int:
    """Return the cores that jobs share on this machine."""
    return workflow.cores


def deployment_methods(workflow) -> list[str]:
    """Return how the environments of jobs are made, as Snakemake's option says it; none: jobs have this one."""
    methods = workflow.deployment_settings.deployment_method
    return sorted(method.name.lower().replace("_", "-") for method in methods)


def lift_submission_limit(workflow) -> None:
    """Let the run, which has begun, start jobs at any rate, unless somebody has set a limit for a cluster.

    Snakemake's limit of 100 submissions a second looks again a second after each look, and every job that ends begins
    another such chain: looks a second grow with the jobs, and were half of its own time for 132 of them.
    """
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if runs_here(workflow) or (limit.max_jobs, limit.timespan) == SUBMISSIONS_BY_DEFAULT:
        workflow.scheduler.job_rate_limiter = None


class ListedJob(NamedTuple):
    """A job of a dry run.

    Attributes
    ----------
    path : str
        Of its record, below the folder of records and without suffix; jobs are told apart by it.
    rule : str
    wildcards : dict of str to str
    inputs, outputs : list of str
    threads : int
    gpus : float or None
        GPUs that it asks for, a part of one counted as a whole; None of a job that can use none.
    """

    path: str
    rule: str
    wildcards: dict[str, str]
    inputs: list[str]
    outputs: list[str]
    threads: int
    gpus: float | None

    @property
    def stage(self) -> str:
        """That its record is filed under."""
        return Path(self.path).parts[0]


def parse_dry_run(printed: str, folder: str) -> list[ListedJob]:
    """Return the jobs with a record that a dry run printed; those without are targets.

    Parameters
    ----------
    printed : str
        By ``snakemake --dry-run --nocolor``.
    folder : str
        Of the experiment's results, with a slash at its end.
    """
    jobs, records = [], f"{folder}{FOLDER}/"
    for rule, block in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", printed, re.M):
        told = dict(re.findall(r"^    (\w+): (.*)$", block, re.M))
        outputs = _files(told.get("output", ""), folder)
        record = next((output for output in outputs if output.startswith(records)), None)
        if record:
            resources = dict(re.findall(r"(\w+)=([\d.]+)(?:,|$)", told.get("resources", "")))
            jobs.append(
                ListedJob(
                    path=record.removeprefix(records).removesuffix(".json"),
                    rule=rule,
                    wildcards=dict(re.findall(r"(\w+)=([^,]*)(?:, |$)", told.get("wildcards", ""))),
                    inputs=_files(told.get("input", ""), folder),
                    outputs=[output for output in outputs if output != record],
                    threads=int(told.get("threads", 1)),
                    gpus=max(float(resources["gpu"]), float(float(resources["gpu_shards"]) > 0))
                    if "gpu" in resources
                    else None,
                )
            )
    return jobs


def _files(told: str, folder: str) -> list[str]:
    """Return the files of the experiment; names may have commas, so that one ends where another begins."""
    return [file for file in re.split(rf", (?={re.escape(folder)})", told) if file.startswith(folder)]


def parse_rule_graph(printed: str) -> set[tuple[str, str]]:
    """Return the (rule, rule that reads what it writes) that ``snakemake --rulegraph dot`` printed."""
    names = dict(re.findall(r'(\d+)\[label ?= ?"(\w+)"', printed))
    return {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", printed)}
