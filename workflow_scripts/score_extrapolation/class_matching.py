"""Classes without names beside labels: which class is which label, and how many samples are then right."""

import numpy as np


def match_labels(found: np.ndarray, labels: np.ndarray) -> dict[int, int]:
    """Pair found classes with labels, one to one, so that as many samples as possible are right (Hungarian method).

    Parameters
    ----------
    found : (n,) int array
        Classes without a meaning.
    labels : (n,) int array

    Returns
    -------
    dict of int -> int
        The label of each found class; where there are more found classes than labels, some have none and are missing.
    """
    from scipy.optimize import linear_sum_assignment  # takes long to import, and few jobs match

    classes, rows = np.unique(found, return_inverse=True)
    truths, columns = np.unique(labels, return_inverse=True)
    together = np.zeros((len(classes), len(truths)), np.int64)
    np.add.at(together, (rows, columns), 1)
    pairs = zip(*linear_sum_assignment(together, maximize=True), strict=True)
    return {int(classes[row]): int(truths[column]) for row, column in pairs}


def clustering_accuracy(found: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of samples, 0..1, whose found class is paired with their label by `match_labels`.

    High is good. Of C classes of equal size, chance is a little above 1 / C. Samples of a class that is paired with no
    label are wrong.
    """
    found, labels = np.asarray(found), np.asarray(labels)
    n_right = sum(((found == c) & (labels == label)).sum() for c, label in match_labels(found, labels).items())
    return float(n_right / len(labels))
