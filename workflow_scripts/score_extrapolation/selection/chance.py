"""Keep each sample with the chance that its score is among the highest, mixed with a chance that is the same for all.

The highest of expected scores are not the samples whose scores are likely the highest: expectations are drawn together
towards the mean, and those that stand out are of one kind. What is uncertain is kept as often as it is likely to belong
to the highest (docs/extrapolation.md). Where the very highest teach little they are passed over.
"""

import numpy as np
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section, ShareOrAuto
from ..progress import LOGGER
from ..rng import derive_seed
from ._ridge import nested_windows

SCORED = True
DROPPED_OPTION = "start"
NEEDS_OPTIONAL = True
STRATUM = 16  # samples in a row whose numbers are spread evenly
PIECES = 20  # of the order of scores, of which auto makes windows
BLOCK = 65_536  # samples whose keys are found at a time


class Options(Section):
    """`floor`: 0 keeps by the chance of being among the highest alone, 1 at random; `ridge` is read by auto.

    The default floor was chosen with the truth in sight, of 0 and 0.3, in a pilot on Fashion-MNIST.
    """

    floor: float = Field(0.3, ge=0, le=1, description="share of the chance that is the same for all samples")
    start: ShareOrAuto = Field(
        "auto", description="share of all samples, the highest, that is passed over; auto: that of the best windows"
    )
    ridge: float = Field(1.0, gt=0, description="the penalty of the squared weights that windows are judged by")

    def needs(self) -> tuple[str, ...]:
        """What is known of all samples, by the network of the training for scores, to choose a start."""
        return ("embeddings", "subset", "samples") if self.start == "auto" else ()


def keep(options: Options, n_kept: int, samples, seed: int) -> np.ndarray:
    """Return the n_kept rows with the smallest keys, of equal ones those with the smaller number, then the lower row.

    The chance that sample i is among the k highest is estimated by the share of its D draws whose rank among all
    samples' draws of the same column is below k. With the floor f it is kept among k with the probability

        p_i(k) = (1 - f) #{d: rank of draw d of i < k} / D + f k / n,

    which sums to k over all samples and grows with k. Rank 0 is the highest; of equal draws the lower row is first.
    Each sample has one number u_i, uniform in [0, 1), and the key min{k: p_i(k) >= u_i}: the key is at most k with the
    probability p_i(k), for every k. Keys do not depend on n_kept, so what is kept at 0.9 lies in what is kept at 0.5.

    With a `start` the highest round(start n) ranks of each column count as the lowest: what is estimated is the chance
    to be among the k that follow them. The highest scores are of samples that are hard to everything; a network that is
    trained on little learns more from easier ones (`window`).

    ``auto``, the default, passes over more the less is kept: what is estimated is the chance to be in a window of k
    ranks, and windows lie within one another. Those of k = n / 20, 2 n / 20 and so on are those of expected scores
    whose samples teach ridge regression of the labels on the embeddings best, judged outside the subset
    (`_ridge.nested_windows`); from one to the next the window grows by a rank at a time. So a rank has a place, the
    number of those that come into the window before it, and counts by that place as by its rank without a start: all
    that is said above holds. Windows differ more than lists by chance do, of which a share is the same for all starts:
    judged by these themselves, starts came out too small. Without labels, embeddings or samples that the network has
    not learned from no window can be judged, and the start is 0, as the log says.

    About k keys are at most k. The cut at the n_kept-th key shifts k by as much as that number is off, and with it the
    probabilities. Therefore the numbers are not independent: the samples are put in the order of class (where there are
    labels), mean draw and row, and 16 in a row have one number in each sixteenth of [0, 1), in random order. So each
    class and each level of the score get their shares. `tests/benchmarks/chances.py` compares other sequences, of 1,500
    samples at four rates: here the number is off by 7 to 8 (standard deviation), with independent numbers by 10 to 17.
    Random shifts of one fixed sequence, by the golden ratio or van der Corput's, are off by 4 to 11, but what they are
    off by depends on the shift, as each sample's number does, which biases the cut; and two seeds whose shifts happen
    to be close keep nearly the same samples: of a tenth up to 0.99 in common, and up to 0.36 here.

    Parameters
    ----------
    options : Options
    n_kept : int
    samples : Samples
        Their "draws" are read, and their "label" where they are labelled; by ``auto``, of labelled ones, the "score"
        and the tables ``embeddings`` and ``subset`` too, where these are given.
    seed : int
        Of the numbers.

    Returns
    -------
    (n_kept,) int64
        In no order.

    Raises
    ------
    InputFault
        Fewer are left after the start than are to be kept.

    Notes
    -----
    Cost: D + 2 sorts of n, and O(n D); by ``auto`` what `_ridge.nested_windows` takes, before anything else. Memory:
    4 D + 32 bytes a sample, of float32 draws.
    """
    keys, numbers = find_keys(options.floor, samples, seed, _places(options, n_kept, samples))
    return np.lexsort((numbers, keys))[:n_kept]


