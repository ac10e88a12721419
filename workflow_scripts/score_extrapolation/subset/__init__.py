"""The subset: the part of the data set that is trained on for scores."""

import numpy as np

from ..faults import InputFault
from ..rng import derive_seed


def draw_subset(n: int, fraction: float, seed: int) -> np.ndarray:
    """Draw a subset uniformly without replacement.

    Parameters
    ----------
    n : int
        Samples in the data set.
    fraction : float
        In (0, 1]; 1 is everything, which draws nothing.
    seed : int

    Returns
    -------
    (m,) int64
        Sorted rows, m = round(fraction * n). Of one seed, smaller subsets lie in larger ones.

    Raises
    ------
    InputFault
        m < 2: there is nothing to train on.
    """
    m = round(fraction * n)
    if m < 2:
        raise InputFault(
            f"subset: {fraction} of {n} samples are {m}, and a training needs 2 or more; raise subset.fractions, or "
            "subset.nested where it is a share of a subset"
        )
    order = np.random.default_rng(derive_seed(seed, "subset")).permutation(n) if m < n else np.arange(n)
    return np.sort(order[:m])
