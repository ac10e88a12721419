"""What a study consists of: the files and settings of every run, from which the evaluation makes its tables."""

from collections.abc import Iterator
from itertools import combinations

from score_extrapolation.config import AUTO, Config
from score_extrapolation.parts import EVERYTHING, nested, percent, trained, universe
from score_extrapolation.plugins import method_constant
from score_extrapolation.shards import STAGES, shard_names

# The tables that the job of a stage reads to write its own, beside those of the samples.
READ_BY = {
    "dynamics": ("subset",),
    "scores": ("dynamics",),
    "embeddings": ("dynamics",),
    "predictions": ("embeddings",),
    "neighbors": ("embeddings",),
}
REFERENCE = ("random", 0.0)  # nothing removed at random: the training without pruning


def universe_path(part: str, seed) -> str:
    """Return where the table of the samples lies among which a part is, without its suffix."""
    within = universe(part)
    return "samples/train" if within == EVERYTHING else f"subset/fraction-{within}/seed-{seed}"


def scores_path(score: str, part: str, seed) -> str:
    """Return where the scores lie of the samples of a part that were trained on, without its suffix."""
    return f"scores/fraction-{trained(part)}/seed-{seed}/{score}"


def extrapolated_path(score: str, extrapolator: str, part: str, seed) -> str:
    """Return where an extrapolator's scores lie of all samples of a part, without its suffix."""
    return f"extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}"


def table_path(experiment: Config, name: str, score: str, part: str, seed) -> str:
    """Return where in the results the table lies that an extrapolator needs under a name, without its suffix.

    Parameters
    ----------
    experiment : Config
    name : str
        One of those that an extrapolator's ``needs()`` returns.
    score : str
        The one that is extrapolated.
    part : str
        As in `parts`.
    seed : int or str
    """
    stage, *scope = name.split("/")
    if stage == "nested":
        return table_path(experiment, "/".join(scope), score, nested(part, experiment.subset.nested), seed)
    recipe, own = experiment.score(score)["training"], f"fraction-{trained(part)}/seed-{seed}"
    return {
        "samples": universe_path(part, seed),
        "subset": f"subset/{own}",
        "dynamics": f"training/{recipe}/{own}/dynamics",
        "scores": scores_path(score, part, seed),
    }.get(stage) or "/".join([stage, recipe, f"fraction-{part}/seed-{seed}", *scope])


def sharded(experiment: Config, path: str) -> list[str]:
    """Return the paths of the shards of what lies at a path; where nothing is split, that alone."""
    return [path] if experiment.shards == 1 else [f"{path}/{shard}" for shard in shard_names(experiment.shards)]


def table_paths(experiment: Config, name: str, score: str, part: str, seed, shard: str | None = None) -> list[str]:
    """Return the paths of a table's shards, as `table_path` that of a whole one.

    Of what one `shard` of the samples reads, that of its own rows, unless the table is of the task within the subset.
    """
    path, stage = table_path(experiment, name, score, part, seed), name.split("/")[0]
    if shard and stage in STAGES:
        return [f"{path}/{shard}"]
    return sharded(experiment, path) if name.removeprefix("nested/").split("/")[0] in STAGES else [path]


def layer_path(score: str, extrapolator: str, part: str, seed, layer: int) -> str:
    """Return where a layer lies of an extrapolator that has several, without shard and suffix."""
    return f"{extrapolated_path(score, extrapolator, part, seed)}/layer-{layer}"


def n_layers(experiment: Config, extrapolator: str) -> int:
    """Return how many layers an extrapolator, given by its label, has."""
    return method_constant("extrapolators", experiment.extrapolators()[extrapolator]["name"], "LAYERS")


def agreement_rows(experiment: Config) -> list[dict]:
    """Return one row per run of an extrapolator, as `evaluation.agreement.tabulate_agreement` takes them."""
    rows = []
    for run in _runs(experiment):
        extrapolated = extrapolated_path(run["score"], run["extrapolator"], run["fraction"], run["seed"])
        truth = scores_path(run["score"], EVERYTHING, run["seed"])
        rows.append(run | _tables(experiment, extrapolated=extrapolated, truth=truth))
    return rows


