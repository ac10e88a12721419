"""Candidates by faiss's inverted file: the base in cells around means; a query looks into the cells nearest to it."""

import faiss
import numpy as np

from ..progress import LOGGER, Progress
from .exact import ExactIndex, share_found

RECALL = 0.99  # of the tuning queries: as many cells are looked into as that takes
TUNING_QUERIES = 256
CELLS_PER_ROOT = 2  # sqrt(m) of them makes comparing with all means cost what comparing within one cell does
POINTS_PER_CELL = 64  # that its mean is learned from
ITERATIONS = 10  # of k-means


class IVFSearch:
    """The base in its cells, and in how many of them a query has to look.

    The cells are about 2 sqrt(m), their means found by k-means. How many a query looks into is doubled until the
    tuning queries, searched exactly, have 99 % of their nearest.

    Parameters
    ----------
    index : ExactIndex
    vectors : (n, d) float array
    rows : (q,) int64
        The vectors that are queries; the tuning ones are drawn from them.
    n_candidates : int
        Wanted of each.
    seed : int

    Attributes
    ----------
    file : faiss.IndexIVFFlat
        Its `nprobe` is the number of cells that a query looks into.

    Notes
    -----
    Cost: 2 d (cells + nprobe m / cells) operations a query, 1280 d cells^2 for the means. Memory beside the index: m d
    numbers.
    """

    def __init__(self, index: ExactIndex, vectors: np.ndarray, rows: np.ndarray, n_candidates: int, seed: int):
        m, d = index.base.shape
        n_cells = max(1, min(2 ** round(np.log2(CELLS_PER_ROOT * np.sqrt(m))), m // POINTS_PER_CELL))
        LOGGER.info("neighbors: putting %d samples in %d cells", m, n_cells)
        self.n_candidates = n_candidates
        self.quantizer = faiss.IndexFlatL2(d)
        self.file = faiss.IndexIVFFlat(self.quantizer, d, n_cells)
        self.file.cp.seed, self.file.cp.niter = seed % 2**31, ITERATIONS
        self.file.cp.min_points_per_centroid, self.file.cp.max_points_per_centroid = 1, POINTS_PER_CELL
        self.file.train(index.base)
        self.file.add(index.base)
        self._tune(index, vectors, np.sort(np.random.default_rng(seed).permutation(rows)[:TUNING_QUERIES]))

    def candidates(self, queries: np.ndarray, block: slice) -> np.ndarray:
        """Return rows of the base near to (b, d) queries, which are a block of all: (b, n_candidates), -1 for none."""
        # Queries of one cell after each other find what they look into in the processor's cache: a quarter of the time.
        order = np.argsort(self.quantizer.search(queries, 1)[1][:, 0], kind="stable")
        rows = np.empty((len(queries), self.n_candidates), np.int64)
        rows[order] = self.file.search(queries[order], self.n_candidates)[1]
        return rows

    def _tune(self, index: ExactIndex, vectors: np.ndarray, rows: np.ndarray) -> None:
        """Set how many cells a query looks into, by queries that are searched exactly."""
        with Progress(len(rows), "neighbors: tuning", "queries") as progress:
            _, nearest = index.query(vectors, rows, self.n_candidates, progress)
        queries = index.centred(vectors[rows])
        self.file.nprobe = 1
        while True:
            _, distances = index.rank(queries, self.candidates(queries, slice(None)), self.n_candidates)
            recall = share_found(distances, nearest)
            if recall >= RECALL or self.file.nprobe == self.file.nlist:
                break
            self.file.nprobe = min(2 * self.file.nprobe, self.file.nlist)
        LOGGER.info("neighbors: %d cells a query, which find %.4f of the nearest", self.file.nprobe, recall)
