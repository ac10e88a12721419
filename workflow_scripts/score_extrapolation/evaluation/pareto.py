"""Which results no other makes pointless: less time and more accuracy at once."""

import numpy as np


def find_front(time: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Return which points no other point dominates: none takes as little time or less and is as accurate or more,
    unless it equals them in both.

    Cost: a sort, n log n.

    Parameters
    ----------
    time, accuracy : (n,) arrays of float
        Any units; less time and more accuracy are better. A point with a NaN is on no front and dominates nothing.

    Returns
    -------
    (n,) array of bool
        Equal points are on the front together.
    """
    time, accuracy = np.asarray(time, np.float64), np.asarray(accuracy, np.float64)
    on_front = np.zeros(len(time), bool)
    best, best_time = -np.inf, np.nan
    for i in np.lexsort((-accuracy, time)):
        # The first of those that take as long is the most accurate; its equals follow it.
        if accuracy[i] > best or (accuracy[i] == best and time[i] == best_time):
            on_front[i] = not np.isnan(time[i])
            best, best_time = accuracy[i], time[i]
    return on_front
