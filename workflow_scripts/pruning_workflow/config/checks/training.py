"""A recipe has an optimizer that reads its settings, and a paradigm that does what the training is for."""

from collections.abc import Iterator

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_constant, method_names

from ..messages import Faults, shown


def find(sound) -> Faults:
    """Yield the contradictions within each recipe: of training, its variants and retraining."""
    if sound.training and "base" in sound.training.variants:
        yield ("training", "variants", "base"), "is the name of training itself; give it another"
    for location, recipe in _recipes(sound):
        yield from _in_paradigm(recipe.paradigm, location, sound.samples)
        yield from _in_optimizer(recipe.optimizer, (*location, "optimizer"))
        if getattr(recipe, "snapshots", 0) >= recipe.epochs:
            text = (
                f"= {recipe.snapshots} networks before the last of {recipe.epochs} epochs are not to be had; lower it"
            )
            yield (*location, "snapshots"), text


def _recipes(sound) -> Iterator[tuple]:
    """Yield (location, recipe) of each training of those that are sound."""
    if sound.training:
        yield ("training",), sound.training
        yield from ((("training", "variants", name), variant) for name, variant in sound.training.variants.items())
    if sound.retraining:
        yield ("retraining",), sound.retraining


def _in_paradigm(paradigm: dict, location: tuple, samples) -> Faults:
    """What is kept is retrained on by a loop over its images, whose best epoch only held-out images can tell."""
    name, best_of, retrains = paradigm["name"], paradigm.get("best_of"), location == ("retraining",)
    if retrains and method_constant("paradigms", name, "ENGINE"):
        known = [one for one in method_names("paradigms") if not method_constant("paradigms", one, "ENGINE")]
        yield (*location, "paradigm"), f"= {name} is a way to score, not to retrain; write one of {listed(known)}"
    if best_of and not retrains:
        text = f"= {best_of}, but what is recorded for scores is of all epochs; leave it out, or set it in retraining"
        yield (*location, "paradigm", "best_of"), text
    if best_of and retrains and samples and samples.validation is None:
        text = f"= {best_of} validation images, and there are none; set samples.validation, such as 0.05"
        yield (*location, "paradigm", "best_of"), text


def _in_optimizer(optimizer, location: tuple) -> Faults:
    for key in ("momentum", "nesterov"):
        value = getattr(optimizer, key)
        if value and optimizer.name != "sgd":
            text = f"= {shown(value)} is read by sgd only, and the optimizer is {optimizer.name}; leave it out"
            yield (*location, key), text
    if optimizer.nesterov and optimizer.name == "sgd" and not optimizer.momentum:
        yield (*location, "nesterov"), "= true needs a momentum above 0; set it, or leave nesterov out"
