"""The shorthands of the config written out: bare names, lists of k, a retraining that says only what differs."""

import copy

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_names, method_options

from .messages import shown, validate
from .methods import LISTS, OF_RECIPE, all_options, candidates_of
from .values import HeldOutSet

# Keys of training that are about scores, or are other trainings. What is kept is retrained on by its labels, however it
# was scored: a paradigm of retraining is one that says so.
NOT_INHERITED = ("paradigm", "recording", "previous_dtype", "snapshots", "variants")


def fill_in_recipes(raw: dict) -> dict:
    """Complete the recipes of retraining and of the variants of training: keys left out are those of training."""
    training = raw.get("training")
    own = {} if raw.get("retraining") is None else raw["retraining"]
    if not isinstance(training, dict):
        return {**raw, "retraining": own}
    inherited = {key: value for key, value in training.items() if key not in NOT_INHERITED}
    filled = {**raw, "retraining": _inherit(inherited, own)}
    if isinstance(training.get("variants"), dict):
        base = {key: value for key, value in training.items() if key != "variants"}
        variants = {name: _inherit(base, variant) for name, variant in training["variants"].items()}
        filled["training"] = {**training, "variants": variants}
    return filled


def _inherit(theirs: dict, ours):
    """Return a recipe with what it leaves out taken from another.

    An optimizer of another name inherits nothing: a learning rate or a momentum belongs to its optimizer.
    """
    if not isinstance(ours, dict):
        return ours
    merged = theirs | ours
    for key in ("optimizer", "augmentation"):
        outer, inner = theirs.get(key), ours.get(key)
        if isinstance(outer, dict) and isinstance(inner, dict):
            same = inner.get("name") in (None, outer.get("name"))
            merged[key] = outer | inner if same else inner
    return merged


def told_of_training(location: tuple, raw: dict, faulty: set[tuple]) -> bool:
    """Say whether a value of retraining or of a variant is taken from training, where its fault is told already.

    Parameters
    ----------
    location : tuple
        Of a fault.
    raw : dict
        The config as it was given.
    faulty : set of tuple
        The locations of all faults.
    """
    variant = location[:2] == ("training", "variants")
    if not variant and location[0] != "retraining":
        return False
    source = ("training", *location[3 if variant else 1 :])
    return not _is_set(raw, location) and any(source[:depth] in faulty for depth in range(1, len(source) + 1))


def _is_set(raw: dict, location: tuple) -> bool:
    """Say whether a config gives the value at a location, or a bare name in the place of the mapping around it."""
    value = raw
    for key in location:
        if not isinstance(value, dict):
            return value is not None
        if key not in value:
            return False
        value = value[key]
    return True


def fill_in_methods(raw: dict, faults: list) -> dict:
    """Write out every method as {name, all its options}, validated by its own Options class.

    Parameters
    ----------
    raw : dict
        Not changed.
    faults : list
        (location, text) of what is wrong is appended; such a method becomes {}.
    """
    filled = copy.deepcopy(raw)
    for location, recipe in _recipes(filled):
        for kind, key in OF_RECIPE.items():
            if isinstance(recipe, dict) and key in recipe:
                recipe[key] = _fill_in(kind, recipe[key], (*location, key), faults)
    for kind, location in LISTS.items():
        section = filled if len(location) == 1 else filled.get(location[0])
        if isinstance(section, dict) and isinstance(methods := section.get(location[-1]), list):
            section[location[-1]] = [
                _fill_in(kind, one, (*location, i), faults, place)
                for i, method in enumerate(methods)
                for one, place in _one_per_k(kind, method)
            ]
    if isinstance(filled.get("samples"), dict):
        _fill_in_dataset(filled["samples"], faults)
    return filled


def _recipes(filled: dict):
    """Yield (location, recipe) of training, its variants and retraining."""
    training = filled.get("training")
    yield ("training",), training
    variants = training.get("variants") if isinstance(training, dict) else None
    for name, variant in variants.items() if isinstance(variants, dict) else ():
        yield ("training", "variants", name), variant
    yield ("retraining",), filled.get("retraining")


def _one_per_k(kind: str, method) -> list[tuple]:
    """Split an extrapolator with a list of k into one for each, beside its place in that list."""
    ks = method.get("k") if kind == "extrapolators" and isinstance(method, dict) else None
    if not isinstance(ks, list) or not ks:
        return [(method, None)]
    return [({**method, "k": k}, place) for place, k in enumerate(ks)]


def _fill_in(
    kind: str, method, location: tuple, faults: list, place_of_k: int | None = None, class_of=all_options
) -> dict:
    options = dict(method) if isinstance(method, dict) else {"name": method}
    name = options.pop("name", None)
    if not isinstance(name, str):
        faults.append((location, f"= {shown(method)} names no method; give one of {listed(method_names(kind))}"))
        return {}
    if name not in method_names(kind):
        at = (*location, "name") if isinstance(method, dict) else location
        faults.append((at, f"= {shown(name)} is none of {listed(method_names(kind))}"))
        return {}
    found: list[tuple[tuple, str]] = []
    section = validate(class_of(kind, name), options, location, found)
    faults += [((*at, place_of_k) if at[-1] == "k" and place_of_k is not None else at, text) for at, text in found]
    if section is None:
        return {}
    filled = {"name": name, **section.model_dump()}
    if kind == "selection" and (candidates := candidates_of(filled)):
        filled["candidates"] = [
            # They prune by what the method prunes by that tries them.
            _fill_in(kind, one, (*location, "candidates", i), faults, class_of=method_options)
            for i, one in enumerate(candidates)
        ]
    return filled


def _fill_in_dataset(samples: dict, faults: list) -> None:
    _fill_in_reader(samples, ("samples",), faults)
    for key in ("test", "validation", "pool"):
        if isinstance(samples.get(key), dict):
            samples[key] = _fill_in_held_out(key, samples[key], faults)


def own_split(key: str) -> str:
    """Return which set of its data set a set of the config is by default: a pool's images are for training."""
    return "train" if key == "pool" else key


def _fill_in_held_out(key: str, mapping: dict, faults: list) -> dict:
    held_out, location = {"split": own_split(key), **mapping}, ("samples", key)
    _fill_in_reader(held_out, location, faults)
    section = validate(HeldOutSet, held_out, location, faults)
    return section.model_dump() if section else {}


def _fill_in_reader(section: dict, location: tuple, faults: list) -> None:
    """Write out the options of the reader that a section names as its dataset."""
    name, options = section.get("dataset"), section.get("options")
    if isinstance(name, str) and name not in method_names("datasets"):
        faults.append(((*location, "dataset"), f"= {shown(name)} is none of {listed(method_names('datasets'))}"))
    elif isinstance(name, str) and isinstance(options, dict | None):
        filled = validate(method_options("datasets", name), options or {}, (*location, "options"), faults)
        section["options"] = filled.model_dump() if filled else {}
