"""How much work a job of the workflow is: what it does grows with the images that it is of.

Units of work are arbitrary, of each kind of job its own: two jobs of one kind differ in their number alone.
"""

from collections.abc import Callable
from typing import NamedTuple

from score_extrapolation.passes import PASSES_OF_A_STEP

from ..config import Config
from ..names import EVERYTHING, Amount, Part, Shard
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
    """A job: m images are trained on, among the n of which the job is."""

    rule: str
    wildcards: dict[str, str]
    m: float
    n: float
    rate: float
    shards: int
    experiment: Config
    counts: Counts


def work_of(rule: str, wildcards: dict[str, str], experiment: Config, counts: Counts) -> Work:
    """Return the work of a job.

    Parameters
    ----------
    rule : str
    wildcards : dict of str to str
    experiment : Config
    counts : Counts
        Of the images of this experiment.
    """
    name = wildcards.get("part") or wildcards.get("fraction")
    part = Part.parse(name) if name else EVERYTHING
    job = _Job(
        rule=rule,
        wildcards=wildcards,
        m=counts.train * part.fraction,
        n=counts.train * part.universe.fraction,
        rate=Amount.parse(wildcards["amount"]).removed(counts.train) if "amount" in wildcards else 0.0,
        shards=Shard.parse(wildcards["scatteritem"]).n_shards if "scatteritem" in wildcards else 1,
        experiment=experiment,
        counts=counts,
    )
    units, rows = WORK_OF_RULES.get(rule, _constant)(job)
    return Work(_kind(rule, wildcards, part), units, rows)


# Wildcards that do not change what a job costs per unit of work.
COUNTED = {"part", "fraction", "seed", "amount", "scatteritem", "budget"}
# Jobs of these rules cost the same whoever chose what is kept, and whatever the scores.
OF_ANY_ARM = {"retrain_model", "try_selection", "try_without_score", "measure_robustness"}
OF_ANY_SCORES = {"plot_scores", "plot_contact_sheets"}


def _kind(rule: str, wildcards: dict[str, str], part: Part) -> str:
    """Return the rule, and what else tells jobs apart that differ in more than the number of their images."""
    told = {name: value for name, value in wildcards.items() if name not in COUNTED}
    if rule in OF_ANY_ARM | OF_ANY_SCORES:
        told = {}
    elif "method" in told:
        told = {"method": told["method"]}
    elif "extrapolator" in told:
        told.pop("score", None)
    if rule == "draw_subset":  # afterwards it does not matter who drew a subset
        told["sampler"] = part.sampler
    return " ".join([rule, *told.values()])


def _constant(job: _Job) -> tuple[float, float]:
    return 0, 0


def _samples(job: _Job) -> tuple[float, float]:
    images = job.counts.train + job.counts.test + job.counts.validation
    return images, images


def _all_images(job: _Job) -> tuple[float, float]:
    return job.n / job.shards, job.n / job.shards


def _training(job: _Job) -> tuple[float, float]:
    passes = job.m * job.experiment.recipes()[job.wildcards["recipe"]]["epochs"]
    return passes, passes


def _scores(job: _Job) -> tuple[float, float]:
    score = job.experiment.score(job.wildcards["score"])
    return job.m * job.experiment.recipes()[score["training"]]["epochs"], job.m


def _predictions(job: _Job) -> tuple[float, float]:
    return (job.n - job.m) / job.shards, (job.n - job.m) / job.shards


def _neighbors(job: _Job) -> tuple[float, float]:
    scope = job.wildcards["scope"]
    queries, base = (job.n, job.n) if scope == "all" else (job.n - job.m, job.m)
    distances = base / job.counts.classes if scope == "label" else base
    return queries / job.shards * (distances + DISTANCES_OF_A_QUERY), job.n / job.shards


def _retraining(job: _Job) -> tuple[float, float]:
    recipe, kept = job.experiment.retraining, job.n * (1 - job.rate)
    seen = recipe.epochs * (job.n if job.wildcards["budget"] == "steps" else kept)
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


def _validation(job: _Job) -> tuple[float, float]:
    return job.m, job.n


def _attacks(job: _Job) -> tuple[float, float]:
    robustness = job.experiment.evaluation.robustness
    return min(robustness.images if robustness else 0, job.counts.test), job.n


def _coverage(job: _Job) -> tuple[float, float]:
    drawn = sum(job.counts.train * part.fraction for part in job.experiment.parts())
    spaces = len(job.experiment.evaluation.coverage)
    return len(job.experiment.seeds) * spaces * job.n * drawn, job.n


def _of_each_seed(job: _Job) -> tuple[float, float]:
    return len(job.experiment.seeds) * job.n, job.n


# Of every other rule, which makes tables and figures of runs, the work does not depend on the images.
WORK_OF_RULES: dict[str, Callable[[_Job], tuple[float, float]]] = {
    "prepare_samples": _samples,
    "draw_subset": _all_images,
    "train_subset": _training,
    "train_unsupervised": _training,
    "try_classes": _training,
    "score_subset": _scores,
    "embed_samples": _all_images,
    "share_embeddings": _all_images,
    "gather_embeddings": _all_images,
    "embed_pretrained": _all_images,
    "score_embeddings": _all_images,
    "predict_samples": _predictions,
    "find_neighbors": _neighbors,
    "extrapolate_scores": _all_images,
    "extrapolate_shard": _all_images,
    "gather_scores": _all_images,
    "train_extrapolator": _all_images,
    "join_neighbors": _all_images,
    "infer_layer": _all_images,
    "choose_extrapolator": _all_images,
    "try_selection": _trials,
    "try_without_score": _trials,
    "select_by_score": _all_images,
    "select_without_score": _all_images,
    "retrain_model": _retraining,
    "cross_validate_extrapolator": _validation,
    "measure_robustness": _attacks,
    "measure_coverage": _coverage,
    "describe_neighborhoods": _of_each_seed,
    "describe_labels": _of_each_seed,
}
