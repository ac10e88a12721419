"""Keep high scores that are not near each other: each sample taken lowers its neighbours, which it stands for.

D2 pruning (Maharana et al., D2 pruning: message passing for balancing diversity and difficulty in data pruning, ICLR
2024).
"""

import heapq

import numpy as np
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section

SCORED = True
DROPPED_OPTION = "dropped"


class Options(Section):
    """How many neighbours a sample hears of and lowers, how far, and what is dropped first."""

    k: int = Field(5, ge=1, description="neighbours of each sample, in the embeddings of the training for scores")
    gamma: float = Field(0.1, ge=0, description="how fast with the distance a taken sample lowers its neighbours less")
    dropped: float = Field(
        0.0, ge=0, lt=1, description="share of all samples, the highest scores, that is dropped first"
    )

    def needs(self) -> tuple[str, ...]:
        """The neighbours of each sample among all."""
        return ("neighbors/all",)


def keep(options: Options, n_kept: int, samples, seed) -> np.ndarray:
    """Take n_kept samples, one after the other, always the one with the highest sum of messages.

    With N_i the k nearest of sample i and d the Euclidean distance of embeddings, each begins with

        S_i = s_i + sum over j in N_i of exp(-d_ij) s_j,

    and when i is taken, S_j falls by exp(-gamma d_ij) S_i for each j in N_i that is not taken yet. Of equal sums the
    lower row is taken. The order does not depend on n_kept, so what is kept at 0.9 lies in what is kept at 0.5.

    Samples that are dropped, the highest scores, of equal ones the higher rows, send and get no messages; nor do those
    of another data set that are all kept beside a pool. The paper drops 0.4 of CIFAR-10 at 90 %, and less at lower
    rates; here it is one share for all rates. Its neighbours may be those of the class alone; here they are of all.

    Parameters
    ----------
    options : Options
    n_kept : int
    samples : Samples
        Their "score" and the table ``neighbors/all`` are read.
    seed
        Nothing is drawn.

    Returns
    -------
    (n_kept,) int64
        In the order in which they are taken.

    Raises
    ------
    InputFault
        Fewer are left than are to be kept, or a score is infinite.

    Notes
    -----
    Cost: O(n k log n), in plain Python. Memory: whole arrays, and a heap of up to n + k n_kept entries.
    """
    n_dropped = round(options.dropped * samples.n)
    if samples.n - n_dropped < n_kept:
        raise InputFault(
            f"d2: its option dropped = {options.dropped:g} leaves {samples.n - n_dropped} of {samples.n} samples, and "
            f"{n_kept} are to be kept; lower it to the share that is pruned or less, or keep fewer"
        )
    scores = samples.read("score").astype(np.float64)
    if not np.isfinite(scores).all():
        raise InputFault(
            "d2: not all scores are finite, and messages of infinite ones add up to nothing; give finite ones"
        )
    left = np.ones(samples.n, bool)
    left[np.argsort(scores, kind="stable")[samples.n - n_dropped :]] = False
    rows, distances = _neighbours(samples, options.k)
    hears = left[rows] & (rows >= 0)
    sums = scores + (np.exp(-distances) * np.where(hears, scores[rows], 0)).sum(axis=1)
    falls = np.where(hears, np.exp(-options.gamma * distances), 0)
    return _take(sums.tolist(), left, rows, falls, n_kept)


def _neighbours(samples, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of each sample's k nearest, (n, k) int64, -1 for those that are not pruned; and the distances."""
    ids, rows, distances = samples.read_ids(), [], []
    for block in samples.table("neighbors/all"):
        if block["neighbor_ids"].shape[1] < k:
            raise ValueError(f"k = {k}, but {block['neighbor_ids'].shape[1]} neighbours are stored")
        of = np.searchsorted(ids, block["neighbor_ids"][:, :k])
        of = np.minimum(of, samples.n - 1)
        rows.append(np.where(ids[of] == block["neighbor_ids"][:, :k], of, -1))
        distances.append(block["neighbor_distances"][:, :k].astype(np.float64))
    return np.concatenate(rows), np.concatenate(distances)


def _take(sums: list[float], left: np.ndarray, rows: np.ndarray, falls: np.ndarray, n_kept: int) -> np.ndarray:
    """Return the rows that are taken: a heap has an entry for every sum that a sample has had, the last one counts."""
    heap = [(-sums[row], row) for row in np.flatnonzero(left).tolist()]
    heapq.heapify(heap)
    waiting, taken = left.tolist(), list[int]()
    while len(taken) < n_kept:
        negative, row = heapq.heappop(heap)
        if not waiting[row] or -negative != sums[row]:
            continue
        waiting[row] = False
        taken.append(row)
        for other, fall in zip(rows[row].tolist(), falls[row].tolist(), strict=True):
            if fall and other >= 0 and waiting[other]:
                sums[other] -= fall * sums[row]
                heapq.heappush(heap, (-sums[other], other))
    return np.array(taken, np.int64)
