"""The shorthands of the config written out: bare names, lists of k, a retraining that says only what differs."""

import copy

from .plugins import method_names, method_options
from .sentences import listed, shown, validate


def fill_in_retraining(raw: dict) -> dict:
    """Complete the recipe of retraining: keys left out are those of training.

    An optimizer of another name inherits nothing: a learning rate or a momentum belongs to its optimizer.
    """
    training, own = raw.get("training"), raw.get("retraining")
    own = {} if own is None else own
    if not isinstance(training, dict) or not isinstance(own, dict):
        return {**raw, "retraining": own}
    merged = {key: value for key, value in training.items() if key != "recording"} | own
    for key in ("optimizer", "augmentation"):
        theirs, ours = training.get(key), own.get(key)
        if isinstance(theirs, dict) and isinstance(ours, dict):
            same = ours.get("name") in (None, theirs.get("name"))
            merged[key] = theirs | ours if same else ours
    return {**raw, "retraining": merged}


def is_inherited(location: tuple, raw: dict) -> bool:
    """Say whether retraining takes the value at a location from training."""
    value = raw
    for key in location:
        if not isinstance(value, dict) or key not in value:
            return location[0] == "retraining"
        value = value[key]
    return False


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
    for key in ("training", "retraining"):
        if isinstance(filled.get(key), dict) and "model" in filled[key]:
            filled[key]["model"] = _fill_in("models", filled[key]["model"], (key, "model"), faults)
    for section, location, kind in (
        (filled, ("scores",), "scores"),
        (filled, ("extrapolation",), "extrapolators"),
        (filled.get("selection"), ("selection", "methods"), "selection"),
    ):
        methods = section.get(location[-1]) if isinstance(section, dict) else None
        if isinstance(methods, list):
            section[location[-1]] = [
                _fill_in(kind, one, (*location, i), faults, place)
                for i, method in enumerate(methods)
                for one, place in _one_per_k(kind, method)
            ]
    if isinstance(filled.get("samples"), dict):
        _fill_in_dataset(filled["samples"], faults)
    return filled


def _one_per_k(kind: str, method) -> list[tuple]:
    """Split an extrapolator with a list of k into one for each, beside its place in that list."""
    ks = method.get("k") if kind == "extrapolators" and isinstance(method, dict) else None
    if not isinstance(ks, list) or not ks:
        return [(method, None)]
    return [({**method, "k": k}, place) for place, k in enumerate(ks)]


def _fill_in(kind: str, method, location: tuple, faults: list, place_of_k: int | None = None) -> dict:
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
    section = validate(method_options(kind, name), options, location, found)
    faults += [((*at, place_of_k) if at[-1] == "k" and place_of_k is not None else at, text) for at, text in found]
    return {"name": name, **section.model_dump()} if section else {}


def _fill_in_dataset(samples: dict, faults: list) -> None:
    name, options = samples.get("dataset"), samples.get("options")
    if isinstance(name, str) and name not in method_names("datasets"):
        faults.append((("samples", "dataset"), f"= {shown(name)} is none of {listed(method_names('datasets'))}"))
    elif isinstance(name, str) and isinstance(options, dict | None):
        section = validate(method_options("datasets", name), options or {}, ("samples", "options"), faults)
        samples["options"] = section.model_dump() if section else {}
