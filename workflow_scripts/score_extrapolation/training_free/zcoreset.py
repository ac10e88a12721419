"""ZCore of Griffin et al. (2024): how often a sample covers a random point, less how near it is to those that do."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
from pydantic import Field

from ..extras import extra
from ..plugins import Section
from ..progress import Progress
from ..rng import derive_seed
from ._scale import within_one

with extra("training-free"):
    import numba

DRAWS = 1024  # of a block, which has a random stream and sums of its own
GROUP = 16  # samples, of which the least distance is known
FARTHEST = np.float32(4)  # by L1 distance in two dimensions, of numbers that are at most 1 in size


class Options(Section):
    """`draws`: how many random points; `penalized`: how many lose by each sample that covers one."""

    draws: int = Field(1_000_000, ge=1, description="random points, each in two dimensions of the embedding")
    penalized: int = Field(1000, ge=1, description="nearest others of the covering sample, which share the loss of 1")


def score(options: Options, embeddings: np.ndarray, n_classes: int, seed: int) -> np.ndarray:
    """Return what each sample wins by coverage, less what it loses by redundancy, over uniform noise in [0, 1).

    In each draw two different dimensions of the embedding are chosen, and in each a coordinate from the triangular
    distribution of its least, median and greatest value over the samples. The sample nearest to that point, by L1
    distance in these two dimensions, wins 1. If another sample is at distance 0 from it, that one loses 1. Else its
    nearest others, `penalized` of them or all, lose 1 together, in proportion to distance^-4.

    Parameters
    ----------
    options : Options
    embeddings : (n, d) float array
        Finite. Distances are those of float32 numbers.
    n_classes : int
        Plays no part.
    seed : int

    Returns
    -------
    (n,) float64
        From -draws to draws + 1; of a single sample, which has no others, draws and its noise.

    Notes
    -----
    Griffin et al., "Zero-Shot Coreset Selection", https://arxiv.org/abs/2411.15349. Two of their scores differ only in
    noise where no draw reaches. What they leave open is settled here: of equally near samples the lower row counts,
    where one wins, where one loses 1, and at the end of the nearest that lose. A dimension in which all are equal is a
    point. An embedding of one dimension is compared in that one. The paper's final scaling to 0..1 is left out, as it
    changes no order.

    Random numbers belong to blocks of DRAWS draws, each with a stream and a float64 sum of its own, and the sums are
    added up in the order of blocks: the number of threads changes no bit. It is OMP_NUM_THREADS, where that is set,
    else as many as the process may use. Another order of the samples permutes what they win and lose, up to equal
    distances and rounding, and not the noise.

    Cost: of each draw two passes over two columns of n numbers, and the choice of the nearest among about n / 16 and
    16 penalized others: about two minutes of one core for a million draws of 50,000 samples, and nearly in
    proportion to both (tests/benchmarks/training_free.py). Compiling takes some seconds, once on a machine. Memory: two
    float32 copies of the embeddings, and 24 n bytes a thread.
    """
    embeddings = within_one(embeddings)
    triangles = np.stack([embeddings.min(axis=0), np.median(embeddings, axis=0), embeddings.max(axis=0)], axis=1)
    columns = group_columns(embeddings)
    n_blocks = -(-options.draws // DRAWS)

    def score_block(block: int) -> np.ndarray:
        n_draws = min(DRAWS, options.draws - block * DRAWS)
        points = draw_points(triangles, n_draws, derive_seed(seed, f"training_free/zcoreset/{block}"))
        return score_points(columns, len(embeddings), *points, options.penalized)

    scores = np.random.default_rng(derive_seed(seed, "training_free/zcoreset")).random(len(embeddings))
    threads = int(os.environ.get("OMP_NUM_THREADS") or numba.config.NUMBA_NUM_THREADS)
    with (
        ThreadPoolExecutor(threads) as pool,
        # What is interrupted does no more of them.
        closing(pool.map(score_block, range(n_blocks))) as of_blocks,  # type: ignore[type-var]  # it is a generator
        Progress(options.draws, "zcoreset", "draws") as progress,
    ):
        for block, of_block in enumerate(of_blocks):
            scores += of_block
            progress.update(min(DRAWS, options.draws - block * DRAWS))
    return scores


def draw_points(triangles: np.ndarray, n_draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw two dimensions and a point in these, again and again.

    Parameters
    ----------
    triangles : (d, 3) float32
        Least, median and greatest value in each dimension.
    n_draws : int
    seed : int

    Returns
    -------
    dimensions : (n_draws, 2) int64
        Different; twice 0 where d = 1.
    points : (n_draws, 2) float32
        A coordinate in each; twice the same where d = 1, so that distances are twice those in one dimension.
    """
    rng, width = np.random.default_rng(seed), len(triangles)
    first = rng.integers(width, size=n_draws)
    second = (first + 1 + rng.integers(max(1, width - 1), size=n_draws)) % width
    dimensions = np.stack([first, second], axis=1)
    low, mode, high = np.moveaxis(triangles[dimensions].astype(np.float64), -1, 0)  # (n_draws, 2) each
    uniform = rng.random((n_draws, 2))
    # The inverse of the distribution function, which rises to (mode - low) / (high - low) at the mode.
    rising = low + np.sqrt(uniform * (high - low) * (mode - low))
    falling = high - np.sqrt((1 - uniform) * (high - low) * (high - mode))
    points = np.where(uniform * (high - low) < mode - low, rising, falling)
    if width == 1:
        points[:, 1] = points[:, 0]
    return dimensions, points.astype(np.float32)


