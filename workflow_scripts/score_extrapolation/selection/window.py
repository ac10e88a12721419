"""Keep a range of consecutive scores: the highest but for the very highest, many of which have wrong labels.

The range of ELFS, which it calls double-end pruning (Zheng et al., ELFS: label-free coreset selection with proxy
training dynamics, ICLR 2025), and the windows of BWS (Choi et al., BWS: best window selection based on sample scores
for data pruning across broad ranges, ICML 2024).
"""

from collections.abc import Iterator

import numpy as np
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section, ShareOrAuto
from ._highest import keep_highest
from ._ridge import best_start

SCORED = True
DROPPED_OPTION = "start"


class Options(Section):
    """Where the range begins; `step` and `ridge` are read by auto."""

    start: ShareOrAuto = Field(
        0.1,
        description="share of all samples, the highest, that is passed over; auto: as ridge regression says",
    )
    step: float = Field(0.05, gt=0, le=1, description="share of all samples between the starts that are tried")
    ridge: float = Field(1.0, gt=0, description="the penalty of the squared weights")

    def needs(self) -> tuple[str, ...]:
        """What is known of all samples, by the network of the training for scores, to choose a start."""
        return ("embeddings", "subset", "samples") if self.start == "auto" else ()


def keep(options: Options, n_kept: int, samples, seed) -> Iterator[np.ndarray]:
    """Keep the n_kept highest scores after the first round(start n); of equal scores the lower rows come first.

    A start that is given is a share of all samples, so what is kept at 0.9 lies in what is kept at 0.5. ELFS ranks by
    AUM (the score `aum` here is its negative) and sets another start for each rate and data set, 0.4 for CIFAR-10 and
    0.3 for ImageNet at 90 %; here one start serves all rates.

    ``auto`` is BWS: of the windows that begin at 0, step n, 2 step n and so on, the one whose samples teach ridge
    regression of the labels on the embeddings best (`_ridge.best_start`). Each rate has a best start of its own, so
    what is kept at 0.9 need not lie in what is kept at 0.5. The paper judges by all training samples; here by those
    outside the subset, which the network has not seen, as long as there are any. They may be inside the window.

    Parameters
    ----------
    options : Options
    n_kept : int
    samples : Samples
        Their "score" is read; by ``auto`` the "label" and the tables ``embeddings`` and ``subset`` too.
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
    Cost and memory: twice those of `top`, beside those of choosing a start.
    """
    if options.start == "auto":
        first = best_start(samples, n_kept, options.step, options.ridge)
        return _between(samples, first, first + n_kept)
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
