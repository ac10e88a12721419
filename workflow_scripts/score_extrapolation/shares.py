"""Places shared out among classes, each getting the same share of its samples, exactly."""

import heapq
from fractions import Fraction

import numpy as np


def share_out(n_kept: int, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Return how many of each class are among `n_kept`, as far as it follows from the sizes of the classes alone.

    What counts is the share of a sample's class that is before it, 0 for the first; those with the least are kept. So
    each class has the same share of its samples kept, rounded up, and fewer that are kept lie among more.

    Parameters
    ----------
    n_kept : int
        From 1 to the sum of the sizes.
    sizes : (C,) ints
        Of the classes; there may be empty ones.

    Returns
    -------
    n_highest : (C,) int64
        How many of each class are kept in any case.
    contested : (C,) bool
        The classes whose next samples have equal shares before them, for which there are not places enough.
    n_more : int
        How many of those are kept.
    """
    counts = [int(size) for size in sizes]
    n_highest = [-(-n_kept * size // sum(counts)) for size in counts]  # all with less than n_kept / n before them
    surplus = sum(n_highest) - n_kept  # fewer than there are classes
    # The share before the last one of each class; the greatest go.
    shares = [
        (-Fraction(kept - 1, size), i) for i, (kept, size) in enumerate(zip(n_highest, counts, strict=True)) if kept
    ]
    heapq.heapify(shares)
    contested, n_more = np.zeros(len(counts), bool), 0
    while surplus > 0:
        share, equal = shares[0][0], []
        while shares and shares[0][0] == share:
            equal.append(heapq.heappop(shares)[1])
        for i in equal:
            n_highest[i] -= 1
            if n_highest[i]:
                heapq.heappush(shares, (-Fraction(n_highest[i] - 1, counts[i]), i))
        if len(equal) > surplus:
            contested[equal], n_more = True, len(equal) - surplus
        surplus -= len(equal)
    return np.array(n_highest, np.int64), contested, n_more


def place_within(classes: np.ndarray) -> np.ndarray:
    """Return of each sample how many before it are of its class, (n,) int64, from the (n,) ints of the classes."""
    order = np.argsort(classes, kind="stable")
    in_order, places = classes[order], np.empty(len(classes), np.int64)
    places[order] = np.arange(len(classes)) - np.searchsorted(in_order, in_order)
    return places
