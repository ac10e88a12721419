"""How sure a mean difference is."""

import numpy as np
from scipy.stats import t


def paired_interval(differences, confidence: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of paired differences and its Student interval.

    Two arms that are run with the same seeds are compared seed by seed: what their runs share, such as the initial
    weights, is then in neither's favour. The interval holds if differences are normal; of few seeds it is wide. It is
    of one comparison: of many, chosen or not, some exclude 0 by chance.

    Parameters
    ----------
    differences : (n,) array of float
        One per seed, in any unit; NaN is left out.
    confidence : float
        In (0, 1).

    Returns
    -------
    (mean, low, high) : floats
        In that unit, low <= mean <= high; all NaN if n = 0, low and high NaN if n = 1.
    """
    differences = np.asarray(differences, np.float64)
    differences = differences[~np.isnan(differences)]
    n = len(differences)
    if n == 0:
        return (np.nan,) * 3
    mean = float(differences.mean())
    if n == 1:
        return mean, np.nan, np.nan
    half = float(t.ppf((1 + confidence) / 2, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half
