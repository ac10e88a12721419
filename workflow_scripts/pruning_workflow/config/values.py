"""Types of values: paths, fractions, sizes, names, sets of images. What one refuses, it refuses in a sentence."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from score_extrapolation.plugins import Section

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


def _by(check, written) -> BeforeValidator:
    """Return the validator of a value that a function checks and completes; `written` is what users may write."""
    return BeforeValidator(check, json_schema_input_type=written)


_Fraction = Annotated[float, Field(gt=0, lt=1)]
_Path = Annotated[str, Field(min_length=1)]
_Paths = _Path | Annotated[list[_Path], Field(min_length=1)]
_Side = Annotated[int, Field(ge=1)]
Paths = Annotated[Any, _by(lambda value: None if value is None else as_paths(value), _Paths | None)]


class HeldOutSet(Section):
    """A set of images that is read otherwise than the training set: of test, of validation, or a pool."""

    dataset: str = Field(description="reader of these images")
    path: Paths = Field(None, description="file, folder, glob or list of them; null if the reader needs none")
    split: str = Field(description="which set of the data set; by default that of the key, or train for a pool")
    options: dict = Field(default_factory=dict, description="options of the reader")


HeldOut = Annotated[Any, _by(_held_out, _Fraction | Literal["given"] | _Paths | HeldOutSet | None)]
Pool = Annotated[Any, _by(_pool, HeldOutSet | None)]
Rate = Annotated[Any, _by(_rate, Annotated[float, Field(ge=0, lt=1)])]
SubsetFraction = Annotated[Any, _by(_subset_fraction, Annotated[float, Field(gt=0, le=1)])]
Share = Annotated[Any, _by(_share, _Fraction | None)]
WrongLabels = Annotated[Any, _by(_wrong_labels, _Fraction | None)]
ImageSize = Annotated[Any, _by(_image_size, _Side | Annotated[list[_Side], Field(min_length=2, max_length=2)] | None)]
TrainingName = Annotated[Any, _by(lambda value: value, str)]  # which there are, the config says
Channels = Annotated[list[float], Field(min_length=1, max_length=3)]
Names = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]
NameInPaths = Annotated[str, Field(pattern="^[a-z0-9_]+$", description="text of a-z 0-9 _")]
