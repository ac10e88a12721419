"""Faults of a config in the config's own words: the key, the value found, what is allowed."""

import difflib
import json
import re
import types
import typing
from collections.abc import Iterator

import pydantic

from score_extrapolation.faults import listed
from score_extrapolation.plugins import Section

Faults = Iterator[tuple[tuple, str]]  # (location, text) of each


def validate(model: type[Section], value, location: tuple, faults: list):
    """Return the validated section, or None after noting (location, text) of each of its faults.

    Parameters
    ----------
    model : subclass of Section
    value : object
        As loaded from YAML.
    location : tuple
        Keys and indices under which the value stands in the config.
    faults : list
        Appended to.
    """
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        for entry in error.errors():
            # pydantic marks a fault of a mapping's key by one more step.
            keys = tuple(key for key in entry["loc"] if key != "[key]")
            if _members(_annotation(model, keys[:-1])[0]):
                # A value that may be of several kinds has a fault for each, marked by the kind; one sentence is enough.
                keys = keys[:-1]
            fault = (*location, *keys), _sentence(model, keys, dict(entry))
            if fault not in faults:
                faults.append(fault)


def _sentence(model: type[Section], keys: tuple, error: dict) -> str:
    """Return what follows the key in the sentence about one of pydantic's errors."""
    kind, found, limits = error["type"], error["input"], error.get("ctx", {})
    of_key = error["loc"][-1:] == ("[key]",)
    if of_key and kind != "literal_error":
        name = typing.get_args(_annotation(model, keys[:-1])[0])[0]
        (field,) = name.__metadata__
        return f"is a name that does not fit ({field.description})"
    if of_key or kind in ("extra_forbidden", "invalid_key"):
        return _unknown_key(keys[-1], _known_keys(_annotation(model, keys[:-1])[0]))
    annotation, hint = _annotation(model, keys)
    if kind == "missing":
        choices = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
        return f"is missing{hint}; give {'one of ' + listed(choices) if choices else 'it a value'}"
    if kind == "value_error":
        return f"= {shown(found)} {limits['error']}"
    members = _members(annotation)
    if kind in ("model_type", "dict_type"):
        known = _known_keys(annotation)
        text = f"is no mapping of keys to values{f'; its keys are {listed(known)}' if known else ''}"
    elif (kind in ("int_type", "int_from_float", "float_type") or members) and _number(found):
        # YAML takes 1e-3 for text; only 1.0e-3 is a number to it.
        text = f"is text to YAML; write {_number(found)}"
    elif kind in ("too_short", "string_too_short"):
        text = "is empty"
    elif members:
        text = f"is neither {' nor '.join(members)}"
    elif found is None:
        text = "is no value; give one"
    else:
        limits = {name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in limits.items()}
        text = _PHRASES.get(kind, error["msg"]).format(**limits, shown=shown(found)).replace("'", "")
    return f"= {shown(found)} {text}{hint}"


_PHRASES = {
    "int_type": "is no whole number",
    "int_from_float": "is no whole number",
    "float_type": "is no number",
    "finite_number": "is not finite",
    "bool_type": "is neither true nor false",
    "string_type": "is no text; put it in quotes",
    "string_pattern_mismatch": "does not fit",
    "list_type": "is no list; write [{shown}]",
    "too_long": "has {actual_length} values; give at most {max_length}",
    "literal_error": "is none of {expected}",
    "greater_than": "is not above {gt}",
    "greater_than_equal": "is below {ge}",
    "less_than": "is not below {lt}",
    "less_than_equal": "is above {le}",
}


def _annotation(model: type[Section], keys: tuple) -> tuple:
    """Return the annotation of what stands under `keys` and the description of the nearest key, in parentheses."""
    annotation, hint = model, ""
    for key in keys:
        if typing.get_origin(annotation) is dict:
            annotation, hint = typing.get_args(annotation)[1], ""
        elif key in getattr(annotation, "model_fields", {}):
            field = annotation.model_fields[key]
            annotation, hint = _section_of(field.annotation), f" ({field.description})" if field.description else ""
    return annotation, hint


def _section_of(annotation):
    """Return the section of one that may also be null; else the annotation."""
    sections = [one for one in typing.get_args(annotation) if hasattr(one, "model_fields")]
    return sections[0] if type(None) in typing.get_args(annotation) and sections else annotation


def _members(annotation) -> list[str]:
    """Return what a value may be that is of one of several kinds, in words; of any other nothing."""
    several = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    kinds = [one for one in typing.get_args(annotation) if one is not type(None)] if several else []
    words = {int: ["a whole number"], float: ["a number"], str: ["a text"]}
    if len(kinds) < 2 or not all(kind in words or typing.get_origin(kind) is typing.Literal for kind in kinds):
        return []
    return [word for kind in kinds for word in words.get(kind, typing.get_args(kind))]


def _known_keys(annotation) -> list[str]:
    if typing.get_origin(annotation) is dict:
        names = typing.get_args(annotation)[0]
        return list(typing.get_args(names)) if typing.get_origin(names) is typing.Literal else []
    return list(getattr(annotation, "model_fields", {}))


def _unknown_key(key, known: list[str]) -> str:
    close = difflib.get_close_matches(str(key), known, 1)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"is not a known key; {f'{guess}known are {listed(known)}' if known else 'nothing can be set here'}"


def _number(text) -> str:
    """Return a number that YAML reads as one, where `text` is a number to Python; else nothing."""
    try:
        return f"{float(text):.15f}".rstrip("0").rstrip(".") if isinstance(text, str) else ""
    except ValueError:
        return ""


def shown(value) -> str:
    """Return a value as YAML would have it, cut where it is long."""
    text = json.dumps(value, default=str, skipkeys=True, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def dotted(location: tuple) -> str:
    """Return a location as one reads it: ("selection", "rates", 1) -> selection.rates[1]."""
    text = ""
    for key in location:
        name = key if isinstance(key, str) and re.fullmatch(r"[\w-]+", key) else shown(key)
        text += f"[{key}]" if type(key) is int else f".{name}"
    return text.lstrip(".")


def repeated(values: list) -> str:
    """Return the fault of a list that has something twice, if so."""
    twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    return f"has {listed(twice)} twice; give each once" if twice else ""