def find_keys(floor: float, samples, seed: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each sample's key, (n,) int64 in 1..n, and its number, (n,) float64 in [0, 1); ranks count by `places`."""
    columns = _read_columns(samples)
    numbers = _spread_numbers(columns, samples, seed)
    _rank(columns)
    keys = np.empty(samples.n, np.int64)
    for start in range(0, samples.n, BLOCK):
        block = slice(start, start + BLOCK)
        ranks = np.sort(places[columns[:, block].view(f"i{columns.itemsize}")], axis=0)
        keys[block] = _reach(ranks, numbers[block], floor, samples.n)
    return keys, numbers


def shifted(n: int, n_passed: int) -> np.ndarray:
    """Return the place of each rank, (n,) int: those that are passed over have the last."""
    return (np.arange(n, dtype=_index_type(n)) - n_passed) % n


def _places(options: Options, n_kept: int, samples) -> np.ndarray:
    """Return the place that each rank counts by, (n,) int."""
    if options.start != "auto":
        n_passed = round(options.start * samples.n)
        if samples.n - n_passed < n_kept:
            raise InputFault(
                f"chance: its option start = {options.start:g} leaves {samples.n - n_passed} of {samples.n} samples, "
                f"and {n_kept} are to be kept; lower it to the share that is pruned or less, or keep fewer"
            )
        return shifted(samples.n, n_passed)
    missing = [] if samples.labelled else ["labels"]
    missing += [] if "embeddings" in samples.tables else ["embeddings"]
    if not missing and sum(len(block["sample_id"]) for block in samples.table("subset")) == samples.n:
        missing = ["samples outside the subset"]
    if missing:
        LOGGER.info("chance: passes over none, as there are no %s to choose a start by", " and no ".join(missing))
        return shifted(samples.n, 0)
    places = _grown(nested_windows(samples, PIECES, options.ridge), samples.n)
    LOGGER.info("chance: passes over %.0f %% of the samples", 100 * np.argmax(places < n_kept) / samples.n)
    return places


def _grown(windows: list[tuple[int, int]], n: int) -> np.ndarray:
    """Return when each rank comes into a window that grows by one at a time, (n,) int in 0..n - 1.

    Each window has ranks after those of the one before or before these, which come in nearest first.
    """
    places: np.ndarray = np.empty(n, _index_type(n))
    begin = end = windows[0][0]
    for first, last in windows:
        places[end:last] = np.arange(end - begin, last - begin)
        places[first:begin] = np.arange(last - first - 1, last - begin - 1, -1)
        begin, end = first, last
    return places


def _index_type(n: int) -> type:
    return np.int64 if n >= 2**31 else np.int32


def _read_columns(samples) -> np.ndarray:
    """Return the draws, (D, n), of a float that is as wide as an integer that counts n samples."""
    columns, start = np.empty((0, 0)), 0
    for (draws,) in samples.batches("draws"):
        if not start:
            wide = np.float64 if draws.dtype == np.float64 or samples.n >= 2**31 else np.float32
            columns = np.empty((draws.shape[1], samples.n), wide)
        columns[:, start : start + len(draws)] = draws.T
        start += len(draws)
    return columns


def _spread_numbers(columns: np.ndarray, samples, seed: int) -> np.ndarray:
    """Return (n,) float64 in [0, 1): evenly spread within each class and each level of the mean draw."""
    means = np.zeros(samples.n)
    with np.errstate(invalid="ignore"):  # infinite ones of both signs
        for column in columns:
            means += column
    order = np.lexsort((means, samples.read("label"))) if samples.labelled else np.argsort(means, kind="stable")
    rng = np.random.default_rng(derive_seed(seed, "selection/chance"))
    places = rng.permuted(np.tile(np.arange(STRATUM, dtype=np.uint8), (-(-samples.n // STRATUM), 1)), axis=1)
    means[order] = (places.reshape(-1)[: samples.n] + rng.random(samples.n)) / STRATUM
    return means


def _rank(columns: np.ndarray) -> None:
    """Replace each row's floats by their ranks, as integers of the same width: 0 is the highest, then the lower place.

    In place: of many samples the draws are most of what is held.
    """
    ranks = columns.view(f"i{columns.itemsize}")
    for column, of_column in zip(columns, ranks, strict=True):
        order = np.argsort(-column, kind="stable")
        of_column[order] = np.arange(len(order))


def _reach(ranks: np.ndarray, numbers: np.ndarray, floor: float, n: int) -> np.ndarray:
    """Return the least k in 1..n at which the probability reaches the number, (b,) float64.

    Parameters
    ----------
    ranks : (D, b) int
        Of each sample's draws, increasing along the columns.
    numbers : (b,) float64
    floor : float
    n : int
        Of all samples.

    Notes
    -----
    From the j-th rank on the chance is at least j / D, and where the floor's share makes up what is missing to the
    number the probability reaches it. Of all j, 0 to D, the first such k is the key.
    """
    keys = np.full(len(numbers), n, np.float64)
    for j in range(len(ranks) + 1):
        missing = numbers - (1 - floor) * j / len(ranks)
        with np.errstate(over="ignore"):  # of the smallest floors
            enough = np.ceil(missing * n / floor) if floor else np.where(missing > 0, n, 1)
        np.minimum(keys, np.maximum(ranks[j - 1] + 1 if j else 1, enough), out=keys)
    return keys
