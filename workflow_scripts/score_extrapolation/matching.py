"""Classes without names against labels: which class is which label, and how many samples are then right."""

import numpy as np
from scipy.optimize import linear_sum_assignment


def match_labels(found: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Give each class the label that makes most samples right, no label to two classes (the Hungarian method).

    Parameters
    ----------
    found : (n,) int64
        Classes, from 0, whose numbers mean nothing.
    labels : (n,) int64
        From 0.

    Returns
    -------
    (n_found,) int64
        The label of each class, of classes up to the largest; -1 of those that are left over where there are more
        classes than labels. Cost: O(n), and cubic in the number of classes.
    """
    counts = np.zeros((found.max() + 1, labels.max() + 1), np.int64)
    np.add.at(counts, (found, labels), 1)
    matched = np.full(len(counts), -1)
    classes, theirs = linear_sum_assignment(counts, maximize=True)
    matched[classes] = theirs
    return matched


def clustering_accuracy(found: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of samples, in 0..1, whose class has their label as of `match_labels`; higher is better.

    Both are (n,) int64, n of 1 or more. Chance is above one over the number of classes: the matching has seen the
    labels.
    """
    return float((match_labels(found, labels)[found] == labels).mean())
