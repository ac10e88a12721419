"""The experiment in small: first as small as it can be, then larger, as far as some minutes allow."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from score_extrapolation.cuda import has_cuda
from score_extrapolation.io.atomic import read_json, write_json

from ..config import Config, read_config
from ..names import RANDOM, Amount, Arm
from ..nested_run import ListedJob, list_jobs, needs_of
from ..record import FOLDER, Record
from ..results import retraining_folder
from .clock import Task, start_seconds
from .counts import Counts
from .forecast import Costs
from .small import fewest_images, in_small
from .work import work_of

LONGEST_S = 90  # that a larger run may take, one job after another on each core, as far as is known before it
# From run to run: less would tell little more, and what little was seen is not trusted with more.
LEAST_GROWTH, MOST_GROWTH = 3, 8


def calibrate(raw: dict, counts: Counts, cores: int, run: Callable[[Path, list[str]], None]) -> dict:
    """Run the experiment in small and return what its jobs took.

    Parameters
    ----------
    raw : dict
        The experiment's config, merged, as it was read.
    counts : Counts
        Of the experiment.
    cores : int
        That the runs have.
    run : callable (config's path, targets)
        Runs what they need, or the rest of it.

    Returns
    -------
    dict
        jobs, gpu and start_s, as of `Forecast`; images: training images of each run.
    """
    experiment, most = read_config(raw), counts.most_in_a_copy()
    n = min(fewest_images(experiment, counts), most)
    # All there is, tables and figures too, which cost what they cost whatever the number of images.
    config, small, scaled = _write_copy(raw, experiment, counts, n, truth=True)
    targets = ["report", *_retrained(small)]
    listed = list_jobs(config, small.path(""), targets, everything=True)
    began, clock = time.monotonic(), Path(small.path("clock.json"))
    run(config, targets)
    if not clock.exists():
        write_json(clock, {"seconds": time.monotonic() - began})
    measured = [_measured(job, small, scaled) for job in listed]
    tasks = [
        Task(took["seconds"], job.threads, 0.0, needs)
        for took, job, needs in zip(measured, listed, needs_of(listed), strict=True)
    ]
    images = [n]
    # Of what grows with the images, jobs of each kind; without full-data scores, which are as long as all the rest.
    config, whole, _ = _write_copy(raw, experiment, counts, most, truth=False)
    growing = _growing(
        list_jobs(config, whole.path(""), ["report", *_retrained(whole)], everything=True), whole, counts
    )
    needed = list_jobs(config, whole.path(""), [whole.path(name) for name in growing], everything=True)
    while size := _next_size(images, needed, Costs(measured), whole, counts, cores):
        config, larger, scaled = _write_copy(raw, experiment, counts, size, truth=False)
        targets = [larger.path(name) for name in growing]
        listed = list_jobs(config, larger.path(""), targets, everything=True)
        run(config, targets)
        measured += [_measured(job, larger, scaled) for job in listed]
        images.append(size)
    return {
        "jobs": measured,
        "gpu": has_cuda() and experiment.device != "cpu",
        "start_s": start_seconds(tasks, cores, read_json(clock)["seconds"]),
        "images": images,
    }


def _write_copy(raw: dict, experiment: Config, counts: Counts, n: int, truth: bool) -> tuple[Path, Config, Counts]:
    copied, scaled = in_small(raw, experiment, counts, f"of-{n}", n, truth)
    small = read_config(copied)
    path = Path(small.path("config.json"))
    write_json(path, copied)
    return path, small, scaled


def _retrained(small: Config) -> list[str]:
    """Return trainings on everything and on a random part, for the break-even; an experiment may have none itself."""
    amounts = dict.fromkeys([Amount.of_rate(0), *small.selection.amounts()])
    run = small.retraining.budgets[0], Arm(RANDOM), small.seeds[0]
    return [small.path(f"{retraining_folder(*run, amount)}/metrics.json") for amount in amounts]


def _growing(listed: list[ListedJob], experiment: Config, counts: Counts) -> list[str]:
    """Return a file of the job with the least and of that with the most work, of each kind that has any.

    Named as in the folder of the experiment.
    """
    kinds: dict[str, list[tuple[float, int]]] = {}
    for i, job in enumerate(listed):
        work = work_of(job.rule, job.wildcards, experiment, counts)
        if work.units:
            kinds.setdefault(work.kind, []).append((work.units, i))
    chosen = {i for found in kinds.values() for _, i in (min(found), max(found))}
    return [listed[i].outputs[0].removeprefix(experiment.path("")) for i in sorted(chosen)]


def _next_size(
    images: list[int], needed: list[ListedJob], costs: Costs, experiment: Config, counts: Counts, cores: int
) -> int | None:
    """Return how many images the next run has, as many as it can afford; None: so few that it would not tell much.

    A job is taken to cost a standard error more than is likely. The second run is made anyway: how much of a job's time
    is its work and how much its beginning, one run alone does not say.
    """
    most = counts.most_in_a_copy()
    least, size = (min(most, growth * images[-1]) for growth in (LEAST_GROWTH, MOST_GROWTH))
    if images[-1] == most:
        return None
    while size >= least:
        scaled = counts.scaled(size / counts.train)
        found = [
            (costs.of(job.stage, work_of(job.rule, job.wildcards, experiment, scaled)), min(job.threads, cores))
            for job in needed
        ]
        if sum((cost.seconds + cost.error_s) * threads for cost, threads in found) <= LONGEST_S * cores:
            return size
        size //= 2
    return least if len(images) == 1 else None


def _measured(job: ListedJob, experiment: Config, counts: Counts) -> dict:
    """Return what a job that was run took, beside its work."""
    record = Record.from_json(read_json(experiment.path(f"{FOLDER}/{job.path}.json")))
    work = work_of(job.rule, job.wildcards, experiment, counts)
    return {
        "stage": job.stage,
        **work._asdict(),
        "seconds": record.seconds,
        "memory_mb": record.memory_mb,
        "disk_bytes": sum(_size(output) for output in job.outputs),
    }


def _size(path: str) -> int:
    """Return the bytes of a file or folder; 0 of one that was removed after its use."""
    if os.path.isdir(path):
        return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(path) for name in names)
    return os.path.getsize(path) if os.path.exists(path) else 0
