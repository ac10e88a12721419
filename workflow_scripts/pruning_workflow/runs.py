"""What a study consists of: the files and settings of every run, from which the evaluation makes its tables."""

from collections.abc import Iterator
from itertools import combinations

from score_extrapolation.plugins import method_constant

from .amounts import as_settings
from .config.experiment import AUTO, Config
from .config.sections import PRETRAINED
from .parts import EVERYTHING, NOTHING, nested, sampler, size
from .results import (
    SPACES,
    extrapolated_path,
    labels_folder,
    labels_found_in,
    layer_path,
    n_layers,
    network_path,
    scores_path,
    sharded,
    space_paths,
    table_path,
    table_paths,
    training_free_path,
    trial_path,
)

# The tables that the job of a stage reads to write its own, beside those of the samples.
READ_BY = {
    "dynamics": ("subset",),
    "scores": ("dynamics",),
    "embeddings": ("dynamics",),
    "predictions": ("embeddings",),
    "neighbors": ("embeddings",),
}
# Where jobs note how many images they trained on or predicted, by the stage that their paths begin with.
NOTED = {
    "training": "{}/metrics.json",
    "embeddings": "{}.parquet",
    "predictions": "{}.parquet",
    "retraining": "{}/metrics.json",
    "trials": "{}.json",
}
REFERENCE = ("random", "rate-0")  # nothing removed at random: the training without pruning


def agreement_rows(experiment: Config) -> list[dict]:
    """Return one row per run of an extrapolator, as `evaluation.agreement.tabulate_agreement` takes them."""
    rows = []
    for run in _runs(experiment):
        extrapolated = extrapolated_path(run["score"], run["extrapolator"], run["part"], run["seed"])
        truth = scores_path(run["score"], EVERYTHING, run["seed"])
        rows.append(_described(run) | _tables(experiment, extrapolated=extrapolated, truth=truth))
    return rows


def _runs(experiment: Config) -> list[dict]:
    """Return score, part, extrapolator and seed of every run of an extrapolator."""
    return [
        {"score": score["name"], "part": part, "extrapolator": extrapolator, "seed": seed}
        for score in experiment.scores
        for part in experiment.parts()
        for extrapolator in experiment.extrapolated()
        for seed in experiment.seeds
    ]


def _described(run: dict) -> dict:
    """Return a run as tables say it: its part as fraction (a percentage) and sampler."""
    described = run | {"fraction": size(run["part"]), "sampler": sampler(run["part"])}
    return {key: described[key] for key in ("score", "extrapolator", "fraction", "sampler", "seed") if key in described}


def _tables(experiment: Config, **paths: str) -> dict[str, str]:
    return {name: experiment.path(f"{path}.parquet") for name, path in paths.items()}


