"""What a study consists of: the files and settings of every run, from which the evaluation makes its tables."""

from dataclasses import replace
from itertools import combinations

from score_extrapolation.plugins import method_constant

from .config import AUTO, Config
from .names import EVERYTHING, RANDOM, Amount, Arm, Table
from .results import (
    extrapolated_path,
    labels_folder,
    network_path,
    retraining_folder,
    scores_path,
    space_paths,
    table_paths,
    trial_path,
)

REFERENCE = (Arm(RANDOM), Amount.of_rate(0))  # nothing removed at random: the training without pruning


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
    described = run | {"fraction": run["part"].percent, "sampler": run["part"].sampler}
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
    tables = map(Table.parse, experiment.needs(extrapolator))
    return all(table.stage in known and not table.nested for table in tables)


def nested_rows(experiment: Config) -> list[dict]:
    """Return one row per run of an extrapolator within a subset, as `evaluation.estimates` takes them."""
    if "nested" not in experiment.evaluation.estimates:
        return []
    rows = []
    for run in _runs(experiment):
        if run["extrapolator"] != AUTO:
            within = run["part"].nested(experiment.subset.nested)
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
                smaller = scores_path(score["name"], part.nested(experiment.subset.nested), seed)
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
            shards = table_paths(experiment, Table("neighbors", "all"), score["name"], EVERYTHING, seed)
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


def retraining_rows(experiment: Config, arms: list[Arm]) -> list[dict]:
    """Return one row per retrained model, as `evaluation.retraining.tabulate_retraining` takes them.

    Parameters
    ----------
    experiment : Config
    arms : list of Arm
        The reference without pruning is added.
    """
    budgets = experiment.retraining.budgets
    runs = [(arm, amount, budget) for budget in budgets for arm in arms for amount in experiment.selection.amounts()]
    # Without pruning all budgets are the same.
    runs = [run for run in runs if run[:2] != REFERENCE or run[2] == budgets[0]]
    rows = []
    # Keys, not a set: each once, in the order of the config.
    for arm, amount, budget in dict.fromkeys([*runs, (*REFERENCE, budgets[0])]):
        settings = {
            "arm": str(arm),
            "method": arm.method,
            "score": arm.score,
            "extrapolator": arm.extrapolator,
            "fraction": arm.part and arm.part.percent,
            "sampler": arm.part and arm.part.sampler,
            "rate": amount.rate,
            "budget": budget,
        }
        for seed in experiment.seeds:
            folder = experiment.path(retraining_folder(budget, arm, seed, amount))
            attacked = experiment.evaluation.robustness and f"{folder}/robustness.json"
            rows.append({**settings, "seed": seed, "metrics": f"{folder}/metrics.json", "robustness": attacked})
    return rows


def trial_rows(experiment: Config, arms: list[Arm]) -> list[dict]:
    """Return one row per choice by trials, as `evaluation.trials.tabulate_trials` takes them.

    Parameters
    ----------
    experiment : Config
    arms : list of Arm
        As of `retraining_rows`; arms by other methods have no rows.
    """
    return [
        _trial_row(experiment, arm, arms, seed, amount)
        for arm in arms
        if experiment.candidates(arm.method)
        for amount in experiment.selection.amounts()
        for seed in experiment.seeds
    ]


def _trial_row(experiment: Config, arm: Arm, all_arms: list[Arm], seed, amount: Amount) -> dict:
    assert arm.score and arm.extrapolator and arm.part, "what is chosen by trials reads scores"
    candidates, budget = experiment.candidates(arm.method), experiment.retraining.budgets[0]
    run = {"score": arm.score, "extrapolator": arm.extrapolator, "part": arm.part, "seed": seed}
    arms = {}
    for label, entry in candidates.items():
        name = entry["name"]
        own = replace(arm, method=name) if method_constant("selection", name, "SCORED") else Arm(name)
        if own in all_arms and entry == experiment.selection_method(name) and experiment.samples.test is not None:
            arms[label] = own

    def metrics_of(arm: Arm) -> str:
        return experiment.path(f"{retraining_folder(budget, arm, seed, amount)}/metrics.json")

    return {
        **_described(run),
        "rate": amount.rate,
        "trials": [experiment.path(f"{trial_path(entry, **run, amount=amount)}.json") for entry in candidates.values()],
        "retrained": {label: metrics_of(own) for label, own in arms.items()},
        "metrics": metrics_of(arm) if arms else None,
    }
