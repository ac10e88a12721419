"""Approximate nearest neighbours by pynndescent, for graphs of so many samples that an exact search takes hours.

numba keeps most of what it compiles for pynndescent on disk, so that it takes a minute once on a machine. The functions
that take the distance as an argument cannot be kept: each process compiles them anew, in half a minute of a free core.
"""

import numba
import numpy as np
from pynndescent import NNDescent
from threadpoolctl import threadpool_limits

from ..progress import LOGGER, Progress
from .exact import ExactIndex, rank

EXTRA = 5  # candidates beyond those wanted: what is missed is most often among the farthest
QUERY_BLOCK = 8192
IN_GRAPH = 30  # neighbours of each sample in a graph that queries walk along; pynndescent's default
EPSILON = 0.2  # how far past the nearest it has found a query goes on looking; twice pynndescent's default


def find_approximately(index: ExactIndex, vectors: np.ndarray, rows, k: int, seed: int, threads: int):
    """Find about the k nearest rows of the index for some of the `vectors`.

    Parameters
    ----------
    index : ExactIndex
        What is searched; also ranks what is found, and finds what is missing where that is fewer than k.
    vectors : (n, d) float array
    rows : (q,) int64, or None
        Which of them; None where they are what the index was made of: the graph that is built anyway has their
        neighbours, themselves among these.
    k : int
        1..m.
    seed : int
        Of pynndescent's random numbers.
    threads : int
        Another number of them gives other random numbers, and finds a few neighbours more or fewer.

    Returns
    -------
    rows : (q, k) int64
    distances : (q, k) float32
        Euclidean, from differences; in the order of (distance, row).

    Notes
    -----
    Cost: about m log m. Memory beside the index: 5 m (k + 5) numbers, and for queries m d more.
    """
    threads = min(threads, numba.config.NUMBA_NUM_THREADS)
    # numba changes the number of OpenMP's threads, which are torch's and faiss's too; here it is put back.
    with threadpool_limits(threads, user_api="openmp"):
        return _find(index, vectors, rows, k, seed, threads)


def _find(index: ExactIndex, vectors: np.ndarray, rows, k: int, seed: int, threads: int):
    m = len(index.base)
    n_candidates = min(k + EXTRA, m)
    LOGGER.info("neighbors: building a graph of %d samples, after half a minute of compiling", m)
    graph = NNDescent(
        index.base,
        n_neighbors=n_candidates if rows is None else min(IN_GRAPH, m),
        random_state=seed % 2**32,
        n_jobs=threads,
        parallel_batch_queries=threads > 1,
    )
    if rows is None:
        rows, candidates = np.arange(m), graph.neighbor_graph[0]
    else:
        numba.set_num_threads(threads)
        candidates = None
    found, distances = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
    with Progress(len(rows), "neighbors", "queries") as progress:
        for start in range(0, len(rows), QUERY_BLOCK):
            block = slice(start, start + QUERY_BLOCK)
            queries = index.centred(vectors[rows[block]])
            near = graph.query(queries, n_candidates, EPSILON)[0] if candidates is None else candidates[block]
            near = near.astype(np.int64)
            squares = index.search.squares(queries, near.clip(min=0))
            squares[near < 0] = np.inf  # not found
            found[block], distances[block] = rank(near, squares, k)
            progress.update(len(queries))
    short = np.isinf(distances[:, -1])
    if short.any():
        LOGGER.info("neighbors: %d of %d queries have fewer than %d; searched exactly", short.sum(), len(rows), k)
        with Progress(short.sum(), "neighbors", "queries") as progress:
            found[short], distances[short] = index.query(vectors, rows[short], k, progress)
    return found, distances
