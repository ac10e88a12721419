"""Keep a range of consecutive scores: the highest but for the very highest, many of which have wrong labels.

The range of ELFS, which it calls double-end pruning (Zheng et al., ELFS: label-free coreset selection with proxy
training dynamics, ICLR 2025), and the windows of BWS (Choi et al., BWS: best window selection based on sample scores
for data pruning across broad ranges, ICML 2024).
"""

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section
from ._highest import keep_highest

SCORED = True
DROPPED_OPTION = "start"


class Options(Section):
    """Where the range begins."""

    start: float = Field(0.1, ge=0, lt=1, description="share of all samples, the highest, that is passed over")


def keep(options: Options, n_kept: int, samples, seed) -> Iterator[np.ndarray]:
    """Keep the n_kept highest scores after the first round(start n); of equal scores the lower rows come first.

    The start is a share of all samples, so what is kept at 0.9 lies in what is kept at 0.5. Both papers rank by scores
    of their own (ELFS by AUM; the score `aum` here is its negative) and set another start for each rate and data set,
    ELFS 0.4 for CIFAR-10 and 0.3 for ImageNet at 90 %; here one start serves all rates.

    Parameters
    ----------
    options : Options
    n_kept : int
    samples : Samples
    seed
        Nothing is drawn.

    Yields
    ------
    (b,) bool
        A mask for each batch.

    Raises
    ------
    InputFault
        Fewer are left after the start than are to be kept.

    Notes
    -----
    Cost and memory: twice those of `top`.
    """
    first = round(options.start * samples.n)
    if samples.n - first < n_kept:
        raise InputFault(
            f"window: its option start = {options.start:g} leaves {samples.n - first} of {samples.n} samples, and "
            f"{n_kept} are to be kept; lower it to the share that is pruned or less, or keep fewer"
        )
    return _between(samples, first, first + n_kept)


def _between(samples, first: int, last: int) -> Iterator[np.ndarray]:
    """Yield of each batch which samples have the places first..last - 1, counted from the highest."""
    for passed, reached in zip(keep_highest(samples, first), keep_highest(samples, last), strict=True):
        yield reached & ~passed
