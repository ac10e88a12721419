"""Draw the same share of every class, at random within the class."""

import numpy as np

from ..class_places import place_within, share_out
from ..faults import InputFault
from ..plugins import Section
from ..rng import derive_seed

LABELLED = True


class Options(Section):
    """None."""


def draw(n: int, m: int, seed: int, labels, scores) -> np.ndarray:
    """Return (m,) int64 rows of 0..n-1: the same share of each class, rounded up.

    How many is `share_out`'s: every class has one while there are as many places as classes. Of classes that it leaves
    equal, those have one more that come first in the random order of all samples.

    Raises
    ------
    InputFault
        There are no labels.
    """
    if labels is None:
        raise InputFault("subset: stratified draws from every class, and there are no labels; give one per sample")
    order = np.random.default_rng(derive_seed(seed, "subset/stratified")).permutation(n)
    n_drawn, contested, n_more = share_out(m, np.bincount(labels))
    classes, first_rows = np.unique(labels[order], return_index=True)
    in_order = classes[np.argsort(first_rows)]
    n_drawn[in_order[contested[in_order]][:n_more]] += 1
    return order[place_within(labels[order]) < n_drawn[labels[order]]]
