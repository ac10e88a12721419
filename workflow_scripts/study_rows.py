"""What a study consists of: the files and settings of every run, from which the evaluation makes its tables."""

from itertools import combinations

from score_extrapolation.config import Config, percent

REFERENCE = ("random", 0.0)  # nothing removed at random: the training without pruning


def table_path(name: str, recipe: str, run: str) -> str:
    """Return where in the results the table lies that an extrapolator needs under a name, without its suffix.

    Parameters
    ----------
    name : str
        One of those that an extrapolator's ``needs()`` returns.
    recipe : str
        The name of the training that the score is computed from.
    run : str
        ``fraction-20/seed-0``.
    """
    stage, *scope = name.split("/")
    if stage == "samples":
        return "samples/train"
    return "/".join([stage, *([] if stage == "subset" else [recipe]), run, *scope])


def agreement_rows(experiment: Config) -> list[dict]:
    """Return one row per run of an extrapolator, as `evaluation.agreement.tabulate_agreement` takes them."""
    folder = f"{experiment.results}/{experiment.experiment}"
    return [
        {
            "score": score["name"],
            "extrapolator": extrapolator,
            "fraction": percent(fraction),
            "seed": seed,
            "extrapolated": f"{folder}/extrapolation/fraction-{percent(fraction)}/seed-{seed}/{score['name']}/"
            f"{extrapolator}.parquet",
            "truth": f"{folder}/scores/fraction-100/seed-{seed}/{score['name']}.parquet",
        }
        for score in experiment.scores
        for fraction in experiment.subset.fractions
        for extrapolator in experiment.extrapolators()
        for seed in experiment.seeds
    ]


def ceiling_rows(experiment: Config) -> list[dict]:
    """Return one row per pair of seeds, as `evaluation.agreement.tabulate_ceiling` takes them."""
    folder = f"{experiment.results}/{experiment.experiment}/scores/fraction-100"
    return [
        {
            "score": score["name"],
            "seed": seed,
            "other_seed": other,
            "scores": f"{folder}/seed-{seed}/{score['name']}.parquet",
            "other_scores": f"{folder}/seed-{other}/{score['name']}.parquet",
        }
        for score in experiment.scores
        for seed, other in combinations(experiment.seeds, 2)
    ]


def retraining_rows(experiment: Config, arms: list[str]) -> list[dict]:
    """Return one row per retrained model, as `evaluation.retraining.tabulate_retraining` takes them.

    Parameters
    ----------
    experiment : Config
    arms : list of str
        Ways to choose what is kept: ``random``, ``top/du/knn-10/fraction-20``. The reference without pruning is added.
    """
    folder = f"{experiment.results}/{experiment.experiment}"
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
            stages = _scoring_stages(experiment, score, extrapolator, f"{fraction}/seed-{seed}") if score else {}
            stages = {
                "samples": "samples",
                **stages,
                "selection": f"selection/{run}",
                "retraining": f"retraining/{run}",
            }
            benchmarks = {stage: f"{folder}/benchmarks/{path}.tsv" for stage, path in stages.items()}
            metrics = f"{folder}/retraining/{run}/metrics.json"
            rows.append({**settings, "seed": seed, "metrics": metrics, "benchmarks": benchmarks})
    return rows


def _scoring_stages(experiment: Config, score: str, extrapolator: str, run: str) -> dict[str, str]:
    """Return the stages that it takes to score every sample, each with its path in the folder of benchmarks."""
    recipe = experiment.score(score)["training"]
    stages = {"subset": f"subset/{run}", "training": f"training/{recipe}/{run}", "scores": f"scores/{run}/{score}"}
    if extrapolator != "computed":
        needs = experiment.needs(extrapolator)
        scopes = [name for name in needs if name.startswith("neighbors/")]
        # Neighbours are searched among embeddings; samples and the subset are counted by themselves.
        needed = ["embeddings", *scopes] if scopes or "embeddings" in needs else []
        stages |= {name.split("/")[0]: table_path(name, recipe, run) for name in needed}
        stages["extrapolation"] = f"extrapolation/{run}/{score}/{extrapolator}"
    return stages