def _runs(experiment: Config) -> list[dict]:
    """Return score, extrapolator, fraction (a percentage) and seed of every run of an extrapolator."""
    return [
        {"score": score["name"], "extrapolator": extrapolator, "fraction": percent(fraction), "seed": seed}
        for score in experiment.scores
        for fraction in experiment.subset.fractions
        for extrapolator in experiment.extrapolated()
        for seed in experiment.seeds
    ]


def _tables(experiment: Config, **paths: str) -> dict[str, str]:
    return {name: experiment.path(f"{path}.parquet") for name, path in paths.items()}


def validated_rows(experiment: Config) -> list[dict]:
    """Return one row per run of an extrapolator that can be cross-validated, as `evaluation.estimates` takes them."""
    if "cross_validation" not in experiment.evaluation.estimates:
        return []
    path = "evaluation/cross_validation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.json"
    return [
        run | {"metrics": experiment.path(path.format(**run))}
        for run in _runs(experiment)
        if can_be_validated(experiment, run["extrapolator"])
    ]


def can_be_validated(experiment: Config, extrapolator: str) -> bool:
    """Say whether an extrapolator learns from the subset's scores alone, so that a part of them can be left out."""
    if extrapolator == AUTO:
        return False
    known = ("samples", "subset", "embeddings", "neighbors")
    return all(name.split("/")[0] in known for name in experiment.needs(extrapolator))


def nested_rows(experiment: Config) -> list[dict]:
    """Return one row per run of an extrapolator within a subset, as `evaluation.estimates` takes them."""
    if "nested" not in experiment.evaluation.estimates:
        return []
    rows = []
    for run in _runs(experiment):
        if run["extrapolator"] != AUTO:
            part = nested(run["fraction"], experiment.subset.nested)
            extrapolated = extrapolated_path(run["score"], run["extrapolator"], part, run["seed"])
            truth = scores_path(run["score"], run["fraction"], run["seed"])
            rows.append(run | _tables(experiment, extrapolated=extrapolated, truth=truth))
    return rows


def shift_rows(experiment: Config) -> list[dict]:
    """Return one row per training, beside the one nested in it, as `evaluation.estimates` takes them."""
    if "nested" not in experiment.evaluation.estimates:
        return []
    rows = []
    for score in experiment.scores:
        for fraction in map(percent, experiment.subset.fractions):
            for seed in experiment.seeds:
                scores = scores_path(score["name"], fraction, seed)
                smaller = scores_path(score["name"], nested(fraction, experiment.subset.nested), seed)
                run = {"score": score["name"], "fraction": fraction, "seed": seed}
                rows.append(run | _tables(experiment, scores=scores, nested_scores=smaller))
    return rows


def ceiling_rows(experiment: Config) -> list[dict]:
    """Return one row per pair of seeds, as `evaluation.agreement.tabulate_ceiling` takes them."""
    rows = []
    for score in experiment.scores:
        for seed, other in combinations(experiment.seeds, 2):
            scores, other_scores = (scores_path(score["name"], EVERYTHING, s) for s in (seed, other))
            run = {"score": score["name"], "seed": seed, "other_seed": other}
            rows.append(run | _tables(experiment, scores=scores, other_scores=other_scores))
    return rows


