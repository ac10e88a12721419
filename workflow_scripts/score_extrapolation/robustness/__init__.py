"""Robustness: images changed as little as an attacker may, and how many a network still gets right."""

import numpy as np


def spread_over_classes(labels: np.ndarray, n_images: int) -> np.ndarray:
    """Return the rows of images that stand for all: every class in proportion, the same ones each time.

    Parameters
    ----------
    labels : (n,) int64
    n_images : int
        How many; of fewer all are taken.

    Returns
    -------
    (min(n, n_images),) int64
        Increasing: evenly spaced among the images in the order of their labels.
    """
    by_label = np.argsort(labels, kind="stable")
    n_chosen = min(n_images, len(labels))
    return np.sort(by_label[(2 * np.arange(n_chosen) + 1) * len(labels) // (2 * n_chosen)])
