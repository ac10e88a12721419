"""Nearest neighbours in embedding space."""

import numpy as np

from ..tables import rows_of
from .exact import find_neighbors


def find_subset_neighbors(embeddings: dict, subset_ids: np.ndarray, k: int) -> dict[str, np.ndarray]:
    """Find the k nearest subset samples of every residual sample.

    Parameters
    ----------
    embeddings : dict
        Columns sample_id (n,) and embedding (n, d).
    subset_ids : (m,) int64
        Increasing.
    k : int
        1..m.

    Returns
    -------
    dict
        sample_id (n - m,), neighbor_ids (n - m, k) int64 nearest first, neighbor_distances (n - m, k) float32.
    """
    sample_ids, vectors = embeddings["sample_id"], embeddings["embedding"]
    subset_rows = rows_of(sample_ids, subset_ids)
    residual = np.ones(len(sample_ids), bool)
    residual[subset_rows] = False
    rows, distances = find_neighbors(vectors[subset_rows], vectors[residual], k)
    return {"sample_id": sample_ids[residual], "neighbor_ids": subset_ids[rows], "neighbor_distances": distances}
