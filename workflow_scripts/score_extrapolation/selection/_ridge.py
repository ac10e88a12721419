"""Which of several lists of samples teaches a linear classifier best, by ridge regression on embeddings."""

from collections.abc import Callable, Iterator

import numpy as np

from ..faults import InputFault
from ..io.tables import rows_of
from ..progress import LOGGER

CHUNK = 8192  # embeddings that are unpacked to float64 at a time
JUDGED = 50_000  # samples that lists are judged by, at most: enough to tell a quarter of a percent apart
TRIED_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)  # of all samples, passed over: those that CCS's paper takes


def count_right(samples, pieces: np.ndarray, inside: np.ndarray, ridge: float) -> np.ndarray:
    """Return of each list how many samples are told right by ridge regression on it.

    To each list, weights are fitted that minimise the squared error of one-hot labels plus `ridge` times the squared
    weights, without an intercept; a sample is told right if its largest output is that of its label. Those told are
    outside the subset, of which the network that makes the embeddings has learned nothing, or all where it has learned
    from all; of more than `JUDGED` every m-th, in the order of classes. They may be in the list.

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
    (L,) int64
        The higher, the better a list teaches.

    Raises
    ------
    InputFault
        There are embeddings of fewer, more or other samples than these, some are not finite, or `ridge` is too small.

    Notes
    -----
    Cost: one pass over the embeddings, n d^2 multiplications (the Gram matrices of the pieces are added up, each sample
    being in one), and for each list a system of d equations and J d C multiplications for J samples told and C classes,
    which of many classes are most. Memory: P d (d + C) float64 numbers, J d float32, a block of the table and 48 bytes
    a sample: 11 and 51 MB for 20 pieces, 256 dimensions and 10 classes; 1,000 and 410 MB for 2,048 and 1,000.
    """
    labels, ids = samples.read("label"), samples.read_ids()
    outside = np.ones(samples.n, bool)
    for block in samples.table("subset"):
        outside[rows_of(ids, block["sample_id"])] = False
    told = np.flatnonzero(outside) if outside.any() else np.arange(samples.n)
    told = told[np.argsort(labels[told], kind="stable")][:: -(-len(told) // JUDGED)]
    grams, sums, vectors = _add_up(samples, ids, pieces, labels, inside.shape[1], told)
    right = np.empty(len(inside), np.int64)
    for i, own in enumerate(inside):
        gram, sum_of_labels = ridge * np.eye(grams.shape[1]), np.zeros(sums.shape[1:])
        for piece in np.flatnonzero(own):
            gram += grams[piece]
            sum_of_labels += sums[piece]
        try:
            weights = np.linalg.solve(gram, sum_of_labels)
        except np.linalg.LinAlgError:
            raise InputFault(
                f"the option ridge = {ridge:g} is nothing beside embeddings of {len(told)} samples as large as "
                f"{np.abs(vectors).max():.3g}; raise it, or scale the embeddings down"
            ) from None
        # In float64, so that another processor's rounding tells hardly ever another label.
        chunks = (slice(start, start + CHUNK) for start in range(0, len(told), CHUNK))
        outputs = ((rows, vectors[rows].astype(np.float64) @ weights) for rows in chunks)
        right[i] = sum((np.argmax(output, axis=1) == labels[told[rows]]).sum() for rows, output in outputs)
    return right


def nested_windows(samples, n_pieces: int, ridge: float) -> list[tuple[int, int]]:
    """Return windows of scores that lie within one another and teach ridge regression best, from the smallest on.

    The samples in the order of their scores, the highest first, are cut into pieces that are as large as each other.
    The first window is one piece, each further one has the piece before or the one after too, and the last has all. Of
    all such chains of windows it is the one for which the sum of `count_right` over its windows is highest. Of equal
    ones each window, from the last on, is without its lower piece rather than without its higher.

    Parameters
    ----------
    samples : Samples
        Their "score" is read, and what `count_right` reads.
    n_pieces : int
        As long as no piece is empty.
    ridge : float

    Returns
    -------
    list of (first, last)
        The places, from 0, of a window's first sample and of the one after its last.

    Notes
    -----
    Cost: a sort, and that of `count_right` for P (P + 1) / 2 lists. Memory: 24 bytes a sample beside it.
    """
    edges = np.unique([round(i * samples.n / n_pieces) for i in range(n_pieces + 1)])
    n_pieces = len(edges) - 1
    windows = [(a, b) for size in range(1, n_pieces + 1) for a, b in _of_size(size, n_pieces)]
    inside = np.array([[a <= piece < b for piece in range(n_pieces)] for a, b in windows])
    right = count_right(samples, np.searchsorted(edges, _places(samples), "right") - 1, inside, ridge)
    sums: dict[tuple[int, int], int] = {}
    for (a, b), count in zip(windows, right.tolist(), strict=True):
        sums[a, b] = count + (max(sums[a, b - 1], sums[a + 1, b]) if b - a > 1 else 0)
    a, b = 0, n_pieces
    chain = [(a, b)]
    while b - a > 1:
        a, b = max((a, b - 1), (a + 1, b), key=sums.__getitem__)
        chain.append((a, b))
    return [(int(edges[a]), int(edges[b])) for a, b in reversed(chain)]


def _of_size(size: int, n_pieces: int) -> Iterator[tuple[int, int]]:
    return ((a, a + size) for a in range(n_pieces - size + 1))


def _places(samples) -> np.ndarray:
    """Return the place of each sample in the order of scores, (n,) int64; of equal ones the lower row is first."""
    places = np.empty(samples.n, np.int64)
    places[np.argsort(-samples.read("score"), kind="stable")] = np.arange(samples.n)
    return places


def best_start(samples, n_kept: int, step: float, ridge: float) -> int:
    """Return how many of the highest scores the best window of n_kept consecutive ones passes over.

    Windows begin at 0, step n, 2 step n and so on, as far as n_kept samples are left.

    Parameters
    ----------
    samples : Samples
        Their "score" is read, and what `count_right` reads.
    n_kept : int
    step : float
        In (0, 1].
    ridge : float

    Returns
    -------
    int
        Of equal ones the first.

    Notes
    -----
    Cost: a sort, and that of `count_right` for two pieces a window at the most. Memory: 24 bytes a sample beside it.
    """
    starts = (round(i * step * samples.n) for i in range(int(1 / step) + 1))
    firsts = list(dict.fromkeys(start for start in starts if start + n_kept <= samples.n))
    if len(firsts) == 1:
        return 0
    edges = np.unique([*firsts, *(first + n_kept for first in firsts)])
    pieces = np.searchsorted(edges, _places(samples), "right") - 1  # the last is in no window
    begins = np.array(firsts)[:, None]
    inside = (edges >= begins) & (edges < begins + n_kept)
    best = firsts[count_right(samples, pieces, inside, ridge).argmax()]
    LOGGER.info("window: passes over %.0f %% of the samples, of %d starts", 100 * best / samples.n, len(firsts))
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
    Cost: that of the lists, and of `count_right` for 64 pieces at the most. Memory: 64 bytes a sample beside these.
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
    best = count_right(samples, pieces, inside, ridge).argmax()
    LOGGER.info("%s %.0f %%, the best of %d shares", told, 100 * passed[best] / samples.n, len(lists))
    return lists[best]


def _add_up(samples, ids, pieces, labels, n_pieces: int, told) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return of each piece the Gram matrix of its embeddings, (P, d, d), and their sums by class, (P, d, C).

    And the embeddings of the samples in the rows `told`, (J, d) float32.
    """
    grams = sums = vectors = None
    slots = np.full(samples.n, -1)
    slots[told] = np.arange(len(told))
    seen = np.zeros(samples.n, bool)
    for rows, embeddings in _chunks(samples, ids):
        seen[rows] = True
        if grams is None or sums is None or vectors is None:
            width = embeddings.shape[1]
            grams, sums = np.zeros((n_pieces, width, width)), np.zeros((n_pieces, width, labels.max() + 1))
            vectors = np.empty((len(told), width), np.float32)
        is_told = slots[rows] >= 0
        vectors[slots[rows[is_told]]] = embeddings[is_told]
        of_rows = pieces[rows]
        for piece in np.unique(of_rows):
            own = of_rows == piece
            here = embeddings[own]
            grams[piece] += here.T @ here
            of_label = labels[rows[own]]
            order = np.argsort(of_label, kind="stable")
            found, begin = np.unique(of_label[order], return_index=True)
            sums[piece][:, found] += np.add.reduceat(here[order], begin).T
    if grams is None or sums is None or vectors is None or not seen.all():
        missing = ids[seen.argmin()]
        raise InputFault(f"there are embeddings of {seen.sum()} of {samples.n} samples, none of {missing}; give all")
    return grams, sums, vectors


def _chunks(samples, ids: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows, (b,) int64, and embeddings, (b, d) float64, of all samples."""
    for block in samples.table("embeddings"):
        rows = rows_of(ids, block["sample_id"])
        for start in range(0, len(rows), CHUNK):
            embeddings = block["embedding"][start : start + CHUNK].astype(np.float64)
            if not (finite := np.isfinite(embeddings).all(axis=1)).all():
                of = ids[rows[start + finite.argmin()]]
                raise InputFault(f"the embedding of sample {of} is not finite; the training that makes it diverged")
            yield rows[start : start + CHUNK], embeddings
