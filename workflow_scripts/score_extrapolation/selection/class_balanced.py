"""Keep the highest scores of each class, so that pruning leaves the shares of the classes as they are."""

import heapq
from fractions import Fraction

import numpy as np

from ..plugins import Section
from ._highest import keep_highest

SCORED = True


class Options(Section):
    """None."""


def keep(options: Options, n_kept: int, samples, seed):
    """Keep n_kept samples, of each class its highest scores: the same share of every class, rounded up.

    What counts is the share of a sample's class that is before it, 0 for the highest score; the least are kept, of
    equal ones those with the higher score, then the lower row. So every class keeps its first sample while there are
    as many places as classes, and what is kept of fewer lies in what is kept of more, which the share of each class
    rounded for each rate by itself would not guarantee.
    """
    return keep_highest(samples, *share_out(n_kept, samples.class_sizes()))


def share_out(n_kept: int, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return what follows from the (C,) sizes of the classes alone, exactly.

    Returns
    -------
    n_highest : (C,) int64
        How many of each class are kept in any case.
    contested : (C,) bool
        The classes whose next samples have equal shares before them, for which there are not places enough.
    n_more : int
        How many of those are kept.
    """
    sizes = [int(size) for size in sizes]
    n_highest = [-(-n_kept * size // sum(sizes)) for size in sizes]  # all with less than n_kept / n before them
    surplus = sum(n_highest) - n_kept  # fewer than there are classes
    # The share before the last one of each class; the greatest go.
    shares = [
        (-Fraction(kept - 1, size), i) for i, (kept, size) in enumerate(zip(n_highest, sizes, strict=True)) if kept
    ]
    heapq.heapify(shares)
    contested, n_more = np.zeros(len(sizes), bool), 0
    while surplus > 0:
        share, equal = shares[0][0], []
        while shares and shares[0][0] == share:
            equal.append(heapq.heappop(shares)[1])
        for i in equal:
            n_highest[i] -= 1
            if n_highest[i]:
                heapq.heappush(shares, (-Fraction(n_highest[i] - 1, sizes[i]), i))
        if len(equal) > surplus:
            contested[equal], n_more = True, len(equal) - surplus
        surplus -= len(equal)
    return np.array(n_highest, np.int64), contested, n_more
