"""Candidates by pynndescent, for graphs of so many samples that an exact search takes hours.

numba keeps most of what it compiles for pynndescent on disk, so that it takes a minute once on a machine. The functions
that take the distance as an argument cannot be kept: each process compiles them anew, in half a minute of a free core.
"""

import numpy as np

from ..extras import extra
from ..progress import LOGGER

with extra("neighbors"):
    import numba
    from pynndescent import NNDescent

IN_GRAPH = 30  # neighbours of each sample in a graph that queries walk along; pynndescent's default
EPSILON = 0.2  # how far past the nearest it has found a query goes on looking; twice pynndescent's default


class PyNNDescentSearch:
    """The graph of the base: of the base itself it has the neighbours, other queries walk along it.

    Parameters
    ----------
    base : (m, d) float32 array
    n_candidates : int
        Wanted of each query.
    of_base : bool
        The queries are the rows of the base, all and in their order.
    seed, threads : int

    Notes
    -----
    Cost: about m log m. Memory beside the base: 5 m n_candidates numbers, and for queries m d more.
    """

    def __init__(self, base: np.ndarray, n_candidates: int, of_base: bool, seed: int, threads: int):
        m, threads = len(base), min(threads, numba.config.NUMBA_NUM_THREADS)
        LOGGER.info("neighbors: building a graph of %d samples, after half a minute of compiling", m)
        self.n_candidates = n_candidates
        self.graph = NNDescent(
            base,
            n_neighbors=n_candidates if of_base else min(IN_GRAPH, m),
            random_state=seed % 2**32,
            n_jobs=threads,
            parallel_batch_queries=threads > 1,
        )
        self.of_base = self.graph.neighbor_graph[0] if of_base else None
        if not of_base:
            numba.set_num_threads(threads)

    def candidates(self, queries: np.ndarray, block: slice) -> np.ndarray:
        """Return rows of the base near to (b, d) queries, which are a block of all: (b, n_candidates), -1 for none."""
        if self.of_base is not None:
            return self.of_base[block]
        return self.graph.query(queries, self.n_candidates, EPSILON)[0]
