"""Draw the subset uniformly: all samples alike."""

import numpy as np

from ..plugins import Section
from ..rng import derive_seed


class Options(Section):
    """None."""


def draw(n: int, m: int, seed: int, labels, scores) -> np.ndarray:
    """Return (m,) int64 rows of 0..n-1, the first of one permutation, which serves all m."""
    return np.random.default_rng(derive_seed(seed, "subset")).permutation(n)[:m]
