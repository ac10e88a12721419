"""Approximate nearest neighbours: candidates of a faster search, ranked by their differences as the exact ones are."""

import os
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from ..progress import LOGGER, Progress
from .exact import ExactIndex

EXTRA = 5  # candidates beyond those wanted: what is missed is most often among the farthest
QUERY_BLOCK = 32_768


def find_approximately(method: str, index: ExactIndex, vectors: np.ndarray, rows, k: int, seed: int, threads: int):
    """Find about the k nearest rows of the index for some of the `vectors`.

    Parameters
    ----------
    method : {"pynndescent", "ivf"}
    index : ExactIndex
        What is searched; also ranks what is found, and finds what is missing where that is fewer than k.
    vectors : (n, d) float array
    rows : (q,) int64, or None
        Which of them; None where they are what the index was made of: all of these, themselves among their neighbours.
    k : int
        1..m.
    seed : int
        Of the search's random numbers.
    threads : int
        Of pynndescent, another number of them gives other random numbers, and finds a few neighbours more or fewer.

    Returns
    -------
    rows : (q, k) int64
    distances : (q, k) float32
        Euclidean, from differences; in the order of (distance, row).
    """
    # numba changes the number of OpenMP's threads, which are torch's and faiss's too; here it is put back.
    with threadpool_limits(min(threads, os.cpu_count() or 1)):
        return _find(method, index, vectors, rows, k, seed, threads)


def _find(method: str, index: ExactIndex, vectors: np.ndarray, rows, k: int, seed: int, threads: int):
    n_candidates = min(k + EXTRA, len(index.base))
    of_base = rows is None
    rows = np.arange(len(index.base)) if of_base else rows
    search: Any  # one of two, each imported where it is used alone
    if method == "ivf":
        from .ivf_search import IVFSearch

        search = IVFSearch(index, vectors, rows, n_candidates, seed)
    else:
        from .pynndescent_search import PyNNDescentSearch

        search = PyNNDescentSearch(index.base, n_candidates, of_base, seed, threads)
    found, distances = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
    with Progress(len(rows), "neighbors", "queries") as progress:
        for start in range(0, len(rows), QUERY_BLOCK):
            block = slice(start, start + QUERY_BLOCK)
            queries = index.centred(vectors[rows[block]])
            found[block], distances[block] = index.rank(queries, search.candidates(queries, block), k)
            progress.update(len(queries))
    short = ~np.isfinite(distances[:, -1])  # where embeddings are not finite, the exact search says so
    if short.any():
        LOGGER.info("neighbors: %d of %d queries have fewer than %d; searched exactly", short.sum(), len(rows), k)
        with Progress(short.sum(), "neighbors", "queries") as progress:
            found[short], distances[short] = index.query(vectors, rows[short], k, progress)
    return found, distances
