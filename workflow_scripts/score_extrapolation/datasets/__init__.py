"""Image data sets: their readers, one file each, and the store that every later stage reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Split:
    """One split of a data set, undecoded.

    Attributes
    ----------
    labels : sequence of int or str, (n,), or None
        As the data set has them; `prepare_samples` maps them to 0..C-1. None: of samples without labels.
    sources : sequence of str, (n,)
        Where each sample comes from, so that a person can find it again: a file's path, ``FILE#row``.
    read : callable (start, stop) -> list of bytes, Path or uint8 array (H, W) or (H, W, C)
        The undecoded images start..stop-1. Called by one thread; fast for rows that follow those of the call before. A
        file that stays open between two calls belongs to one process.
    class_names : list of str, optional
        The name of label 0..C-1, where the data set knows them and its labels are those integers.
    """

    labels: Sequence | np.ndarray | None
    sources: Sequence[str]
    read: Callable[[int, int], Sequence[bytes | Path | np.ndarray]]
    class_names: list[str] | None = None


def name_labels(summary: dict, labels: np.ndarray) -> np.ndarray:
    """Return the classes' names of labels, (n,) objects; of samples without a label, -1, an empty text.

    Parameters
    ----------
    summary : dict
        As of `store.preparation.prepare_samples`.
    labels : (n,) int array
    """
    return np.array([*summary["classes"], ""], dtype=object)[labels]


def count_own(summary: dict) -> int:
    """Return how many training samples are the data set's own: those before the pool's, all where there is no pool.

    Parameters
    ----------
    summary : dict
        As of `store.preparation.prepare_samples`.
    """
    return summary["n"]["train"] - summary.get("n_pool", 0)
