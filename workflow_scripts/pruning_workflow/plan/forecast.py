"""From what the jobs of a few small copies took to what an experiment will take: each job, each stage, in all."""

import math
from typing import NamedTuple

from ..config import STAGES, Config
from ..names import Amount
from .break_even import BreakEven, break_even
from .clock import Task, clock_seconds
from .counts import Counts
from .lines import NOISE, Line, fit_line
from .work import Work, work_of

# The trials that a selection is chosen by come before it, the report after the study's tables.
ORDER = (
    *STAGES[: STAGES.index("selection")],
    "trials",
    *STAGES[STAGES.index("selection") : STAGES.index("report")],
    "study",
    "report",
)


class Cost(NamedTuple):
    """What one job costs: seconds, their standard error, megabytes of memory, bytes of what it writes."""

    seconds: float
    error_s: float
    memory_mb: float
    disk_bytes: float


class Costs:
    """What each kind of job costs at any size.

    Parameters
    ----------
    jobs : list of dict
        Those that were run: stage, kind, units and rows (as of `work.Work`), seconds, memory_mb and disk_bytes.
    """

    def __init__(self, jobs: list[dict]):
        self.jobs = jobs
        self.noise = _noise(jobs)
        self.lines: dict[str, dict[str, Line]] = {}

    def of(self, stage: str, work: Work) -> Cost:
        """Return what a job costs; of a kind that was not run, the mean of its stage or, without one, of all."""
        if work.kind not in self.lines:
            self.lines[work.kind] = self._fit(stage, work.kind)
        lines = self.lines[work.kind]
        return Cost(
            lines["seconds"].at(work.units),
            lines["seconds"].error_at(work.units),
            lines["memory_mb"].at(work.rows),
            lines["disk_bytes"].at(work.rows),
        )

    def _fit(self, stage: str, kind: str) -> dict[str, Line]:
        jobs = [job for job in self.jobs if job["kind"] == kind]
        if not jobs:
            alike = [job for job in self.jobs if job["stage"] == stage] or self.jobs
            jobs = [job | {"units": 0, "rows": 0} for job in alike]
        # Of a job of a second Snakemake's benchmark may see no more than the beginning: the most that was seen counts.
        memory = {job["rows"]: max(one["memory_mb"] for one in jobs if one["rows"] == job["rows"]) for job in jobs}
        return {
            "seconds": fit_line([(job["units"], job["seconds"]) for job in jobs], self._begin(stage), self.noise),
            "memory_mb": fit_line(list(memory.items()), math.inf),
            "disk_bytes": fit_line([(job["rows"], job["disk_bytes"]) for job in jobs], noise=0.0),
        }

    def _begin(self, stage: str) -> float:
        """Return the seconds that jobs of a stage begin with, as those say that were run at several sizes.

        Where none was, the shortest job of all, which is less.
        """
        points: dict[str, list[tuple[float, float]]] = {}
        for job in self.jobs:
            if job["stage"] == stage:
                points.setdefault(job["kind"], []).append((job["units"], job["seconds"]))
        begins = [fit_line(found, noise=self.noise).begin for found in points.values() if len(dict(found)) > 1]
        return sum(begins) / len(begins) if begins else min(job["seconds"] for job in self.jobs)


