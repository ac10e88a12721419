"""Exact Euclidean nearest neighbours: candidates from expanded squares, ranked by their differences.

|x - y|^2 = |x|^2 - 2xy + |y|^2 makes the search one matrix product, whose rounding can swap neighbours at nearly equal
distance. So more candidates than are wanted are taken from it and ranked by the squares of their differences, and each
query is shown to have missed none: what the rounding can at most have hidden is compared with the nearest that was left
out. Where that does not suffice, among many duplicates for example, the query is compared with everything.
"""

import math
from collections.abc import Iterable

import numpy as np

from ..faults import InputFault
from ..progress import LOGGER, Progress
from ..shards import BATCH

SLACK = 16  # candidates beyond k
PAIRS_AT_ONCE = 2**23  # of a query and a row, where queries are compared with everything: 96 MB
EPSILON = 2.0**-23  # of float32


def find_neighbors(base: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the k nearest rows of `base` for each query, on the CPU.

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
    """
    check_k(k, len(base), "subset")
    with Progress(len(queries), "neighbors", "queries") as progress:
        return ExactIndex(base).query(queries, np.arange(len(queries)), k, progress)


def check_k(k: int, n: int, of: str) -> None:
    """Check that there are k neighbours among the n subset samples, or among n other samples."""
    if k > n:
        more = " or raise subset.fractions" if of == "subset" else ""
        raise InputFault(f"extrapolation: k = {k} neighbours of {n} {of} samples were asked for; lower k{more}")


def mean_of(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean of all rows, (d,) float32, of float arrays one after another; at least one row.

    Sums of `BATCH` rows are added up in order, so that the bits do not depend on how the rows are split.
    """
    total, n, rest = 0.0, 0, None
    for block in blocks:
        rest = block if rest is None else np.concatenate([rest, block])
        n, whole = n + len(block), len(rest) // BATCH * BATCH
        for start in range(0, whole, BATCH):
            total = total + rest[start : start + BATCH].sum(axis=0, dtype=np.float64)
        rest = rest[whole:]
    assert rest is not None, "there is a block"
    return ((total + rest.sum(axis=0, dtype=np.float64)) / n).astype(np.float32)


def without_itself(own: np.ndarray, rows: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave each query out of its own neighbours: of k + 1 there remain k.

    Parameters
    ----------
    own : (q,) int64
        The row, or the id, that each query itself is.
    rows, distances : (q, k + 1)
        Nearest first.
    """
    kept = rows != own[:, None]
    # It is not among them where more than k duplicates of it come before it; then the last of these goes.
    kept[kept.all(axis=1), -1] = False
    return tuple(values[kept].reshape(len(own), rows.shape[1] - 1) for values in (rows, distances))


class ExactIndex:
    """What is searched in: centred, in float32, on the CPU or on a GPU.

    Memory: m d float32 numbers. On a GPU they stay there where they take less than half of what is free, and are copied
    in blocks for each block of queries otherwise.

    Parameters
    ----------
    base : (m, d) float array
        m >= 1.
    device : "cpu" or torch.device
    centre : (d,) float32 array, optional
        The base's mean; where the base is a shard, that of all, from which the bits of distances follow.

    Attributes
    ----------
    base : (m, d) float32 array
        Centred.
    """

    def __init__(self, base: np.ndarray, device="cpu", centre: np.ndarray | None = None):
        # A common offset costs the expanded square its precision; distances do not see it.
        self.centre = mean_of([base]) if centre is None else centre
        _check_finite(self.centre)
        self.search = _search_on(device)(self.centred(base), device)
        self.base = self.search.base

    def centred(self, vectors: np.ndarray) -> np.ndarray:
        """Return (q, d) vectors as they are compared: float32, less the base's mean."""
        vectors = vectors.astype(np.float32, order="C")
        vectors -= self.centre
        return vectors

    def query(self, vectors: np.ndarray, rows: np.ndarray, k: int, progress: Progress):
        """Find the k nearest of some of the `vectors`.

        Parameters
        ----------
        vectors : (n, d) float array
        rows : (q,) int64
            Which of them: only a block at a time is copied.
        k : int
            1..m.
        progress : Progress
            Counts queries.

        Returns
        -------
        rows : (q, k) int64
        distances : (q, k) float32
            As of `find_neighbors`.

        Notes
        -----
        Cost: 2 q m d operations for the candidates and 3 q (k + 16) d for their differences; 3 m d for each query that
        is compared with everything, equal ones once a block.
        """
        found, distances = np.empty((len(rows), k), np.int64), np.empty((len(rows), k), np.float32)
        n_open = 0
        for start in range(0, len(rows), self.search.block):
            block = slice(start, start + self.search.block)
            queries = self.centred(vectors[rows[block]])
            _check_finite(queries)
            found[block], distances[block], is_open = self._nearest(queries, k)
            if is_open.any():
                found[block][is_open], distances[block][is_open] = self._nearest_of_all(queries[is_open], k)
                n_open += is_open.sum()
            progress.update(len(queries))
        if n_open:
            LOGGER.info(
                "neighbors: %d of %d queries have nearly equal distances at k = %d and were compared with everything",
                *(n_open, len(rows), k),
            )
        _check_finite(distances)
        return found, distances

    def rank(self, queries: np.ndarray, candidates: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the k nearest of some rows for each query.

        Parameters
        ----------
        queries : (q, d) float32
            Centred.
        candidates : (q, c) int
            Rows, c >= k; -1 where there is none.
        k : int

        Returns
        -------
        rows : (q, k) int64
        distances : (q, k) float32
            Infinite where there are fewer than k candidates.
        """
        candidates = candidates.astype(np.int64)
        squares = self.search.squares(queries, candidates.clip(min=0))
        squares[candidates < 0] = np.inf
        return rank(candidates, squares, k)

    def _nearest(self, queries, k):
        """Return the nearest candidates, their distances, and for which queries nearer rows may not be among them."""
        n_candidates = min(k + SLACK, len(self.base))
        expanded, candidates = self.search.candidates(queries, n_candidates)
        _check_finite(expanded)
        rows, distances = rank(candidates, self.search.squares(queries, candidates), k)
        if n_candidates == len(self.base):
            return rows, distances, np.zeros(len(queries), bool)
        # A row y that is no farther than the k-th, at r, has a norm of |x| + r at most, and the sum of |x|^2, 2xy and
        # |y|^2 over d terms is known to 4 sqrt(d) roundings of their size (Higham and Mary, 2019, lambda = 4). If the
        # last candidate is farther than all that, every such y is a candidate.
        norms, farthest = np.sqrt(np.einsum("qd,qd->q", queries, queries)), distances[:, -1]
        rounding = 2 * EPSILON * math.sqrt(queries.shape[1] + 3) * (2 * norms + farthest) ** 2
        return rows, distances, expanded.max(axis=1) <= farthest**2 + rounding

    def _nearest_of_all(self, queries, k):
        """Return the nearest rows and their distances by the differences from every row."""
        different, inverse = np.unique(queries, axis=0, return_inverse=True)
        rows, distances = np.empty((len(different), k), np.int64), np.empty((len(different), k), np.float32)
        at_once = max(1, PAIRS_AT_ONCE // len(self.base))
        for start in range(0, len(different), at_once):
            block = different[start : start + at_once]
            everything = np.tile(np.arange(len(self.base)), (len(block), 1))
            for i, squares in enumerate(self.search.squares(block, everything), start):
                # A part in a million more, since different squares can have one root.
                near = np.flatnonzero(squares <= np.partition(squares, k - 1)[k - 1] * (1 + 1e-6))
                rows[i], distances[i] = rank(near, squares[near], k)
        return rows[inverse.reshape(-1)], distances[inverse.reshape(-1)]


def rank(candidates: np.ndarray, squares: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the first k of (..., c) candidates in the order of (distance, row), and their distances.

    Roots are taken first: what is equal in the table of distances is in the order of rows there.
    """
    distances = np.sqrt(squares)
    order = np.lexsort((candidates, distances), axis=-1)[..., :k]
    return np.take_along_axis(candidates, order, -1), np.take_along_axis(distances, order, -1)


def share_found(distances: np.ndarray, nearest: np.ndarray) -> float:
    """Return the share of (q, k) distances that are no farther than the k-th nearest; 1 where there are none.

    Both are float32, from the same differences; one part in a million is for sums in another order.
    """
    return float((distances <= nearest[:, -1:] * (1 + 1e-6)).mean()) if distances.size else 1.0


def _search_on(device):
    """Return the class that searches on a device; each is imported where it is used alone."""
    if str(device) == "cpu":
        from .faiss_search import FaissSearch

        return FaissSearch
    from .torch_search import TorchSearch

    return TorchSearch


def _check_finite(values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise InputFault(
            "neighbors: embeddings are infinite or NaN, so that they have no distances; set embeddings.dtype: float32 "
            "and training.precision: float32"
        )
