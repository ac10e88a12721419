"""An experiment in small: its own config with fewer images and epochs, one seed, one subset and one pruning rate."""

import copy
import math

from score_extrapolation.faults import InputFault

from ..config import AUTO, Config, read_config
from .counts import Counts

SHORTEST = 2  # epochs: the first alone would be all warming up
FEWEST = 400  # images
IMAGES_OF_A_CLASS = 4
SHARDS = 2


def fewest_images(experiment: Config, counts: Counts) -> int:
    """Return how many training images the smallest copy needs: its subset has neighbours for all, and every class.

    Where step_up, held_out or estimates have the subset's own share trained on, that share must have them too.
    """
    fraction = min(experiment.subset.fractions)
    nests = any("nested" in name for label in experiment.extrapolators() for name in experiment.needs(label))
    if nests or "nested" in experiment.evaluation.estimates:
        fraction *= experiment.subset.nested
    tried = experiment.tried()
    if tried and AUTO in experiment.extrapolators_pruned_by(tried):
        fraction *= experiment.subset.nested  # the extrapolator of the trials is chosen one step further in
    # Twice as many: an estimate within the subset leaves a part of it out.
    neighbors = 2 * max([entry.get("k", 1) for entry in experiment.extrapolators().values()])
    classes = max(counts.classes, *experiment.evaluation.classes, 2)
    needed = max(neighbors, IMAGES_OF_A_CLASS * classes) / fraction
    if tried:  # a trial keeps two samples of the subset at least
        rate = max(amount.removed(counts.train) for amount in experiment.selection.amounts())
        needed = max(needed, 2 / (1 - rate) / min(experiment.subset.fractions))
    return min(counts.train, max(FEWEST, math.ceil(needed)))


def in_small(raw: dict, experiment: Config, counts: Counts, name: str, n: int, truth: bool) -> tuple[dict, Counts]:
    """Return the config of a small copy, and how many images it has.

    Parameters
    ----------
    raw : dict
        The experiment's config, merged, as it was read.
    experiment : Config
        The same, validated.
    counts : Counts
        Of the experiment.
    name : str
        Of the copy, whose results are a folder of this name in the experiment's folder ``plan``.
    n : int
        Training images of the copy, up to `Counts.most_in_a_copy`.
    truth : bool
        Whether full-data scores, where the experiment has them, are computed in the copy too.

    Returns
    -------
    dict, Counts

    Raises
    ------
    InputFault
        The data set is too small for a copy.
    """
    share = n / counts.train
    scaled = counts.scaled(share)
    small = copy.deepcopy(raw) | {"results": experiment.path("plan"), "experiment": name}
    small["seeds"] = experiment.seeds[:1]
    small["shards"] = min(experiment.shards, SHARDS)
    # What is split off stands for every other test set: all that matters of it is how many images it has.
    left = counts.read - scaled.test - scaled.validation
    small["samples"] |= {
        "test": scaled.test / counts.read if scaled.test else None,
        "validation": scaled.validation / counts.read if scaled.validation else None,
        "share": n / left if n < left else None,
        "wrong_labels": None,  # which cost nothing
    }
    small["subset"]["fractions"] = [min(experiment.subset.fractions)]
    rate = max(amount.removed(counts.train) for amount in experiment.selection.amounts())
    # Rounded up: what a method passes over is no more than is pruned.
    rate = min(math.ceil(round(1e4 * rate, 6)) / 1e4, 0.9999)
    small["selection"] |= {"rates": [rate], "keep": None, "fractions": None}
    if not truth and experiment.evaluation.full_data_scores:
        small["evaluation"]["full_data_scores"] = False
    small = _shortened(small, experiment)
    read_config(small)
    return small, scaled


def _shortened(small: dict, experiment: Config) -> dict:
    """Return a config with as few epochs of each training as its scores, and what else it reads of them, allow."""
    for variant in (small["training"].get("variants") or {}).values():
        variant.pop("epochs", None)
    small["retraining"] = (small.get("retraining") or {}) | {"epochs": min(SHORTEST, experiment.retraining.epochs)}
    longest = max(training.epochs for training in experiment.training.by_name().values())
    for epochs in range(SHORTEST, longest):
        small["training"]["epochs"] = epochs
        try:
            read_config(small)
            return small
        except InputFault:
            continue
    small["training"]["epochs"] = longest
    return small
