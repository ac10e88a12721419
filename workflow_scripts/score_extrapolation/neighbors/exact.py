"""Exact Euclidean nearest neighbours on the CPU: faiss's flat search, then distances from differences."""

import numpy as np

from ..faults import InputFault
from ..progress import Progress

QUERY_BLOCK = 1024
# Candidates beyond k that are re-ranked: the flat search expands |x|^2 - 2xy + |y|^2 in float32, whose rounding can
# swap neighbours at nearly equal distance.
SLACK = 8


def find_neighbors(base: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest rows of `base` for each query.

    Parameters
    ----------
    base : (m, d) float array
    queries : (q, d) float array
    k : int
        1..m.

    Returns
    -------
    rows : (q, k) int64
        Into `base`, nearest first; equal distances in the order of rows.
    distances : (q, k) float32
        Euclidean, from differences, not from the expanded square: 0 for duplicates, whatever the norm.

    Raises
    ------
    InputFault
        k > m, or a vector is not finite.

    Notes
    -----
    Cost: 2 q m d floating-point operations, q k d bytes x 4 gathered. Memory: base and queries in float32, and blocks
    of 1,024 queries. More than eight base rows at exactly the k-th distance are cut in faiss's order.
    """
    import faiss  # 0.2 s, and only this stage needs it

    m = len(base)
    if k > m:
        raise InputFault(
            f"extrapolation: k = {k} neighbours of {m} subset samples were asked for; lower k or raise subset.fractions"
        )
    # A common offset costs the expanded square its precision; distances do not see it.
    centre = base.mean(axis=0, dtype=np.float64)
    base = np.ascontiguousarray(base - centre, np.float32)
    index = faiss.IndexFlatL2(base.shape[1])
    index.add(base)
    rows = np.empty((len(queries), k), np.int64)
    distances = np.empty((len(queries), k), np.float32)
    with Progress(len(queries), "neighbors", "queries") as progress:
        for start in range(0, len(queries), QUERY_BLOCK):
            block = np.ascontiguousarray(queries[start : start + QUERY_BLOCK] - centre, np.float32)
            _, candidates = index.search(block, min(k + SLACK, m))
            stop = start + len(block)
            rows[start:stop], distances[start:stop] = _rank(base, block, candidates, k)
            progress.update(len(block))
    if not np.isfinite(distances).all():  # one such row of `base` reaches every distance through the centre
        raise InputFault(
            "neighbors: embeddings are infinite or NaN, so that they have no distances; set embeddings.dtype: float32 "
            "and training.precision: float32"
        )
    return rows, distances


def _rank(base: np.ndarray, queries: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Order candidates by (distance, row) and keep k of them; distances are summed per pair, in one fixed order."""
    candidates = np.sort(candidates, axis=1)
    squares = np.empty(candidates.shape, np.float32)
    for i in range(len(queries)):
        difference = base[candidates[i]] - queries[i]
        squares[i] = np.einsum("kd,kd->k", difference, difference)
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(candidates, order, 1), np.sqrt(np.take_along_axis(squares, order, 1))
