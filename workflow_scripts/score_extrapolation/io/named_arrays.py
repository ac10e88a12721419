"""Named arrays in one file, of which each can be read by itself."""

import json
import os

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from .atomic import replacing


def write_arrays(path: str | os.PathLike, metadata: dict, **arrays: np.ndarray) -> None:
    """Write arrays to a safetensors file, whole or not at all; `metadata` as of `tables.write_table`."""
    note = {"score_extrapolation": json.dumps(metadata, sort_keys=True)}
    with replacing(path) as partial:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, partial, note)


def read_arrays(path: str | os.PathLike, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read all arrays of a file, or those of some names."""
    with safe_open(path, "numpy") as file:
        return {name: file.get_tensor(name) for name in names or file.keys()}
