"""The shorthands of the config written out: bare names, lists of k, a retraining that says only what differs."""

import copy
import re
from functools import cache
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from score_extrapolation.faults import listed
from score_extrapolation.plugins import Section, method_constant, method_names, method_options

from .messages import repeated, shown, validate


def as_paths(value):
    """Return a path, or a list of paths, as a list."""
    paths = [value] if isinstance(value, str) else value
    if isinstance(paths, list) and paths and all(isinstance(path, str) and path for path in paths):
        return paths
    raise ValueError("is no path; write a file, a folder, a glob or a list of them")


OptionalPaths = Annotated[Any, BeforeValidator(lambda value: None if value is None else as_paths(value))]


def unique(values: list) -> list:
    if repeated(values):
        raise ValueError(repeated(values))
    return values


Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]


class HeldOutSet(Section):
    """A set of images that is read otherwise than the training set: of test, of validation, or a pool."""

    dataset: str
    path: OptionalPaths = None
    split: str
    options: dict = Field(default_factory=dict)


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


def extrapolator_label(entry: dict) -> str:
    """Return the name of an extrapolator in paths: its k, and whatever else is not as it is by default.

    knn with k = 20 is knn-20, with uniform weights knn-20-uniform, with neighbours of the same label knn-20-same_label,
    of scores that were stepped up knn-20-step_up.

    Parameters
    ----------
    entry : dict
        Its name and all its options.
    """
    words = [str(entry["k"])] if "k" in entry else []
    changed = _changed_options("extrapolators", entry)
    words += [_option_label(option, value) for option, value in changed.items() if option != "k"]
    return "-".join([entry["name"], *words, *(["step_up"] if entry["step_up"] else [])])


def candidate_label(entry: dict) -> str:
    """Return the name in paths of a selection method that is tried: whatever is not as it is by default.

    chance is chance, with another floor chance-floor_0.7.

    Parameters
    ----------
    entry : dict
        Its name and all its options.
    """
    changed = _changed_options("selection", entry)
    return "-".join([entry["name"], *(_option_label(option, value) for option, value in changed.items())])


def candidates_of(method: dict) -> list[dict]:
    """Return the methods among which a selection method, name and options, is chosen by trials; none of others."""
    return method["candidates"] if method_constant("selection", method["name"], "TRIED") else []


def _changed_options(kind: str, entry: dict) -> dict:
    """Return those of its own options that a method does not have by default."""
    fields = method_options(kind, entry["name"]).model_fields.items()
    return {name: entry[name] for name, field in fields if entry[name] != field.get_default(call_default_factory=True)}


def _option_label(name: str, value) -> str:
    """Return what tells of an option in paths: a text by itself, true as its name, a number after it."""
    if isinstance(value, bool) or value is None:
        return name if value else f"no_{name}"
    text = value if isinstance(value, str) else f"{name}_{value}"
    return re.sub("[^a-z0-9.]+", "_", text.lower()).strip("_")


class OfEveryScore(Section):
    """`training`: the name of that whose dynamics it is computed from."""

    training: Any = "base"  # which there are, the config says


class OfEveryExtrapolator(Section):
    """`step_up`: whether the subset's scores are stepped up before they are extrapolated."""

    step_up: bool = False


class OfEverySelection(Section):
    """`scores`, `extrapolators`: those whose estimates the method prunes by; null: those of `selection`.

    `full_data_scores`: whether it prunes by these too, to compare with, where `evaluation` has them computed. `auto`
    never does.
    """

    scores: Names | None = None
    extrapolators: Names | None = None
    full_data_scores: bool = True


OF_EVERY: dict[str, type[Section]] = {
    "scores": OfEveryScore,
    "extrapolators": OfEveryExtrapolator,
    "selection": OfEverySelection,
}


def own_options(kind: str, entry: dict) -> dict:
    """Return the options of an entry that are of its method alone: no name, and none of every method of its kind."""
    return {key: value for key, value in entry.items() if key != "name" and key not in OF_EVERY[kind].model_fields}


@cache
def _all_options(kind: str, name: str) -> type[Section]:
    """Return the options of a method, those of every method of its kind among them."""
    own = method_options(kind, name)
    return pydantic.create_model("Options", __base__=(OF_EVERY[kind], own)) if kind in OF_EVERY else own


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
        for key, kind in (("model", "models"), ("paradigm", "paradigms")):
            if isinstance(recipe, dict) and key in recipe:
                recipe[key] = _fill_in(kind, recipe[key], (*location, key), faults)
    for section, location, kind in (
        (filled, ("scores",), "scores"),
        (filled.get("training_free"), ("training_free", "methods"), "training_free"),
        (filled, ("extrapolation",), "extrapolators"),
        (filled.get("selection"), ("selection", "methods"), "selection"),
        (filled.get("export"), ("export", "formats"), "exports"),
    ):
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
    kind: str, method, location: tuple, faults: list, place_of_k: int | None = None, options_of=_all_options
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
    section = validate(options_of(kind, name), options, location, found)
    faults += [((*at, place_of_k) if at[-1] == "k" and place_of_k is not None else at, text) for at, text in found]
    if section is None:
        return {}
    filled = {"name": name, **section.model_dump()}
    if kind == "selection" and (candidates := candidates_of(filled)):
        filled["candidates"] = [
            # They prune by what the method prunes by that tries them.
            _fill_in(kind, one, (*location, "candidates", i), faults, options_of=method_options)
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
