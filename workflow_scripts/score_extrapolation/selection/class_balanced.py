"""Keep the highest scores of each class, so that no class goes as a whole."""

from typing import Literal

import numpy as np
from pydantic import Field

from ..class_places import share_out
from ..faults import InputFault
from ..plugins import Section
from ._highest import keep_highest

SCORED = True
LABELLED = True


class Options(Section):
    """How the places are shared out among the classes."""

    shares: Literal["proportional", "equal", "by_difficulty"] = Field(
        "proportional",
        description="places of a class: as many as it has samples | as many as each other's | as its scores add up to",
    )


def keep(options: Options, n_kept: int, samples, seed):
    """Keep n_kept samples, of each class its highest scores, as many as are its share of the places.

    A class has a weight: with ``proportional`` its number of samples, with ``equal`` 1, with ``by_difficulty`` the sum
    of its scores. Its places are its weight times what is the same for all classes, rounded up; a class with fewer
    samples gives all of them, and the others share the rest.

    What counts is how many samples of a sample's class are before it, 0 for the highest score, divided by the weight;
    the least are kept, of equal ones those with the higher score, then the lower row. So every class keeps its first
    sample while there are as many places as classes, and what is kept of fewer lies in what is kept of more, which the
    share of each class rounded for each rate by itself would not guarantee.

    ``by_difficulty`` is DRoP (Vysogorets et al., DRoP: distributionally robust data pruning, ICLR 2025), which keeps of
    each class a share of its samples that is proportional to 1 - its accuracy on held-out images, and draws these at
    random. Here the mean score of the class stands in for 1 - its accuracy, and the highest scores are kept. That asks
    for scores that grow with difficulty from 0 on, such as `du`, `dual`, `el2n` or `unsure`.

    Parameters
    ----------
    options : Options
    n_kept : int
    samples : Samples
        Their "score" and "label" are read.
    seed
        Nothing is drawn.

    Returns
    -------
    iterator of (b,) bool
        A mask for each batch.

    Raises
    ------
    InputFault
        Difficulty is asked for, and the mean score of a class is not a number above 0.

    Notes
    -----
    Cost: a pass over the data, or two, beside those of `_highest.keep_highest`, whose memory it has.
    """
    sizes = samples.class_sizes()
    weights = {"equal": np.ones(len(sizes), np.int64), "proportional": sizes}.get(options.shares)
    if weights is None:
        weights = _added_up(samples, sizes)
    return keep_highest(samples, *share_out(n_kept, sizes, weights))


def _added_up(samples, sizes: np.ndarray) -> np.ndarray:
    """Return the sum of each class's scores, (C,) float32, whose rounding the order of the batches does not reach."""
    sums = np.zeros(len(sizes))
    for scores, labels in samples.batches("score", "label"):
        sums += np.bincount(labels, scores, minlength=len(sizes))
    sums = sums.astype(np.float32)
    bad = np.flatnonzero((sizes > 0) & ~((sums > 0) & np.isfinite(sums)))
    if len(bad):
        raise InputFault(
            f"class_balanced: the mean score of class {bad[0]} is {sums[bad[0]] / sizes[bad[0]]:g}, and "
            "shares = by_difficulty needs numbers above 0; prune by another score, or write proportional or equal"
        )
    return sums
