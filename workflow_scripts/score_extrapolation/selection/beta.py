"""Draw samples with chances that grow with the score, and the more is pruned the more with how easy they are.

Beta sampling of DUAL (Cho et al., Lightweight dataset pruning without full training via example difficulty and
prediction uncertainty, ICML 2025).
"""

import numpy as np
from pydantic import Field

from ..plugins import Section
from ..rng import derive_seed

SCORED = True
DOUBT_OPTION = "unsure_by"
SPREAD = 15  # the paper's C: the larger, the narrower the range of probabilities that is preferred
N_HIGHEST = 10  # samples with the highest scores, whose mean probability is preferred where little is pruned
EDGE = 1e-6  # probabilities are this far from 0 and 1 or farther


class Options(Section):
    """Which probabilities are read, and how soon easy samples are preferred."""

    exponent: float = Field(
        4.0,
        gt=0,
        description="the paper's c_D: the higher, the later; 4 for CIFAR-100, 5.5 for CIFAR-10, 11 for ImageNet",
    )
    unsure_by: str = Field("unsure", description="the score that is 1 - the label's mean probability")


def keep(options: Options, n_kept: int, samples, seed: int) -> np.ndarray:
    """Draw n_kept rows without replacement, each next one with chances in proportion to the weights of those left.

    With p_i the label's mean probability, the weight is s_i times the density of the beta distribution at p_i, of

        b = 15 (1 - mu) (1 - r^c),    a = 16 - b,

    where s_i is the score, r the share removed, c the exponent and mu the mean p of the ten highest scores (all, of
    fewer; of equal scores the lower rows). As r grows the most frequent p moves from mu to 1, from uncertain samples to
    easy ones. A weight below 0 counts as 0; samples of no weight come last, in random order.

    Each sample has one random number, the same at all rates: those with the highest log weight plus Gumbel noise are
    kept, which is the same draw. But the weights depend on the rate, so what is kept at 0.9 need not lie in what is
    kept at 0.5.

    The paper's p and score are of the first epochs of one training: `dual` and `unsure` with the same `epochs`. Both
    are extrapolated here. p is of samples that are trained on, while `held_out` estimates it of samples that are not,
    unless it is given ``step_up``. A p outside [1e-6, 1 - 1e-6] is moved to its edge.

    Parameters
    ----------
    options : Options
    n_kept : int
    samples : Samples
        Their "score" is read, at least 0 as DUAL is, and their "doubt", 1 - p.
    seed : int
        Of the samples' random numbers.

    Returns
    -------
    (n_kept,) int64
        In no order.

    Notes
    -----
    Cost: two sorts of n. Memory: whole arrays, some 60 bytes a sample.
    """
    scores = samples.read("score").astype(np.float64)
    probabilities = np.clip(1 - samples.read("doubt").astype(np.float64), EDGE, 1 - EDGE)
    highest = np.argsort(-scores, kind="stable")[:N_HIGHEST]
    removed = 1 - n_kept / samples.n
    b = SPREAD * (1 - probabilities[highest].mean()) * (1 - removed**options.exponent)
    a = SPREAD + 1 - b
    noise = np.random.default_rng(derive_seed(seed, "selection/beta")).gumbel(size=samples.n)
    with np.errstate(divide="ignore"):
        keys = np.log(np.maximum(scores, 0)) + (a - 1) * np.log(probabilities) + (b - 1) * np.log1p(-probabilities)
    return np.lexsort((-noise, -(keys + noise)))[:n_kept]
