"""Methods are files: list them, read their options and load them by name.

A method of kind ``scores`` is one file in ``scores/`` whose stem is its name in the config; names that start
with an underscore are not methods. Each such file defines ``class Options(Section)``, its settings with types,
ranges and defaults. Listing, options and constants are read from the file's syntax tree, never by importing it:
they are read often, and a method's module may import torch.
"""

import ast
import importlib
import typing
from functools import cache
from pathlib import Path
from types import ModuleType

import pydantic

from .faults import InputFault

PACKAGE = Path(__file__).parent
KINDS = (
    "datasets",
    "subset",
    "models",
    "paradigms",
    "records",
    "scores",
    "training_free",
    "extrapolators",
    "selection",
    "exports",
)
FOLDERS = {"datasets": "datasets/readers"}  # of kinds that lie deeper


class Section(pydantic.BaseModel):
    """A mapping of the config: unknown keys are refused, types are not coerced, values are finite and never change."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _checked(share: float | str) -> float | str:
    if isinstance(share, float) and not 0 <= share < 1:
        raise ValueError("is not in [0, 1); give a share, or auto")
    return share


ShareOrAuto = typing.Annotated[float | typing.Literal["auto"], pydantic.AfterValidator(_checked)]

# What an Options class may use; anything else in it is a NameError when the config is read.
OPTION_NAMES = {
    "Section": Section,
    "ShareOrAuto": ShareOrAuto,
    "Field": pydantic.Field,
    "Literal": typing.Literal,
    "model_validator": pydantic.model_validator,
}


def folder_of(kind: str) -> Path:
    """Return the folder of the files of a kind."""
    return PACKAGE / FOLDERS.get(kind, kind)


def module_of(kind: str, name: str) -> str:
    """Return the name by which Python imports a method."""
    return ".".join([PACKAGE.name, *folder_of(kind).relative_to(PACKAGE).parts, name])


@cache
def names_in(folder: Path) -> tuple[str, ...]:
    """Return the sorted names of all methods that a folder has, without importing any."""
    return tuple(sorted(path.stem for path in folder.glob("[!_]*.py")))


def method_names(kind: str) -> tuple[str, ...]:
    """Return the sorted names of all methods of a kind."""
    return names_in(folder_of(kind))


def method_path(kind: str, name: str) -> Path:
    """Return the file that defines a method."""
    if name not in method_names(kind):
        raise InputFault(f"'{name}' is none of the {kind}; there are: {', '.join(method_names(kind))}")
    return folder_of(kind) / f"{name}.py"


@cache
def _syntax_tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def method_options(kind: str, name: str) -> type[typing.Any]:
    """Return the method's ``Options``, a `Section` with the methods of its kind, compiled alone out of the file."""
    for node in _syntax_tree(method_path(kind, name)).body:
        if isinstance(node, ast.ClassDef) and node.name == "Options":
            namespace: dict[str, typing.Any] = {**OPTION_NAMES, "__name__": f"{kind}.{name}"}
            exec(compile(ast.Module([node], []), str(method_path(kind, name)), "exec"), namespace)
            return namespace["Options"]
    raise TypeError(f"{method_path(kind, name)} defines no class Options")


def method_constant(kind: str, name: str, constant: str):
    """Return a module-level literal such as ``RECORD = "probability"``, or None where there is none."""
    return literal_in(method_path(kind, name), constant)


@cache
def literal_in(path: Path, constant: str):
    """Return a module-level literal of a file, or None where there is none.

    The literal may stand in a file of the same folder, from which this one imports its name. No file is imported here.
    """
    for node in _syntax_tree(path).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and constant in [name.name for name in node.names]:
            return literal_in(path.with_name(f"{node.module}.py"), constant)
        if isinstance(node, ast.Assign) and [t.id for t in node.targets if isinstance(t, ast.Name)] == [constant]:
            return ast.literal_eval(node.value)
    return None


def load_method(kind: str, name: str) -> ModuleType:
    """Import and return the module of a method.

    Raises
    ------
    InputFault
        There is no such method; the sentence lists those there are.
    """
    method_path(kind, name)
    return importlib.import_module(module_of(kind, name))
