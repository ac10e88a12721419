"""The tables and figures of the paper: which of them an experiment brings, and what it must have for the others."""

import importlib
from pathlib import Path
from types import ModuleType

from score_extrapolation.plugins import literal_in, names_in

from .config import Config

# What an item needs, by the names that its file gives in NEEDS: whether an experiment has it, and how to get it.
CONDITIONS = {
    "test": (lambda e: e.samples.test is not None, "accuracy on test images; set samples.test"),
    "truth": (lambda e: e.evaluation.full_data_scores, "full-data scores; set evaluation.full_data_scores: true"),
    "random": (lambda e: "random" in _methods(e), "the baseline; add random to selection.methods"),
    "top": (lambda e: "top" in _methods(e), "pruning by the highest scores; add top to selection.methods"),
    "top_of_truth": (
        lambda e: all(method["full_data_scores"] for method in e.selection.methods if method["name"] == "top"),
        "pruning by the highest full-data scores; leave full_data_scores out of top in selection.methods",
    ),
    "knn": (lambda e: "knn" in _extrapolators(e), "KNN; add {name: knn, k: [10, 20, 50, 100]} to extrapolation"),
    "gnn": (
        lambda e: "gnn" in _extrapolators(e),
        "the graph network; add {name: gnn, k: [10, 20, 50]} to extrapolation",
    ),
    "fractions": (
        lambda e: len({part.percent for part in e.pruned_parts()}) > 1,
        "pruning from subsets of two sizes; set subset.fractions: [0.4, 0.2], and selection.fractions: null",
    ),
    "samplers": (
        lambda e: len(e.subset.samplers) > 1,
        "subsets drawn in several ways; set subset.samplers: [random, stratified, zcoreset]",
    ),
    "coverage": (lambda e: e.evaluation.coverage, "distances; set evaluation.coverage: [pretrained]"),
    "neighborhoods": (lambda e: e.evaluation.neighborhoods, "neighbourhoods; set evaluation.neighborhoods: 20"),
    "pool": (lambda e: e.samples.pool is not None, "further images; set samples.pool: {dataset: npz, path: FILE}"),
    "unsupervised": (
        lambda e: e.unsupervised(),
        "scores of an unsupervised training; set training.paradigm: unsupervised",
    ),
    "no_pool": (
        lambda e: e.samples.pool is None,
        "pruning of the own images, which table_5 is not of; set samples.pool: null",
    ),
    "adversarial": (
        lambda e: e.retraining.paradigm["name"] == "adversarial",
        "adversarial retraining; set retraining.paradigm: adversarial",
    ),
    "robustness": (
        lambda e: e.evaluation.robustness,
        "attacks on test images; set evaluation.robustness: {attacks: [pgd, autoattack]}",
    ),
}
# The configs that bring an item, where it is not these two.
STUDIES = "config/digits_study.yaml and config/cifar10_study.yaml"
BROUGHT_BY = {
    "table_3": "config/digits_unsupervised.yaml and config/cifar10_unsupervised_small.yaml",
    "table_5": "config/digits_pool.yaml and config/cifar10_pool.yaml",
    "table_4": "config/digits_adversarial.yaml and config/cifar10_adversarial_small.yaml",
}


FOLDER = Path(__file__).with_name("study")


def item_names() -> tuple[str, ...]:
    """Return the sorted names of all tables and figures."""
    return names_in(FOLDER)


def item_literal(name: str, constant: str):
    """Return what an item's file says of itself, such as its TITLE; None where it says nothing."""
    return literal_in(FOLDER / f"{name}.py", constant)


def load_item(name: str) -> ModuleType:
    """Import and return the module of an item."""
    return importlib.import_module(f".study.{name}", __package__)


def _methods(experiment: Config) -> list[str]:
    return [method["name"] for method in experiment.selection.methods]


def _extrapolators(experiment: Config) -> list[str]:
    return [entry["name"] for entry in experiment.extrapolation]


def missing_items(experiment: Config) -> dict[str, str]:
    """Return one sentence for each table or figure that an experiment cannot bring: what it lacks, how to get it."""
    missing = {}
    for name in item_names():
        needs = item_literal(name, "NEEDS")
        if needs is None or not set(needs) <= CONDITIONS.keys():
            path = FOLDER / f"{name}.py"
            raise TypeError(f"{path}: NEEDS = {needs} is no tuple of names among {', '.join(CONDITIONS)}")
        lacks = [text for is_met, text in (CONDITIONS[need] for need in needs) if not is_met(experiment)]
        if lacks:
            missing[name] = f"{name} needs {', and '.join(lacks)}; {BROUGHT_BY.get(name, STUDIES)} bring it"
    return missing


def describe_experiment(experiment: Config) -> dict[str, str]:
    """Return how tables that may be put beside those of other experiments name this one and its network."""
    options = dict(experiment.training.model)
    words = [options.pop("name"), *(f"{key} {value}" for key, value in options.items() if value is not None)]
    unsupervised = experiment.unsupervised()
    if "base" in unsupervised:
        networks = experiment.embeddings.networks()
        words = ["TURTLE", *(networks[space].architecture for space in experiment.spaces("base"))]
    scores = [score["name"] for score in experiment.scores if score["training"] in unsupervised]
    return {"dataset": experiment.experiment, "model": ", ".join(words), "unsupervised": " ".join(scores)}
