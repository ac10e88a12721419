"""How much work a job of the workflow is, by its path: what it does grows with the images it is about.

The path of a job is that of its log and its benchmark below their folders, such as
``training/base/fraction-20/seed-0``. Units of work are arbitrary, of each kind of job its own: two jobs of one kind
differ in their number alone.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from score_extrapolation.passes import PASSES_OF_A_STEP

from ..amounts import PATTERN as AMOUNT_PATTERN
from ..amounts import removed
from ..config.experiment import Config
from ..parts import EVERYTHING, as_fraction, is_within, size
from .counts import Counts

# What a query costs beside its distances, in distances: on two cores 40,000 queries among 10,000 took 4.1 s, of which
# the distances, as one matrix product, were 2.1 s.
DISTANCES_OF_A_QUERY = 10_000


class Work(NamedTuple):
    """What one job does.

    Attributes
    ----------
    kind : str
        Jobs of one kind differ in nothing but the number of images, and the epochs, that they are about.
    units : float
        That its seconds grow with; 0: they do not, or hardly.
    rows : float
        That its memory and the size of its files grow with: images, or images times epochs of what is recorded.
    """

    kind: str
    units: float
    rows: float


class _Job(NamedTuple):
    """A job's path in pieces: m images that are trained on, among the n of which the job is."""

    words: list[str]
    m: float
    n: float
    rate: float
    shards: int
    experiment: Config
    counts: Counts


def work_of(path: str, experiment: Config, counts: Counts) -> Work:
    """Return the work of a job.

    Parameters
    ----------
    path : str
        Below the folder of logs or benchmarks, without suffix.
    experiment : Config
    counts : Counts
        Of the images of this experiment.
    """
    part = next(iter(re.findall(r"fraction-([^/]+)", path)), EVERYTHING)
    universe = part.split("-")[2] if is_within(part) else EVERYTHING
    amount = re.search(rf"/({AMOUNT_PATTERN})", path)
    shards = next(iter(re.findall(r"/\d+-of-(\d+)", path)), "1")
    job = _Job(
        words=path.split("/"),
        m=counts.train * as_fraction(size(part)),
        n=counts.train * as_fraction(universe),
        rate=removed(amount[1], counts.train) if amount else 0.0,
        shards=int(shards),
        experiment=experiment,
        counts=counts,
    )
    units, rows = WORK_OF_STAGES.get(job.words[0], _constant)(job)
    return Work(_kind(path), units, rows)


def _kind(path: str) -> str:
    """Return the path without what does not change a job's cost per unit."""
    # Who drew a subset matters where it is drawn; afterwards it is so many images.
    numbers = r"fraction-[\d.]+(-within-[\d.]+)?" if path.startswith("subset/") else "fraction-[^/]+"
    path = re.sub(rf"/({AMOUNT_PATTERN})", "/rate", path)
    kind = re.sub(r"\d+-of-\d+", "shard", re.sub(r"seed-[^/]+", "seed", re.sub(numbers, "fraction", path)))
    for pattern, simpler in SIMPLER_KINDS:
        kind = re.sub(pattern, simpler, kind)
    return kind


# Jobs that differ in the scores that they are of, or in who chose what is kept, cost the same.
SIMPLER_KINDS = (
    ("^(extrapolation|evaluation/cross_validation)/fraction/seed/[^/]+/", r"\1/"),
    ("^(selection)/([^/]+)/.*", r"\1/\2"),
    ("^(trials|retraining|evaluation/robustness|report/scores|report/images)/.*", r"\1"),
)


def _constant(job: _Job) -> tuple[float, float]:
    return 0, 0


def _samples(job: _Job) -> tuple[float, float]:
    images = job.counts.train + job.counts.test + job.counts.validation
    return images, images


def _all_images(job: _Job) -> tuple[float, float]:
    return job.n / job.shards, job.n / job.shards


def _training(job: _Job) -> tuple[float, float]:
    passes = job.m * job.experiment.recipes()[job.words[1]]["epochs"]
    return passes, passes


def _scores(job: _Job) -> tuple[float, float]:
    score = job.experiment.score(job.words[-1])
    return job.m * job.experiment.recipes()[score["training"]]["epochs"], job.m


def _predictions(job: _Job) -> tuple[float, float]:
    return (job.n - job.m) / job.shards, (job.n - job.m) / job.shards


def _neighbors(job: _Job) -> tuple[float, float]:
    scope = next(word for word in job.words if word in ("subset", "label", "all"))
    queries, base = (job.n, job.n) if scope == "all" else (job.n - job.m, job.m)
    distances = base / job.counts.classes if scope == "label" else base
    return queries / job.shards * (distances + DISTANCES_OF_A_QUERY), job.n / job.shards


def _retraining(job: _Job) -> tuple[float, float]:
    recipe, kept = job.experiment.retraining, job.n * (1 - job.rate)
    seen = recipe.epochs * (job.n if job.words[1] == "steps" else kept)
    # An adversarial training attacks what it trains on, and the images that choose its best epoch.
    attacks = recipe.paradigm.get("steps", 0)
    chosen_by = min(recipe.paradigm.get("best_of") or 0, job.counts.validation)
    steps = seen * (1 + attacks) + recipe.epochs * chosen_by * attacks
    return PASSES_OF_A_STEP * steps + job.counts.test + job.counts.validation, kept


def _trials(job: _Job) -> tuple[float, float]:
    """Trainings on what is kept of a subset, each of which is asked about all images outside it."""
    retraining, tried = job.experiment.retraining, job.experiment.tried()
    assert tried, "trials are of a method that is chosen by them"
    repeats, kept = job.experiment.selection_method(tried)["repeats"], job.m * (1 - job.rate)
    seen = retraining.epochs * (job.m if retraining.budgets[0] == "steps" else kept)
    return repeats * (PASSES_OF_A_STEP * seen + job.n - job.m), kept


def _evaluation(job: _Job) -> tuple[float, float]:
    """What is attacked, compared or searched; tables of runs are as long as these are many."""
    evaluation, seeds = job.experiment.evaluation, len(job.experiment.seeds)
    drawn = [job.counts.train * as_fraction(size(part)) for part in job.experiment.parts()]
    attacked = evaluation.robustness.images if evaluation.robustness else 0
    units = {
        "cross_validation": lambda: job.m,
        "robustness": lambda: min(attacked, job.counts.test),
        "coverage": lambda: seeds * len(evaluation.coverage) * sum(job.n * m for m in drawn),
        "neighborhoods": lambda: seeds * job.n,
        "found_labels": lambda: seeds * job.n,
    }.get(job.words[1])
    return (units(), job.n) if units else (0, 0)


WORK_OF_STAGES: dict[str, Callable[[_Job], tuple[float, float]]] = {
    "samples": _samples,
    "subset": _all_images,
    "training": _training,
    "scores": _scores,
    "embeddings": _all_images,
    "training_free": _all_images,
    "predictions": _predictions,
    "neighbors": _neighbors,
    "extrapolation": _all_images,
    "trials": _trials,
    "selection": _all_images,
    "retraining": _retraining,
    "evaluation": _evaluation,
}