def validated_rows(experiment: Config) -> list[dict]:
    """Return one row per run of an extrapolator that can be cross-validated, as `evaluation.estimates` takes them."""
    if "cross_validation" not in experiment.evaluation.estimates:
        return []
    path = "evaluation/cross_validation/fraction-{part}/seed-{seed}/{score}/{extrapolator}.json"
    return [
        _described(run) | {"metrics": experiment.path(path.format(**run))}
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
            within = nested(run["part"], experiment.subset.nested)
            extrapolated = extrapolated_path(run["score"], run["extrapolator"], within, run["seed"])
            truth = scores_path(run["score"], run["part"], run["seed"])
            rows.append(_described(run) | _tables(experiment, extrapolated=extrapolated, truth=truth))
    return rows


def shift_rows(experiment: Config) -> list[dict]:
    """Return one row per training, beside the one nested in it, as `evaluation.estimates` takes them."""
    if "nested" not in experiment.evaluation.estimates:
        return []
    rows = []
    for score in experiment.scores:
        for part in experiment.parts():
            for seed in experiment.seeds:
                scores = scores_path(score["name"], part, seed)
                smaller = scores_path(score["name"], nested(part, experiment.subset.nested), seed)
                run = {"score": score["name"], "part": part, "seed": seed}
                rows.append(_described(run) | _tables(experiment, scores=scores, nested_scores=smaller))
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


def coverage_rows(experiment: Config) -> list[dict]:
    """Return one row per subset and space, as `evaluation.coverage` takes them; embeddings as a list of shards."""
    rows = []
    for space in experiment.evaluation.coverage:
        for part in experiment.parts():
            for seed in experiment.seeds:
                run = _described({"part": part, "seed": seed}) | {"embedding": space}
                paths = space_paths(experiment, space, part, seed)
                rows.append(
                    run | _tables(experiment, subset=f"subset/fraction-{part}/seed-{seed}") | {"embeddings": paths}
                )
    return rows


def neighborhood_rows(experiment: Config) -> list[dict]:
    """Return one row per score and seed, as `evaluation.neighborhoods` takes them: truths, and neighbours among all."""
    if experiment.evaluation.neighborhoods is None or not experiment.evaluation.full_data_scores:
        return []
    rows = []
    for score in experiment.scores:
        for seed in experiment.seeds:
            tables = _tables(experiment, truth=scores_path(score["name"], EVERYTHING, seed))
            shards = table_paths(experiment, "neighbors/all", score["name"], EVERYTHING, seed)
            neighbors = [experiment.path(f"{shard}.parquet") for shard in shards]
            rows.append({"score": score["name"], "seed": seed} | tables | {"neighbors": neighbors})
    return rows


def found_label_rows(experiment: Config) -> list[dict]:
    """Return one row per run that found labels, as `evaluation.found_labels` takes them.

    Those that scores are computed from and, by the first recipe, those that were tried with other numbers of classes:
    on everything where that is trained on too, since classes are told apart better there, else on the first part.
    """
    rows = []
    parts = [*experiment.pruned_parts(), *([EVERYTHING] if experiment.evaluation.full_data_scores else [])]
    for recipe in experiment.unsupervised():
        networks = [experiment.path(f"{network_path(space)}.parquet") for space in experiment.spaces(recipe)]
        for part in parts:
            tries = recipe == experiment.unsupervised()[0] and part == (parts[-1] if EVERYTHING in parts else parts[0])
            for classes in (None, *(experiment.evaluation.classes if tries else ())):
                for seed in experiment.seeds:
                    folder = labels_folder(recipe, part, seed, classes)
                    run = _described({"part": part, "seed": seed})
                    rows.append(
                        {"training": recipe, **run, "tried": classes is not None}
                        | {"labels": experiment.path(f"{folder}/labels.parquet"), "embeddings": networks}
                    )
    return rows


def retraining_rows(experiment: Config, arms: list[str]) -> list[dict]:
    """Return one row per retrained model, as `evaluation.retraining.tabulate_retraining` takes them.

    Parameters
    ----------
    experiment : Config
    arms : list of str
        Ways to choose what is kept: ``random``, ``top/du/knn-10/fraction-20``. The reference without pruning is added.
    """
    budgets = experiment.retraining.budgets
    runs = [(arm, amount, budget) for budget in budgets for arm in arms for amount in experiment.selection.amounts()]
    # Without pruning all budgets are the same.
    runs = [run for run in runs if run[:2] != REFERENCE or run[2] == budgets[0]]
    rows = []
    # Keys, not a set: each once, in the order of the config.
    for arm, amount, budget in dict.fromkeys([*runs, (*REFERENCE, budgets[0])]):
        method, score, extrapolator, part = [*arm.split("/"), None, None, None][:4]
        part = part and part.removeprefix("fraction-")
        settings = {
            "arm": arm,
            "method": method,
            "score": score,
            "extrapolator": extrapolator,
            "fraction": part and size(part),
            "sampler": part and sampler(part),
            "rate": as_settings(amount).get("rate"),
            "budget": budget,
        }
        for seed in experiment.seeds:
            run = f"{arm}/seed-{seed}/{amount}"
            jobs = {
                "samples": ["samples"],
                **_jobs_before_selection(experiment, arm, seed, amount),
                # What draws anew for each epoch has no list of what is kept.
                "selection": [] if method_constant("selection", method, "REDRAWN") else [f"selection/{run}"],
                "retraining": [f"retraining/{budget}/{run}"],
            }
            benchmarks = {
                stage: [experiment.path(f"benchmarks/{path}.tsv") for path in paths] for stage, paths in jobs.items()
            }
            images = {
                stage: [experiment.path(note) for note in _notes(experiment, paths)] for stage, paths in jobs.items()
            }
            metrics = experiment.path(f"retraining/{budget}/{run}/metrics.json")
            attacked = experiment.evaluation.robustness and experiment.path(
                f"retraining/{budget}/{run}/robustness.json"
            )
            files = {"metrics": metrics, "robustness": attacked, "benchmarks": benchmarks, "images": images}
            rows.append({**settings, "seed": seed, **files})
    return rows


def _notes(experiment: Config, paths: list[str]) -> list[str]:
    """Return the files in which jobs, given by their paths, note how many images they trained on or predicted."""
    found = []
    for path in paths:
        stage, owner, *_ = [*path.split("/"), ""]
        # Shards that are gathered were embedded before, and so were images whose embeddings others made.
        copied = stage == "embeddings" and (path.endswith("/gathered") or owner in experiment.unsupervised())
        if stage in NOTED and not copied:
            found.append(NOTED[stage].format(path))
    return found


def trial_rows(experiment: Config, arms: list[str]) -> list[dict]:
    """Return one row per choice by trials, as `evaluation.trials.tabulate_trials` takes them.

    Parameters
    ----------
    experiment : Config
    arms : list of str
        As of `retraining_rows`; of those by other methods there are no rows.
    """
    return [
        _trial_row(experiment, arm, arms, seed, amount)
        for arm in arms
        if experiment.candidates(arm.split("/")[0])
        for amount in experiment.selection.amounts()
        for seed in experiment.seeds
    ]


def _trial_row(experiment: Config, arm: str, all_arms: list[str], seed, amount: str) -> dict:
    method, score, extrapolator, part = arm.split("/")
    part, budget = part.removeprefix("fraction-"), experiment.retraining.budgets[0]
    candidates = experiment.candidates(method)
    trials = [trial_path(entry, score, extrapolator, part, seed, amount) for entry in candidates.values()]
    arms = {}
    for label, entry in candidates.items():
        name = entry["name"]
        own = "/".join([name, *arm.split("/")[1:]]) if method_constant("selection", name, "SCORED") else name
        if own in all_arms and entry == experiment.selection_method(name) and experiment.samples.test is not None:
            arms[label] = own

    def metrics_of(arm: str) -> str:
        return experiment.path(f"retraining/{budget}/{arm}/seed-{seed}/{amount}/metrics.json")

    return {
        **_described({"score": score, "extrapolator": extrapolator, "part": part, "seed": seed}),
        "rate": as_settings(amount).get("rate"),
        "trials": [experiment.path(f"{path}.json") for path in trials],
        "retrained": {label: metrics_of(own) for label, own in arms.items()},
        "metrics": metrics_of(arm) if arms else None,
    }


def _jobs_before_selection(experiment: Config, arm: str, seed, amount: str) -> dict[str, list]:
    """Return the jobs that it takes to score every sample, to choose a method by trials, and to find labels.

    Of each stage, their paths in the folder of benchmarks; those of the smaller task within the subset are a stage of
    their own, ``nested``, and so are ``trials``.
    """
    method, score, extrapolator, part = [*arm.split("/"), None, None, None][:4]
    found = []
    for one in (score, experiment.doubt(method)) if score else ():
        found += _jobs_of_score(experiment, one, extrapolator, part.removeprefix("fraction-"), seed) if one else []
    of_part = part.removeprefix("fraction-") if part else None
    for name in experiment.selection_needs(method, of_part):
        found += _jobs(experiment, name, score, of_part, seed)
    if experiment.candidates(method):
        found += _trial_jobs(experiment, arm, seed, amount)
    if experiment.retraining.labels == "found":
        recipe, learned_on = labels_found_in(experiment, arm)
        trained_by = next(one["name"] for one in experiment.scores if one["training"] == recipe)
        found += _jobs(experiment, "dynamics", trained_by, learned_on, seed)
    stage_of: dict[str, str] = {}
    for stage, path in found:  # a job that both tasks need is no more than one
        stage_of.setdefault(path, stage)
    jobs: dict[str, list[str]] = {}
    for path, stage in stage_of.items():
        jobs.setdefault(stage, []).append(path)
    return jobs


def _trial_jobs(experiment: Config, arm: str, seed, amount: str) -> Iterator[tuple[str, str]]:
    """Yield (stage, path) of the trials that a method is chosen by, and of all that they read within the subset."""
    method, score, extrapolator, part = arm.split("/")
    part = part.removeprefix("fraction-")
    within = nested(part, experiment.subset.nested)
    smaller = _jobs_of_score(experiment, score, extrapolator, within, seed)
    for name in experiment.selection_needs(method, within):
        smaller += _jobs(experiment, name, score, within, seed)
    yield from (("nested", path) for _, path in smaller)
    for candidate in experiment.candidates(method).values():
        yield "trials", trial_path(candidate, score, extrapolator, part, seed, amount)


def _jobs_of_score(experiment: Config, score: str, extrapolator: str, part: str, seed) -> list[tuple[str, str]]:
    if extrapolator in SPACES:
        return list(_training_free_jobs(experiment, score, extrapolator, part, seed))
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
    return found


def _training_free_jobs(experiment: Config, score: str, space: str, part: str, seed) -> Iterator[tuple[str, str]]:
    """Yield (stage, path) of the jobs that a training-free score takes."""
    if space == "pretrained":
        yield "embeddings", network_path(PRETRAINED)
    else:
        yield from _jobs(experiment, "embeddings", experiment.scores[0]["name"], part, seed)
    yield "training_free", training_free_path(score, space, part, seed)


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
        drawn_by = method_constant("subset", sampler(part), "SCORE") if stage == "subset" else None
        if drawn_by:
            yield from _training_free_jobs(experiment, drawn_by, "pretrained", NOTHING, seed)
        spaces = experiment.spaces(experiment.score(score)["training"])
        for read in () if spaces and stage == "embeddings" else READ_BY.get(stage, ()):
            yield from _jobs(experiment, read, score, part, seed)
        if stage in ("dynamics", "embeddings"):
            yield from (("embeddings", network_path(space)) for space in spaces)
        if stage == "neighbors" and experiment.shards > 1:
            yield ("embeddings", f"{table_path(experiment, 'embeddings', score, part, seed)}/gathered")
        for path in table_paths(experiment, name, score, part, seed):
            yield ("training", path.removesuffix("/dynamics")) if stage == "dynamics" else (stage, path)
