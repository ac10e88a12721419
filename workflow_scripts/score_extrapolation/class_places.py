"""Places shared out among classes in proportion to weights, such as their sizes, exactly."""

import heapq
from fractions import Fraction
from math import ceil

import numpy as np


def share_out(n_kept: int, sizes: np.ndarray, weights: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, int]:
    """Return how many of each class are among `n_kept`, as far as it follows from sizes and weights alone.

    What counts is how many of its class are before a sample, divided by the weight of the class; those with the least
    are kept. So each class has places in proportion to its weight, rounded up, or all that it has, and fewer that are
    kept lie among more.

    Parameters
    ----------
    n_kept : int
        From 1 to the sum of the sizes.
    sizes : (C,) ints
        Of the classes; there may be empty ones.
    weights : (C,) ints or floats, optional
        Above 0 where there are samples. Left out: the sizes, so that each class has the same share of its samples kept.

    Returns
    -------
    n_highest : (C,) int64
        How many of each class are kept in any case.
    contested : (C,) bool
        The classes whose next samples are equal in what counts, for which there are not places enough.
    n_more : int
        How many of those are kept.
    """
    counts = [int(size) for size in sizes]
    exact = [Fraction(weight.item()) for weight in np.asarray(sizes if weights is None else weights)]
    level = _fill(n_kept, counts, exact)
    # All with less than the level before them, in units of the weight.
    n_highest = [min(size, ceil(level * weight)) for size, weight in zip(counts, exact, strict=True)]
    surplus = sum(n_highest) - n_kept  # fewer than there are classes
    # What counts of the last one of each class; the greatest go.
    last = [
        (-Fraction(kept - 1) / weight, i) for i, (kept, weight) in enumerate(zip(n_highest, exact, strict=True)) if kept
    ]
    heapq.heapify(last)
    contested, n_more = np.zeros(len(counts), bool), 0
    while surplus > 0:
        share, equal = last[0][0], []
        while last and last[0][0] == share:
            equal.append(heapq.heappop(last)[1])
        for i in equal:
            n_highest[i] -= 1
            if n_highest[i]:
                heapq.heappush(last, (-Fraction(n_highest[i] - 1) / exact[i], i))
        if len(equal) > surplus:
            contested[equal], n_more = True, len(equal) - surplus
        surplus -= len(equal)
    return np.array(n_highest, np.int64), contested, n_more


def _fill(n_kept: int, sizes: list[int], weights: list[Fraction]) -> Fraction:
    """Return the level at which places of level x weight, or all that a class has, add up to n_kept."""
    filled = sorted(
        (Fraction(size) / weight, size, weight) for size, weight in zip(sizes, weights, strict=True) if size
    )
    n_left, weight_left = Fraction(n_kept), sum(weight for *_, weight in filled)
    for level, size, weight in filled:
        if level * weight_left >= n_left:
            break
        n_left, weight_left = n_left - size, weight_left - weight
    return n_left / weight_left


def place_within(classes: np.ndarray) -> np.ndarray:
    """Return of each sample how many before it are of its class, (n,) int64, from the (n,) ints of the classes."""
    order = np.argsort(classes, kind="stable")
    in_order, places = classes[order], np.empty(len(classes), np.int64)
    places[order] = np.arange(len(classes)) - np.searchsorted(in_order, in_order)
    return places
