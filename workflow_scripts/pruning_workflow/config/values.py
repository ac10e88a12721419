"""Types of single values: paths, fractions, sizes, names. What one refuses, it refuses in a sentence."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from .messages import repeated


def unique(values: list) -> list:
    """Return a list that has nothing twice."""
    if repeated(values):
        raise ValueError(repeated(values))
    return values


def as_paths(value):
    """Return a path, or a list of paths, as a list."""
    paths = [value] if isinstance(value, str) else value
    if isinstance(paths, list) and paths and all(isinstance(path, str) and path for path in paths):
        return paths
    raise ValueError("is no path; write a file, a folder, a glob or a list of them")


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fraction_hint(value, example: str) -> str:
    """Return what to write: 90 is meant as a percentage."""
    return f"write {value / 100:g}" if _is_number(value) and 1 < value < 100 else f"such as {example}"


def _held_out(value):
    # A mapping is a HeldOutSet: fill_in_methods has validated and completed it.
    if value is None or value == "given" or isinstance(value, dict) or (_is_number(value) and 0 < value < 1):
        return value
    if _is_number(value) or isinstance(value, bool):
        hint = _fraction_hint(value, "0.1")
        raise ValueError(f"is not in (0, 1); it is the part of the training images to split off, {hint}; null is none")
    return as_paths(value)


def _pool(value):
    # As of a mapping of _held_out.
    if value is None or isinstance(value, dict):
        return value
    raise ValueError("is no set of images; write {dataset: npz, path: FILE}, or null for none")


def _rate(value):
    if _is_number(value) and 0 <= value < 1:
        return float(value)
    raise ValueError(f"is not in [0, 1); a rate is the fraction removed, {_fraction_hint(value, '0.5')}")


def _subset_fraction(value):
    if _is_number(value) and 0 < value <= 1:  # 1 beside a pool alone (checks/pool.py)
        return float(value)
    hint = _fraction_hint(value, "0.2")
    raise ValueError(f"is not in (0, 1); a subset fraction is the part that is trained on for scores, {hint}")


def _share(value):
    if value is None or (_is_number(value) and 0 < value < 1):
        return value
    hint = "null is all of them" if _is_number(value) and value == 1 else _fraction_hint(value, "0.2")
    raise ValueError(f"is not in (0, 1); it is the share of the training images that is used, {hint}")


def _wrong_labels(value):
    if value is None or (_is_number(value) and 0 < value < 1):
        return value
    hint = "null is none" if _is_number(value) and value == 0 else _fraction_hint(value, "0.1")
    raise ValueError(f"is not in (0, 1); it is the share of the training images that get a wrong label, {hint}")


def _image_size(value):
    sides = value if isinstance(value, list) else [value, value]
    if value is None or (len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)):
        return value
    raise ValueError("is no size; write the pixels of a square's side, or [height, width]")


def _typed(check, *schemas: dict):
    """Return the type of a value that a function checks and completes; `schemas` say what may be written."""
    schema = {"anyOf": list(schemas)} if len(schemas) > 1 else schemas[0]
    return Annotated[Any, BeforeValidator(check), WithJsonSchema(schema)]


_NULL = {"type": "null"}
_FRACTION = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_PATHS = (
    {"type": "string", "minLength": 1},
    {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1},
)
_SIDE = {"type": "integer", "minimum": 1}
_SET = {"$ref": "#/$defs/HeldOutSet"}

Paths = _typed(lambda value: None if value is None else as_paths(value), *_PATHS, _NULL)
HeldOut = _typed(_held_out, _FRACTION, {"const": "given"}, *_PATHS, _SET, _NULL)
Pool = _typed(_pool, _SET, _NULL)
Rate = _typed(_rate, {"type": "number", "minimum": 0, "exclusiveMaximum": 1})
SubsetFraction = _typed(_subset_fraction, {"type": "number", "exclusiveMinimum": 0, "maximum": 1})
Share = _typed(_share, _FRACTION, _NULL)
WrongLabels = _typed(_wrong_labels, _FRACTION, _NULL)
ImageSize = _typed(_image_size, _SIDE, {"type": "array", "items": _SIDE, "minItems": 2, "maxItems": 2}, _NULL)
Channels = Annotated[list[float], Field(min_length=1, max_length=3)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]
NameInPaths = Annotated[str, Field(pattern="^[a-z0-9_]+$")]
TrainingName = _typed(lambda value: value, {"type": "string"})  # which there are, the config says