def group_columns(embeddings: np.ndarray) -> np.ndarray:
    """Return (n, d) embeddings as (d, 16, n / 16): sample `row` at [:, row // g, row % g], infinite behind the last.

    Samples at one place of the last axis are a group, whose least distance is found for many groups at a time.
    """
    n, width = embeddings.shape
    columns = np.full((width, -(-n // GROUP) * GROUP), np.inf, np.float32)
    columns[:, :n] = embeddings.T
    return columns.reshape(width, GROUP, -1)


@numba.njit(nogil=True, cache=True)
def score_points(columns, n, dimensions, points, penalized):
    """Return what each sample wins and loses by some draws.

    Parameters
    ----------
    columns : (d, 16, g) float32
        As of `group_columns`, at most 1 in size.
    n : int
        Samples.
    dimensions : (q, 2) int64
    points : (q, 2) float32
        As of `draw_points`.
    penalized : int
        >= 1.

    Returns
    -------
    (n,) float64
    """
    scores, n_losing = np.zeros(n), min(penalized, n - 1)
    distances, least = np.empty(columns.shape[1:], np.float32), np.empty(columns.shape[2], np.float32)
    of_row, n_groups = distances.reshape(-1), len(least)
    rows, shares, scratch = np.empty(len(of_row), np.int64), np.empty(n_losing), np.empty(len(of_row), np.float32)
    for draw in range(len(points)):
        a, b = columns[dimensions[draw, 0]], columns[dimensions[draw, 1]]
        _measure(a, b, points[draw, 0], points[draw, 1], distances, least)
        covering = _nearest(distances, least)
        scores[covering] += 1
        if n == 1:
            continue
        place, group = covering // n_groups, covering % n_groups
        _measure(a, b, a[place, group], b[place, group], distances, least)
        of_row[covering] = least[group] = np.inf
        for i in range(GROUP):
            least[group] = min(least[group], distances[i, group])
        nearest = _nearest(distances, least)
        if of_row[nearest] == 0:
            scores[nearest] -= 1
            continue
        _take_nearest(distances, least, n_losing, rows, scratch)
        total = 0.0
        for i in range(n_losing):
            # In proportion to distance^-4, and nothing overflows.
            square = (np.float64(of_row[nearest]) / np.float64(of_row[rows[i]])) ** 2
            shares[i] = square * square
            total += shares[i]
        for i in range(n_losing):
            scores[rows[i]] -= shares[i] / total
    return scores


@numba.njit(nogil=True, cache=True)
def _measure(a, b, x, y, distances, least):
    """Set the L1 distances of all samples from (x, y), (16, g), and the least of each group, (g,)."""
    least[:] = np.inf
    for i in range(GROUP):
        for group in range(len(least)):
            distance = abs(a[i, group] - x) + abs(b[i, group] - y)
            distances[i, group] = distance
            least[group] = distance if distance < least[group] else least[group]


@numba.njit(nogil=True, cache=True)
def _nearest(distances, least):
    """Return the first row of the least distance."""
    lowest, row = np.float32(np.inf), distances.size
    for group in range(len(least)):
        lowest = least[group] if least[group] < lowest else lowest
    for group in range(len(least)):
        if least[group] == lowest:
            i = 0
            while distances[i, group] != lowest:
                i += 1
            row = min(row, i * len(least) + group)
    return row


@numba.njit(nogil=True, cache=True)
def _take_nearest(distances, least, n_wanted, rows, scratch):
    """Set the first `n_wanted` of `rows` to those of the least distances, of equal ones the lower; in increasing order.

    If as many groups as rows are wanted have their least at or below a bound, then so many rows at least are at or
    below it, all of them in these groups, and of many groups hardly more rows.
    """
    n_groups, n_near, bound = len(least), 0, FARTHEST
    of_row, near = distances.reshape(-1), np.empty(len(least), np.int64)
    if n_wanted < n_groups:
        scratch[:n_groups] = least
        bound = _smallest(scratch, n_groups, n_wanted)
    for group in range(n_groups):
        near[n_near] = group
        n_near += least[group] <= bound
    n_rows = 0
    for i in range(GROUP):
        for j in range(n_near):
            distance = distances[i, near[j]]
            rows[n_rows], scratch[n_rows] = i * n_groups + near[j], distance
            n_rows += distance <= bound
    last, n_equal, n_taken = _smallest(scratch, n_rows, n_wanted), n_wanted, 0
    for i in range(n_rows):
        n_equal -= of_row[rows[i]] < last
    for i in range(n_rows):
        row = rows[i]
        is_taken = of_row[row] < last or (of_row[row] == last and n_equal > 0)
        n_equal -= of_row[row] == last
        rows[n_taken] = row
        n_taken += is_taken


@numba.njit(nogil=True, cache=True)
def _smallest(values, n, rank):
    """Return the value of a rank, 1..n, among the first n, whose order is changed: Hoare's selection."""
    left, right, k = 0, n - 1, rank - 1
    while left < right:
        pivot, i, j = values[(left + right) // 2], left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if k <= j:
            right = j
        elif k >= i:
            left = i
        else:
            break
    return values[k]
