"""The window of scores whose samples teach a linear classifier best, by ridge regression on embeddings."""

from collections.abc import Iterator

import numpy as np

from ..progress import LOGGER
from ..tables import rows_of

CHUNK = 8192  # embeddings that are unpacked to float64 at a time


def best_start(samples, n_kept: int, step: float, ridge: float) -> int:
    """Return the place, counted from the highest score, at which the best window of n_kept samples begins.

    Windows begin at 0, step n, 2 step n and so on, as long as there are n_kept samples from there on. To each, weights
    are fitted that minimise the squared error of one-hot labels plus `ridge` times the squared weights, without an
    intercept; the best is that for which the largest output is most often the label, the first of equal ones. What is
    judged are the samples outside the subset, of which the network that makes the embeddings has learned nothing; all,
    as in the paper, where it has learned from all.

    Parameters
    ----------
    samples : Samples
        Their "score" and "label" are read, and the tables ``embeddings`` and ``subset``.
    n_kept : int
    step : float
        A share of all samples.
    ridge : float

    Returns
    -------
    int

    Notes
    -----
    Cost: two passes over the embeddings, n d (d + W C) multiplications for W windows and C classes, and W systems of d
    equations: the Gram matrices of the pieces that windows are made of are added up, each sample being in one piece.
    Memory: 2 W d^2 float64 numbers, 21 MB for 20 windows of 256, and 40 bytes a sample.
    """
    firsts = _starts(samples.n, n_kept, step)
    if len(firsts) == 1:
        return 0
    edges = np.unique([*firsts, *(first + n_kept for first in firsts)])
    places = np.empty(samples.n, np.int64)
    places[np.argsort(-samples.read("score"), kind="stable")] = np.arange(samples.n)
    pieces = np.searchsorted(edges, places, "right") - 1  # the last piece is in no window
    labels, ids = samples.read("label"), samples.read_ids()
    grams, sums = _add_up(samples, ids, pieces, labels, len(edges))
    weights = []
    for first in firsts:
        inside = slice(*np.searchsorted(edges, [first, first + n_kept]))
        gram = grams[inside].sum(axis=0)
        gram[np.diag_indices(len(gram))] += ridge
        weights.append(np.linalg.solve(gram, sums[inside].sum(axis=0)))
    judged = np.ones(samples.n, bool)
    for block in samples.table("subset"):
        judged[rows_of(ids, block["sample_id"])] = False
    if not judged.any():
        judged[:] = True
    right = np.zeros(len(firsts), np.int64)
    for rows, embeddings in _chunks(samples, ids):
        seen = judged[rows]
        for w, of_window in enumerate(weights):
            right[w] += (np.argmax(embeddings[seen] @ of_window, axis=1) == labels[rows[seen]]).sum()
    best = firsts[right.argmax()]
    LOGGER.info("window: passes over %.0f %% of the samples, of %d starts", 100 * best / samples.n, len(firsts))
    return best


def _starts(n: int, n_kept: int, step: float) -> list[int]:
    """Return where windows begin, increasing."""
    starts = (round(i * step * n) for i in range(int(1 / step) + 1))
    return list(dict.fromkeys(start for start in starts if start + n_kept <= n))


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
