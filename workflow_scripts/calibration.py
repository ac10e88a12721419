"""The experiment in small, run twice: first as small as it can be, then as large as some minutes allow."""

import csv
import os
import time
from collections.abc import Callable
from pathlib import Path

from nested_run import ListedJob, list_jobs, needs_of
from score_extrapolation.atomic import read_json, write_json
from score_extrapolation.config import Config, read_config
from score_extrapolation.driver import has_cuda
from score_extrapolation.parts import percent
from score_extrapolation.planning.clock import Task, start_seconds
from score_extrapolation.planning.counts import Counts
from score_extrapolation.planning.forecast import Costs
from score_extrapolation.planning.small import fewest_images, in_small
from score_extrapolation.planning.work import work_of

LARGE_S = 120  # what the larger run may take, one job after another on each core
STEP = 3  # the larger run is so many times the smaller one or more


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
        jobs, gpu and start_s, as of `Forecast`; images, (2,): training images of the two runs.
    """
    experiment, n_small = read_config(raw), fewest_images(read_config(raw), counts)
    # All there is, tables and figures too, which cost what they cost whatever the number of images.
    config, small, scaled = _write_copy(raw, experiment, counts, "small", n_small)
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
    # Of what grows with the images, jobs of each kind; without full-data scores, which are as long as all the rest.
    config, large, _ = _write_copy(raw, experiment, counts, "large", n_small)
    growing = _chosen(list_jobs(config, large.path(""), ["report", *_retrained(large)], everything=True), large, counts)
    targets = [job.outputs[0] for job in growing]
    needed = list_jobs(config, large.path(""), targets, everything=True)
    n_large = _affordable(needed, Costs(measured), large, counts, cores, min(counts.train, STEP * n_small))
    if n_large > n_small:
        config, large, scaled = _write_copy(raw, experiment, counts, "large", n_large)
        run(config, targets)
        measured += [_measured(job, large, scaled) for job in needed]
    return {
        "jobs": measured,
        "gpu": has_cuda() and experiment.device != "cpu",
        "start_s": start_seconds(tasks, cores, read_json(clock)["seconds"]),
        "images": [n_small, n_large],
    }


def _write_copy(raw: dict, experiment: Config, counts: Counts, name: str, n: int) -> tuple[Path, Config, Counts]:
    copied, scaled = in_small(raw, experiment, counts, name, n, truth=name == "small")
    small = read_config(copied)
    path = Path(small.path("config.json"))
    write_json(path, copied)
    return path, small, scaled


def _retrained(small: Config) -> list[str]:
    """Return trainings on everything and on a random part, for the break-even; an experiment may have none itself."""
    return [
        small.path(f"retraining/{small.retraining.budgets[0]}/random/seed-{small.seeds[0]}/rate-{rate}/metrics.json")
        for rate in ("0", *map(percent, small.selection.rates))
        if rate == "0" or percent(small.selection.rates[0]) != "0"
    ]


def _chosen(listed: list[ListedJob], experiment: Config, counts: Counts) -> list[ListedJob]:
    """Return, of each kind of job that grows with the images, that with the least and that with the most work."""
    kinds: dict[str, list[tuple[float, int]]] = {}
    for i, job in enumerate(listed):
        work = work_of(job.path, experiment, counts)
        if work.units:
            kinds.setdefault(work.kind, []).append((work.units, i))
    return [listed[i] for i in sorted({i for found in kinds.values() for i in (min(found)[1], max(found)[1])})]


def _affordable(
    listed: list[ListedJob], costs: Costs, experiment: Config, counts: Counts, cores: int, least: int
) -> int:
    """Return the number of images, of the experiment's or a half, a quarter, ... of them, whose run is short enough."""
    n = counts.train
    while n > least:
        found = [
            (costs.of(work_of(job.path, experiment, counts.scaled(n / counts.train))), job.threads) for job in listed
        ]
        if sum((cost.seconds + 2 * cost.error_s) * min(threads, cores) for cost, threads in found) <= LARGE_S * cores:
            break
        n = max(least, n // 2)
    return n


def _measured(job: ListedJob, experiment: Config, counts: Counts) -> dict:
    """Return what a job that was run took, beside its work."""
    with open(experiment.path(f"benchmarks/{job.path}.tsv")) as file:
        (row,) = csv.DictReader(file, delimiter="\t")
    work = work_of(job.path, experiment, counts)
    return {
        **work._asdict(),
        "seconds": float(row["s"]),
        "memory_mb": 0.0 if row["max_rss"] in ("NA", "-") else float(row["max_rss"]),
        "disk_bytes": sum(_size(output) for output in job.outputs),
    }


def _size(path: str) -> int:
    """Return the bytes of a file or folder; 0 of one that was removed after its use."""
    if os.path.isdir(path):
        return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(path) for name in names)
    return os.path.getsize(path) if os.path.exists(path) else 0