def retraining_rows(experiment: Config, arms: list[str]) -> list[dict]:
    """Return one row per retrained model, as `evaluation.retraining.tabulate_retraining` takes them.

    Parameters
    ----------
    experiment : Config
    arms : list of str
        Ways to choose what is kept: ``random``, ``top/du/knn-10/fraction-20``. The reference without pruning is added.
    """
    # Keys, not a set: each once, in the order of the config.
    models = dict.fromkeys([*((arm, rate) for arm in arms for rate in experiment.selection.rates), REFERENCE])
    rows = []
    for arm, rate in models:
        method, score, extrapolator, fraction = [*arm.split("/"), None, None, None][:4]
        settings = {
            "arm": arm,
            "method": method,
            "score": score,
            "extrapolator": extrapolator,
            "fraction": fraction and fraction.removeprefix("fraction-"),
            "rate": rate,
        }
        for seed in experiment.seeds:
            run = f"{arm}/seed-{seed}/rate-{percent(rate)}"
            part = fraction and fraction.removeprefix("fraction-")
            jobs = {
                "samples": ["samples"],
                **(_scoring_jobs(experiment, score, extrapolator, part, seed) if score else {}),
                "selection": [f"selection/{run}"],
                "retraining": [f"retraining/{run}"],
            }
            benchmarks = {
                stage: [experiment.path(f"benchmarks/{path}.tsv") for path in paths] for stage, paths in jobs.items()
            }
            metrics = experiment.path(f"retraining/{run}/metrics.json")
            rows.append({**settings, "seed": seed, "metrics": metrics, "benchmarks": benchmarks})
    return rows


def _scoring_jobs(experiment: Config, score: str, extrapolator: str, part: str, seed) -> dict[str, list[str]]:
    """Return the jobs that it takes to score every sample: of each stage, their paths in the folder of benchmarks.

    Those of the smaller task within the subset are a stage of their own, ``nested``.
    """
    found = list(_jobs(experiment, "scores", score, part, seed))
    if extrapolator == AUTO:
        # To choose, all are run, and all of them within the subset too.
        within = nested(part, experiment.subset.nested)
        for candidate in experiment.extrapolators():
            found += _extrapolation_jobs(experiment, score, candidate, part, seed)
            smaller = [*_jobs(experiment, "scores", score, within, seed)]
            smaller += _extrapolation_jobs(experiment, score, candidate, within, seed)
            found += [("nested", path) for _, path in smaller]
        found.append(("extrapolation", extrapolated_path(score, AUTO, part, seed)))
    elif extrapolator != "computed":
        found += _extrapolation_jobs(experiment, score, extrapolator, part, seed)
    jobs: dict[str, list[str]] = {}
    for stage, path in dict.fromkeys(found):
        jobs.setdefault(stage, []).append(path)
    return jobs


def _extrapolation_jobs(experiment: Config, score: str, extrapolator: str, part: str, seed) -> list[tuple[str, str]]:
    """Return (stage, path) of the jobs that an extrapolator takes beside those of the scores."""
    names = experiment.needs(extrapolator)
    jobs = [job for name in names for job in _jobs(experiment, name, score, part, seed)]
    path, split = extrapolated_path(score, extrapolator, part, seed), experiment.split(extrapolator)
    own = sharded(experiment, path) if split == "samples" else []
    if split == "layers":
        layers = range(1, n_layers(experiment, extrapolator) + 1)
        steps = [f"{path}/graph", *(layer_path(score, extrapolator, part, seed, layer) for layer in layers)]
        own = [f"{path}/network", *(shard for step in steps for shard in sharded(experiment, step))]
    return [*jobs, *(("extrapolation", job) for job in (*own, path))]


def _jobs(experiment: Config, name: str, score: str, part: str, seed) -> Iterator[tuple[str, str]]:
    """Yield (stage, path) of each job that a table takes, its own last; that of the samples, which all need, apart."""
    stage, *scope = name.split("/")
    if stage == "nested":
        within = nested(part, experiment.subset.nested)
        yield from (("nested", path) for _, path in _jobs(experiment, "/".join(scope), score, within, seed))
    elif stage != "samples":
        for read in READ_BY.get(stage, ()):
            yield from _jobs(experiment, read, score, part, seed)
        if stage == "neighbors" and experiment.shards > 1:
            yield ("embeddings", f"{table_path(experiment, 'embeddings', score, part, seed)}/gathered")
        for path in table_paths(experiment, name, score, part, seed):
            yield ("training", path.removesuffix("/dynamics")) if stage == "dynamics" else (stage, path)
