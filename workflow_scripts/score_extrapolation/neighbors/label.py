"""Nearest neighbours of the same label, each class searched by itself."""

import numpy as np

from ..progress import Progress
from .exact import ExactIndex, check_k


def find_label_neighbors(
    base: np.ndarray,
    base_labels: np.ndarray,
    vectors: np.ndarray,
    labels: np.ndarray,
    rows: np.ndarray,
    k: int,
    device="cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest rows of `base` that have the query's own label, and more of other labels if there are fewer.

    Parameters
    ----------
    base : (m, d) float array
    base_labels : (m,) int
    vectors : (n, d) float array
    labels : (n,) int
    rows : (q,) int64
        The vectors that are queries.
    k : int
        1..m.
    device : "cpu" or torch.device

    Returns
    -------
    rows : (q, k) int64
        Into `base`: those of the query's label first, nearest first; a class with fewer than k in the base has all of
        them there, and then the nearest of the other classes, nearest first. So fewer neighbours are a prefix of more.
    distances : (q, k) float32
        Euclidean.

    Notes
    -----
    Cost: 2 d operations for each pair of one class; as much as without labels for queries of classes with fewer than k.
    """
    check_k(k, len(base), "subset")
    found, distances = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
    classes, of_query = np.unique(labels[rows], return_inverse=True)
    own_rows = [np.flatnonzero(base_labels == label) for label in classes]
    short = np.array([len(own) < k for own in own_rows], bool)
    everyone = ExactIndex(base, device) if short.any() else None
    with Progress(len(rows) + short[of_query].sum(), "neighbors", "queries") as progress:
        for i, (label, own) in enumerate(zip(classes, own_rows, strict=True)):
            queries, n = np.flatnonzero(of_query == i), min(k, len(own))
            if n:
                nearest, apart = ExactIndex(base[own], device).query(vectors, rows[queries], n, progress)
                found[queries, :n], distances[queries, :n] = own[nearest], apart
            if n < k and everyone is not None:
                # Of the k nearest of all, n at most are of the own class: the k - n nearest others are among them.
                nearest, apart = everyone.query(vectors, rows[queries], k, progress)
                others = np.argsort(base_labels[nearest] == label, axis=1, kind="stable")[:, : k - n]
                found[queries, n:] = np.take_along_axis(nearest, others, 1)
                distances[queries, n:] = np.take_along_axis(apart, others, 1)
    return found, distances
