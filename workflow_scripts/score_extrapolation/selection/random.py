"""Keep samples at random: the baseline that every method has to beat."""

import numpy as np

from ..plugins import Section
from ..rng import derive_seed

SCORED = False


class Options(Section):
    """None."""


def keep(options: Options, n_kept: int, samples, seed: int) -> np.ndarray:
    """Return n_kept rows drawn uniformly without replacement, a fresh draw per seed.

    One permutation serves all rates, so that what is kept at 0.9 lies in what is kept at 0.5. All of it is in memory, 4
    bytes a sample, 8 of more than 2**32 samples, and a byte for what is kept.
    """
    rows = np.arange(samples.n, dtype=np.uint32 if samples.n <= 2**32 else np.int64)
    np.random.default_rng(derive_seed(seed, "selection/random")).shuffle(rows)
    return rows[:n_kept]
