"""Keep the highest scores of each class, so that pruning leaves the shares of the classes as they are."""

import numpy as np

from ..faults import InputFault
from ..plugins import Section

SCORED = True


class Options(Section):
    """None."""


def keep(options: Options, n_kept: int, scores: np.ndarray, labels, seed) -> np.ndarray:
    """Return n_kept rows, of each class its highest scores: the same share of every class, rounded up.

    What counts is the share of a sample's class that is before it, 0 for the highest score; the least are kept, of
    equal ones those with the higher score, then the lower row. So every class keeps its first sample while there are
    as many places as classes, and what is kept of fewer lies in what is kept of more, which the share of each class
    rounded for each rate by itself would not guarantee.

    Raises
    ------
    InputFault
        There are no labels.
    """
    if labels is None:
        raise InputFault("class_balanced: labels are missing; give one per score, or select by top")
    classes, sizes = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)[1:]
    order = np.lexsort((-scores, classes))  # class by class, highest score first, of equal scores the lower row
    before = np.empty(len(scores))
    before[order] = (np.arange(len(scores)) - (np.cumsum(sizes) - sizes)[classes[order]]) / sizes[classes[order]]
    return np.lexsort((-scores, before))[:n_kept]