def _noise(jobs: list[dict]) -> float:
    """Return the standard deviation of the seconds of jobs that do the same, as a share of them; the median of all."""
    alike: dict[tuple, list[float]] = {}
    for job in jobs:
        alike.setdefault((job["kind"], job["units"]), []).append(job["seconds"])
    shares = []
    for seconds in alike.values():
        if len(seconds) > 1:
            mean = sum(seconds) / len(seconds)
            variance = sum((one - mean) ** 2 for one in seconds) / (len(seconds) - 1)
            shares.append(math.sqrt(variance) / mean)
    return max(NOISE, sorted(shares)[len(shares) // 2]) if shares else NOISE


class Job(NamedTuple):
    """A job whose cost is forecast.

    Attributes
    ----------
    stage : str
    cost : Cost
    threads : int
    gpus : float
        GPUs that it runs on; 0: on none.
    needs : tuple of int
        Which jobs of the list must be done before.
    done : bool
        Whether it need not run any more.
    """

    stage: str
    cost: Cost
    threads: int
    gpus: float
    needs: tuple[int, ...]
    done: bool

    def task(self, again: bool) -> Task:
        """Return it as a task of which there is nothing left if it is done; `again`: as if it were not."""
        return Task(0.0 if self.done and not again else self.cost.seconds, self.threads, self.gpus, self.needs)


class Forecast:
    """What the jobs of an experiment will cost.

    Parameters
    ----------
    experiment : Config
    counts : Counts
        Of its images.
    calibration : dict
        jobs, as of `Costs`; gpu: whether jobs that can use a GPU had one; start_s: what it takes to begin a job.
    """

    def __init__(self, experiment: Config, counts: Counts, calibration: dict):
        self.experiment, self.counts = experiment, counts
        self.costs = Costs(calibration["jobs"])
        self.on_gpu, self.start_s = calibration["gpu"], calibration["start_s"]

    def jobs(self, listed: list[dict]) -> list[Job]:
        """Return what jobs cost, each a dict: stage, rule, wildcards, threads, gpus (or None), needs and done."""
        return [
            Job(
                stage=job["stage"],
                cost=self._cost(job["stage"], job["rule"], job["wildcards"]),
                threads=job["threads"],
                gpus=max(1.0, job["gpus"]) if self.on_gpu and job["gpus"] is not None else 0.0,
                needs=tuple(job["needs"]),
                done=job["done"],
            )
            for job in listed
        ]

    def _cost(self, stage: str, rule: str, wildcards: dict[str, str]) -> Cost:
        return self.costs.of(stage, work_of(rule, wildcards, self.experiment, self.counts))

    def clocks(self, jobs: list[Job], cores: int) -> dict[str, float]:
        """Return clock_s and clock_left_s on so many cores: of all jobs, and of those that are not done."""
        return {
            name: clock_seconds([job.task(again) for job in jobs], cores, self.start_s)
            for name, again in (("clock_s", True), ("clock_left_s", False))
        }

    def break_even(self, jobs: list[Job]) -> list[BreakEven]:
        """Return when the lists that jobs make pay, at each rate: all of them cost little more than the first."""
        list_s = sum(job.cost.seconds for job in jobs)
        return [
            break_even(
                amount.removed(self.counts.train),
                list_s,
                self._retraining_s(Amount.of_rate(0)),
                self._retraining_s(amount),
            )
            for amount in self.experiment.selection.amounts()
        ]

    def _retraining_s(self, amount: Amount) -> float:
        """Return what a training takes, of the recipe's epochs, on so much of the images."""
        return self._cost("retraining", "retrain_model", {"budget": "epochs", "amount": str(amount)}).seconds


def sum_stages(jobs: list[Job]) -> list[dict]:
    """Return one row per stage, in the order of the workflow, and one of all of them.

    Returns
    -------
    list of dict
        stage, jobs, jobs_left, seconds (of all jobs, one after another), low_s and high_s (two standard errors less and
        more: as of jobs of one kind, which err alike, added up), left_s (of those that are not done), cpu_hours (cores
        times hours of jobs that run on no GPU), gpu_hours, seconds_of_a_job (the mean), memory_mb (of the largest job)
        and disk_bytes.
    """
    stages: dict[str, list[Job]] = {}
    for job in jobs:
        stages.setdefault(job.stage, []).append(job)
    rows = [{"stage": stage} | _sum(stages[stage]) for stage in ORDER if stage in stages]
    errors = math.sqrt(sum((row["high_s"] - row["seconds"]) ** 2 for row in rows))
    total = {"stage": "all"} | _sum(jobs)
    return [*rows, total | _range(total["seconds"], errors)]


def _sum(jobs: list[Job]) -> dict:
    seconds = sum(job.cost.seconds for job in jobs)
    return {
        "jobs": len(jobs),
        "jobs_left": sum(not job.done for job in jobs),
        "seconds": seconds,
        **_range(seconds, 2 * sum(job.cost.error_s for job in jobs)),
        "left_s": sum(job.cost.seconds for job in jobs if not job.done),
        "cpu_hours": sum(job.cost.seconds * job.threads for job in jobs if not job.gpus) / 3600,
        "gpu_hours": sum(job.cost.seconds * job.gpus for job in jobs) / 3600,
        "seconds_of_a_job": seconds / len(jobs),
        "memory_mb": max(job.cost.memory_mb for job in jobs),
        "disk_bytes": sum(job.cost.disk_bytes for job in jobs),
    }


def _range(seconds: float, error: float) -> dict:
    return {"low_s": max(0.0, seconds - error), "high_s": seconds + error}
