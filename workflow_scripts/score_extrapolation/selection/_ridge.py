"""Which of several lists of samples teaches a linear classifier best, by ridge regression on embeddings."""

from collections.abc import Callable, Iterator

import numpy as np

from ..progress import LOGGER
from ..tables import rows_of

CHUNK = 8192  # embeddings that are unpacked to float64 at a time
TRIED_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # of all samples, passed over: those that CCS's paper takes


def best_list(samples, pieces: np.ndarray, inside: np.ndarray, ridge: float) -> int:
    """Return the place of the list whose samples teach ridge regression best, the first of equal ones.

    To each list, weights are fitted that minimise the squared error of one-hot labels plus `ridge` times the squared
    weights, without an intercept; the best is that for which the largest output is most often the label. What is judged
    are the samples outside the subset, of which the network that makes the embeddings has learned nothing; all, where
    it has learned from all. They may be in the list.

    Parameters
    ----------
    samples : Samples
        Their "label" is read, and the tables ``embeddings`` and ``subset``.
    pieces : (n,) int array
        The piece in which each sample is, from 0; those of one piece are in the same lists.
    inside : (L, P) bool array
        Which pieces each list has.
    ridge : float
        Above 0.

    Returns
    -------
    int

    Notes
    -----
    Cost: two passes over the embeddings, n d (d + L C) multiplications for L lists and C classes, and L systems of d
    equations: the Gram matrices of the pieces are added up, each sample being in one. Memory: P d (d + C) float64
    numbers, 24 MB for 40 pieces, 256 dimensions and 10 classes, L d C for the weights, and 40 bytes a sample.
    """
    labels, ids = samples.read("label"), samples.read_ids()
    grams, sums = _add_up(samples, ids, pieces, labels, inside.shape[1])
    weights = []
    for own in inside:
        gram, sum_of_labels = ridge * np.eye(grams.shape[1]), np.zeros(sums.shape[1:])
        for piece in np.flatnonzero(own):
            gram += grams[piece]
            sum_of_labels += sums[piece]
        weights.append(np.linalg.solve(gram, sum_of_labels))
    judged = np.ones(samples.n, bool)
    for block in samples.table("subset"):
        judged[rows_of(ids, block["sample_id"])] = False
    if not judged.any():
        judged[:] = True
    right = np.zeros(len(inside), np.int64)
    for rows, embeddings in _chunks(samples, ids):
        seen = judged[rows]
        for i, of_list in enumerate(weights):
            right[i] += (np.argmax(embeddings[seen] @ of_list, axis=1) == labels[rows[seen]]).sum()
    return int(right.argmax())


def best_start(samples, n_kept: int, step: float, ridge: float, told: str) -> int:
    """Return how many of the highest scores the best window of n_kept consecutive ones passes over.

    Windows begin at 0, step n, 2 step n and so on, as far as n_kept samples are left.

    Parameters
    ----------
    samples : Samples
        Their "score" is read, and what `best_list` reads.
    n_kept : int
    step : float
        In (0, 1].
    ridge : float
    told : str
        Whose start it is, for the log.

    Returns
    -------
    int

    Notes
    -----
    Cost: a sort, and that of `best_list` for two pieces a window at the most. Memory: 24 bytes a sample beside it.
    """
    starts = (round(i * step * samples.n) for i in range(int(1 / step) + 1))
    firsts = list(dict.fromkeys(start for start in starts if start + n_kept <= samples.n))
    if len(firsts) == 1:
        return 0
    edges = np.unique([*firsts, *(first + n_kept for first in firsts)])
    places = np.empty(samples.n, np.int64)
    places[np.argsort(-samples.read("score"), kind="stable")] = np.arange(samples.n)
    pieces = np.searchsorted(edges, places, "right") - 1  # the last is in no window
    begins = np.array(firsts)[:, None]
    inside = (edges >= begins) & (edges < begins + n_kept)
    best = firsts[best_list(samples, pieces, inside, ridge)]
    LOGGER.info("%s: passes over %.0f %% of the samples, of %d starts", told, 100 * best / samples.n, len(firsts))
    return best


def best_share(samples, n_kept: int, ridge: float, kept_after: Callable[[int], np.ndarray], told: str) -> np.ndarray:
    """Return the best of the lists that pass over `TRIED_SHARES`, as far as n_kept samples are left.

    Parameters
    ----------
    samples : Samples
    n_kept : int
    ridge : float
    kept_after : callable
        number passed over -> the (n_kept,) rows that are kept then.
    told : str
        What the log says before the share.

    Returns
    -------
    (n_kept,) int64

    Notes
    -----
    Cost: that of the lists, and of `best_list` for 64 pieces at the most. Memory: 64 bytes a sample beside these.
    """
    numbers = dict.fromkeys(round(share * samples.n) for share in TRIED_SHARES)
    passed = [n_passed for n_passed in numbers if n_passed + n_kept <= samples.n]
    lists = [kept_after(n_passed) for n_passed in passed]
    if len(lists) == 1:
        return lists[0]
    in_lists = np.zeros(samples.n, np.int64)  # a bit for each
    for i, rows in enumerate(lists):
        in_lists[rows] |= 1 << i
    found, pieces = np.unique(in_lists, return_inverse=True)
    inside = (found >> np.arange(len(lists))[:, None] & 1).astype(bool)
    best = best_list(samples, pieces, inside, ridge)
    LOGGER.info("%s %.0f %%, the best of %d shares", told, 100 * passed[best] / samples.n, len(lists))
    return lists[best]


def _add_up(samples, ids, pieces, labels, n_pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of each piece the Gram matrix of its embeddings, (P, d, d), and their sums by class, (P, d, C)."""
    grams = sums = None
    for rows, embeddings in _chunks(samples, ids):
        if grams is None or sums is None:
            width = embeddings.shape[1]
            grams, sums = np.zeros((n_pieces, width, width)), np.zeros((n_pieces, width, labels.max() + 1))
        of_rows = pieces[rows]
        for piece in np.unique(of_rows):
            own = of_rows == piece
            here = embeddings[own]
            grams[piece] += here.T @ here
            of_label = labels[rows[own]]
            order = np.argsort(of_label, kind="stable")
            found, begin = np.unique(of_label[order], return_index=True)
            sums[piece][:, found] += np.add.reduceat(here[order], begin).T
    assert grams is not None and sums is not None, "there are samples"
    return grams, sums


def _chunks(samples, ids: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows, (b,) int64, and embeddings, (b, d) float64, of all samples."""
    for block in samples.table("embeddings"):
        rows = rows_of(ids, block["sample_id"])
        for start in range(0, len(rows), CHUNK):
            yield rows[start : start + CHUNK], block["embedding"][start : start + CHUNK].astype(np.float64)
