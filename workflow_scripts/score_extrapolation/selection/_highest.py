"""The highest scores of all samples or of each class, exactly, of any number of samples: counting instead of sorting.

A score is read as an unsigned integer, in the same order. A pass over all samples counts the leading digits; then it is
known with which the last one kept begins, and the next pass counts the next digits of the scores that begin so.
"""

from collections.abc import Iterator

import numpy as np

from ..class_places import place_within
from ._samples import Samples

COUNTERS = 2**22  # at most, for all classes together, of 8 bytes each; fewer mean more passes


def keep_highest(samples: Samples, n_highest, contested=None, n_more: int = 0) -> Iterator[np.ndarray]:
    """Yield of each batch which samples are kept: those with the highest scores, of equal ones the lower rows.

    Parameters
    ----------
    samples : Samples
    n_highest : int or (C,) int64 array
        How many of all are kept, or how many of each class.
    contested : (C,) bool array, optional
        The classes that may have one more: of the samples that come next in each of them, the `n_more` highest are
        kept, of equal ones the lower rows.
    n_more : int
        From 1 to the number of contested classes, 0 if there is none.

    Yields
    ------
    (b,) bool
        A mask for each of the batches of `samples`.

    Notes
    -----
    A digit has 16 bits, or as many as COUNTERS allow for all classes: 12 for 1,000. Float32 scores are then read three
    times, or four times for 1,000 classes. Memory does not depend on the number of samples.
    """
    by_class = np.ndim(n_highest) > 0
    wanted = np.atleast_1d(n_highest)
    contested = np.zeros(len(wanted), bool) if contested is None else contested
    last, n_equal = _find_last(samples, wanted + contested, by_class)
    at_cut = np.zeros(len(wanted), bool)  # contested classes whose next sample is kept or not by its row
    if n_more:
        cut = np.sort(last[contested])[-n_more]
        n_equal[contested & (last < cut)] -= 1
        at_cut, n_more = contested & (last == cut), n_more - (last[contested] > cut).sum()
    n_seen = np.zeros(len(wanted), np.int64)
    for keys, classes in _keys_and_classes(samples, by_class):
        lowest = last[classes]
        kept = keys > lowest
        equal = np.flatnonzero(keys == lowest)
        own = classes[equal]
        place = n_seen[own] + place_within(own)
        kept[equal] = place < n_equal[own]
        rivals = equal[at_cut[own] & (place == n_equal[own] - 1)]
        kept[rivals[n_more:]] = False
        n_more -= min(n_more, len(rivals))
        n_seen += np.bincount(own, minlength=len(n_seen))
        yield kept


def ordered_keys(scores: np.ndarray) -> np.ndarray:
    """Return (n,) unsigned integers in the order of float32 or float64 scores; 0.0 and -0.0 are the same."""
    n_bits = 8 * scores.dtype.itemsize
    bits = (scores + scores.dtype.type(0)).view(f"u{scores.dtype.itemsize}")  # -0.0 + 0.0 = 0.0
    top = bits.dtype.type(1) << bits.dtype.type(n_bits - 1)
    return np.where(bits & top, ~bits, bits | top)


def _find_last(samples: Samples, wanted: np.ndarray, by_class: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return of each class the key of its last one wanted, and how many with that very key are wanted.

    Of a class of which none is wanted the key is the highest there is, which only NaN would have.
    """
    n_bits, n_known = 8 * samples.score_type.itemsize, 0
    width = min(16, max(1, int(np.log2(COUNTERS / len(wanted)))))
    last, left = np.zeros(len(wanted), f"u{samples.score_type.itemsize}"), wanted.astype(np.int64)
    while n_known < n_bits:
        width = min(width, n_bits - n_known)
        from_top = _count_digits(samples, by_class, last, n_known, width)[:, ::-1].cumsum(axis=1)
        n_above = (from_top < left[:, None]).sum(axis=1)  # digits of which all are wanted
        left -= np.where(n_above > 0, from_top[np.arange(len(left)), n_above - 1], 0)
        last = last << last.dtype.type(width) | (2**width - 1 - n_above).astype(last.dtype)
        n_known += width
    return last, left


def _count_digits(samples: Samples, by_class: bool, last: np.ndarray, n_known: int, width: int) -> np.ndarray:
    """Count each class's digits of `width` bits after the leading `n_known`, where these are those of its last one."""
    counts = np.zeros((len(last), 2**width), np.int64)
    integer, n_bits = last.dtype.type, 8 * last.dtype.itemsize
    for keys, classes in _keys_and_classes(samples, by_class):
        if n_known:
            running = keys >> integer(n_bits - n_known) == last[classes]
            keys, classes = keys[running], classes[running]
        digits = keys >> integer(n_bits - n_known - width) & integer(2**width - 1)
        np.add.at(counts.reshape(-1), classes * 2**width + digits.astype(np.int64), 1)
    return counts


def _keys_and_classes(samples: Samples, by_class: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield each batch's keys and classes; all samples are one class if they are not told apart."""
    if by_class:
        for scores, labels in samples.batches("score", "label"):
            yield ordered_keys(scores), labels
    else:
        for (scores,) in samples.batches("score"):
            yield ordered_keys(scores), np.broadcast_to(np.int64(0), len(scores))
