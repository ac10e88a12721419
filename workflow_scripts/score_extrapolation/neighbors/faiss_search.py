"""Candidates and squares of differences on the CPU: faiss's flat search, in as many threads as OpenMP has."""

import faiss
import numpy as np


class FaissSearch:
    """faiss's copy of the base, searched.

    Attributes
    ----------
    base : (m, d) float32 array
        A view of that copy.
    block : int
        Queries at a time.
    """

    block = 1024

    def __init__(self, base: np.ndarray, device="cpu"):
        self.index = faiss.IndexFlatL2(base.shape[1])
        self.index.add(base)
        self.base = faiss.rev_swig_ptr(self.index.get_xb(), base.size).reshape(base.shape)

    def candidates(self, queries: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the n least expanded squares of (q, d) float32 queries, (q, n), and their rows."""
        return self.index.search(queries, n)

    def squares(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return the squares of the differences of (q, d) queries and (q, c) rows; each pair is summed in one order."""
        rows, squares = np.ascontiguousarray(rows), np.empty(rows.shape, np.float32)
        given, found, of = map(faiss.swig_ptr, (queries, squares, rows))
        self.index.compute_distance_subset(len(queries), given, rows.shape[1], found, of)
        return squares
