"""The tables and figures of the paper: which of them an experiment brings, and what it must have for the others."""

from score_extrapolation.config import Config
from score_extrapolation.plugins import method_constant, method_names

# What an item needs, by the names that its file gives in NEEDS: whether an experiment has it, and how to get it.
CONDITIONS = {
    "test": (lambda e: e.samples.test is not None, "accuracy on test images; set samples.test"),
    "truth": (lambda e: e.evaluation.full_data_scores, "full-data scores; set evaluation.full_data_scores: true"),
    "random": (lambda e: "random" in _methods(e), "the baseline; add random to selection.methods"),
    "top": (lambda e: "top" in _methods(e), "pruning by the highest scores; add top to selection.methods"),
    "knn": (lambda e: "knn" in _extrapolators(e), "KNN; add {name: knn, k: [10, 20, 50, 100]} to extrapolation"),
    "gnn": (
        lambda e: "gnn" in _extrapolators(e),
        "the graph network; add {name: gnn, k: [10, 20, 50]} to extrapolation",
    ),
    "fractions": (
        lambda e: len({part.split("-")[0] for part in e.pruned_parts()}) > 1,
        "pruning from subsets of two sizes; set subset.fractions: [0.4, 0.2], and selection.fractions: null",
    ),
    "samplers": (
        lambda e: len(e.subset.samplers) > 1,
        "subsets drawn in several ways; set subset.samplers: [random, stratified, zcoreset]",
    ),
    "coverage": (lambda e: e.evaluation.coverage, "distances; set evaluation.coverage: [pretrained]"),
    "neighborhoods": (lambda e: e.evaluation.neighborhoods, "neighbourhoods; set evaluation.neighborhoods: 20"),
    "pool": (lambda e: e.samples.pool is not None, "further images; set samples.pool: {dataset: npz, path: FILE}"),
    "adversarial": (
        lambda e: getattr(e.retraining, "paradigm", {}).get("name") == "adversarial",
        "adversarial training; set retraining.paradigm: {name: adversarial}",
    ),
    "robustness": (
        lambda e: getattr(e.evaluation, "robustness", None) is not None,
        "accuracy under attack; set evaluation.robustness",
    ),
}
# Of paradigms that the workflow does not have yet.
ABSENT = {
    "table_3": "is of scores of an unsupervised training, which this workflow does not have yet",
    "table_4": "is of adversarial training, which this workflow does not have yet",
}
BROUGHT_BY = "config/digits_study.yaml and config/cifar10_study.yaml bring it"
BROUGHT_BY_OTHERS = {"table_5": "config/cifar10_pool.yaml brings it"}


def _methods(experiment: Config) -> list[str]:
    return [method["name"] for method in experiment.selection.methods]


def _extrapolators(experiment: Config) -> list[str]:
    return [entry["name"] for entry in experiment.extrapolation]


def missing_items(experiment: Config) -> dict[str, str]:
    """Return one sentence for each table or figure that an experiment cannot bring: what it lacks, how to get it."""
    missing = {name: f"{name} {text}" for name, text in ABSENT.items()}
    for name in method_names("study"):
        needed = [CONDITIONS[condition] for condition in method_constant("study", name, "NEEDS")]
        lacks = [text for is_met, text in needed if not is_met(experiment)]
        if lacks:
            missing[name] = f"{name} needs {', and '.join(lacks)}; {BROUGHT_BY_OTHERS.get(name, BROUGHT_BY)}"
    return missing


def describe_experiment(experiment: Config) -> dict[str, str]:
    """Return how tables that may be put beside those of other experiments name this one and its network."""
    options = dict(experiment.training.model)
    words = [options.pop("name"), *(f"{key} {value}" for key, value in options.items() if value is not None)]
    return {"dataset": experiment.experiment, "model": ", ".join(words)}
