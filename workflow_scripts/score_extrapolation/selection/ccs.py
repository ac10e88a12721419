"""Keep samples of all scores alike, but for those with the very highest, many of which have wrong labels.

CCS, coverage-centric coreset selection (Zheng et al., Coverage-centric coreset selection for high pruning rates, ICLR
2023).
"""

import numpy as np
from pydantic import Field

from ..class_places import place_within
from ..faults import InputFault
from ..plugins import Section, ShareOrAuto
from ..rng import derive_seed
from ._ridge import best_share

SCORED = True
DOUBT_OPTION = "dropped_by"
DROPPED_OPTION = "dropped"


class Options(Section):
    """What is dropped first, and how the scores of the rest are divided; `ridge` is read by auto."""

    bins: int = Field(50, ge=1, description="parts of equal width that the range of scores is divided into")
    dropped: ShareOrAuto = Field(
        0.1, description="share of all samples that is dropped first; auto: as ridge regression says"
    )
    dropped_by: str | None = Field(
        None, description="the score whose highest values are dropped, such as aum; null: the score that is pruned by"
    )
    ridge: float = Field(1.0, gt=0, description="the penalty of the squared weights")

    def needs(self) -> tuple[str, ...]:
        """What is known of all samples, by the network of the training for scores, to choose what is dropped."""
        return ("embeddings", "subset", "samples") if self.dropped == "auto" else ()


def keep(options: Options, n_kept: int, samples, seed: int) -> np.ndarray:
    """Return n_kept rows: the highest scores are dropped, then every bin of scores gets as many places.

    The bins are of equal width, from the least to the greatest of the scores that are left. One with fewer samples than
    its part of the places gives all it has, and the others share the rest. Within a bin samples are drawn at random.

    All of this is one order of the samples: by their places in a random order of their bin, of equal ones those of the
    larger bin first, of bins of one size those of the higher one. So of one seed what is kept at 0.9 lies in what is
    kept at 0.5, and the numbers of each bin are those of the paper's loop, which goes through the bins from the
    smallest and gives each the places left over the bins left, rounded down; its order of bins of one size is open.

    Of equal scores the lower rows are kept where some are dropped. The paper rounds the number of those dropped down,
    here it is rounded as that of those pruned. Its own `dropped_by` is AUM, the lowest of which it drops: the score
    `aum` here is its negative. The authors' code multiplies the greatest score by 1.0001, so that it is within the last
    bin, which moves all edges a little; here the last bin has its upper edge.

    The paper has another share for each rate and data set. ``auto`` is ours: of `_ridge.TRIED_SHARES`, those of the
    paper, as far as enough are left, the one whose list teaches ridge regression of the labels on the embeddings best
    (`_ridge.best_share`), as `window` chooses its start. It is judged by samples outside the subset, whose labels are
    known and which the network has not seen. Each rate has a best share of its own, so what is kept at 0.9 need not lie
    in what is kept at 0.5.

    Parameters
    ----------
    options : Options
    n_kept : int
    samples : Samples
        Their "doubt" is read where `options.dropped_by` is not None; by ``auto`` the "label" and the tables
        ``embeddings`` and ``subset`` too.
    seed : int
        Of one random order of all samples, whatever is dropped.

    Returns
    -------
    (n_kept,) int64
        In no order.

    Raises
    ------
    InputFault
        Fewer are left than are to be kept, or the range of their scores is not finite; by ``auto`` that of all.

    Notes
    -----
    Cost: two sorts of n; by ``auto`` two for each share, and what `_ridge.best_share` takes. Memory:
    whole arrays, 63 bytes a sample at the most, of float32 scores; by ``auto`` 90 more.
    """
    doubts = samples.read("score" if options.dropped_by is None else "doubt")
    if options.dropped == "auto":

        def kept_after(n_dropped: int) -> np.ndarray:
            return _spread(options.bins, n_kept, n_dropped, samples, seed, doubts)

        return best_share(samples, n_kept, options.ridge, kept_after, "ccs: drops")
    n_dropped = round(options.dropped * samples.n)
    if samples.n - n_dropped < n_kept:
        raise InputFault(
            f"ccs: its option dropped = {options.dropped:g} leaves {samples.n - n_dropped} of {samples.n} samples, and "
            f"{n_kept} are to be kept; lower it to the share that is pruned or less, or keep fewer"
        )
    return _spread(options.bins, n_kept, n_dropped, samples, seed, doubts)


def _spread(bins: int, n_kept: int, n_dropped: int, samples, seed: int, doubts: np.ndarray) -> np.ndarray:
    """Return n_kept rows, as many of each bin, of those that are left without the n_dropped highest doubts."""
    left = np.ones(samples.n, bool)
    left[np.argsort(doubts, kind="stable")[samples.n - n_dropped :]] = False
    order = np.random.default_rng(derive_seed(seed, "selection/ccs")).permutation(samples.n)
    order = order[left[order]]
    places = _bins_of(samples.read("score")[order].astype(np.float64), bins)
    sizes = np.bincount(places)
    rank_of_bin = np.empty(len(sizes), np.int64)
    rank_of_bin[np.lexsort((-np.arange(len(sizes)), -sizes))] = np.arange(len(sizes))
    return order[np.lexsort((rank_of_bin[places], place_within(places)))[:n_kept]]


def _bins_of(scores: np.ndarray, n_bins: int) -> np.ndarray:
    """Return each score's bin, (n,) int64 from 0; the greatest score is in the last, equal ones are all in 0."""
    least, greatest = scores.min(), scores.max()
    with np.errstate(over="ignore", invalid="ignore"):
        places = (scores - least) * n_bins  # multiplied first, as whole numbers stay whole
    if not np.isfinite(places).all():
        raise InputFault(
            "ccs: the range of the scores is not finite, and has no bins of equal width; give finite scores"
        )
    if greatest == least:
        return np.zeros(len(scores), np.int64)
    return np.minimum(places / (greatest - least), n_bins - 1).astype(np.int64)
