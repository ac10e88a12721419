"""k nearest neighbours: the weighted mean of the nearest subset samples' scores (paper, section 3)."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from pydantic import Field

from ..io.tables import DRAWS, rows_of
from ..neighbors.exact import find_neighbors
from ..neighbors.label import find_label_neighbors
from ..plugins import Section
from ._draws import random_numbers

SHARDS = "samples"
BLOCK = 65_536
STAGE = "extrapolation/knn"


class Options(Section):
    """Which neighbours, and how their scores are weighted."""

    k: int = Field(20, ge=1, description="neighbours")
    weighting: Literal["distance", "uniform"] = Field("distance", description="exp(-distance), or all alike")
    same_label: bool = Field(False, description="whether neighbours are those of the sample's own label only")

    def needs(self) -> tuple[str, ...]:
        """Only neighbours: scores and distances are all that is averaged."""
        return ("neighbors/label",) if self.same_label else ("neighbors/subset",)


def weighted_scores(neighbor_scores: np.ndarray, distances: np.ndarray, weighting: str):
    """Return the weighted mean and standard deviation of each row's neighbour scores.

    Weights are softmax(-d), which is exp(-d) normalised, computed from the nearest neighbour's distance on: exp(-d)
    itself is 0 beyond d = 745 and 0/0 follows.

    Parameters
    ----------
    neighbor_scores, distances : (q, k) float
    weighting : {"distance", "uniform"}

    Returns
    -------
    mean : (q,) float64
        Within the range of the row's scores.
    spread : (q,) float64
        Weighted standard deviation, >= 0: how much the neighbours disagree, in units of the score.
    """
    scores, weights = neighbor_scores.astype(np.float64), _weights(distances, weighting)
    mean = (weights * scores).sum(axis=1)
    # Rounding can carry a mean past the scores that it is a mean of.
    mean = np.clip(mean, scores.min(axis=1), scores.max(axis=1))
    return mean, np.sqrt((weights * (scores - mean[:, None]) ** 2).sum(axis=1))


def draw_neighbors(distances: np.ndarray, weighting: str, numbers: np.ndarray) -> np.ndarray:
    """Draw neighbours of each sample as often as they weigh in its mean.

    Parameters
    ----------
    distances : (q, k) float
    weighting : {"distance", "uniform"}
    numbers : (q, D) float
        In [0, 1), what is drawn by.

    Returns
    -------
    (q, D) int64
        Columns of `distances`.
    """
    below = np.cumsum(_weights(distances, weighting), axis=1)
    below /= below[:, -1:]  # 1, whatever is lost in rounding: no number is beyond
    return np.stack([(below <= number[:, None]).sum(axis=1) for number in numbers.T], axis=1)


def _weights(distances: np.ndarray, weighting: str) -> np.ndarray:
    """Return (q, k) float64, whose rows sum to 1."""
    distances = distances.astype(np.float64)
    nearest = distances.min(axis=1, keepdims=True)
    weights = np.exp(nearest - distances) if weighting == "distance" else np.ones_like(distances)
    return weights / weights.sum(axis=1, keepdims=True)


def extrapolate(options: Options, subset_ids, subset_scores, tables, seed: int = 0, device: str = "cpu"):
    """Score the residual set from the stored neighbours; see the package's docstring.

    What is drawn are scores that the neighbours have, or may have where they are stepped up, as often as they weigh in
    the mean. Cost: O((1 + DRAWS) n k). All is done on the CPU: `device` does not matter.
    """
    draws = np.empty((len(tables[options.needs()[0]]["sample_id"]), DRAWS), np.float32)

    def draw(block, sample_ids, rows, distances):
        places = draw_neighbors(distances, options.weighting, random_numbers(sample_ids, seed, STAGE))
        drawn = np.take_along_axis(rows, places, axis=1)
        draws[block] = tables["scores"]["draws"][drawn, np.arange(DRAWS)]

    return *average_neighbors(options, subset_ids, subset_scores, tables, draw), draws


def average_neighbors(options: Options, subset_ids, subset_scores, tables, visit: Callable | None = None):
    """Return the ids of all who have neighbours, (q,), the weighted mean of these' scores and the spread of them.

    The neighbours are stored nearest first at the largest k of the config: those of this k are their first columns.
    ``visit(block, sample_ids, rows, distances)`` is called of each slice of the q samples with its (b,) ids, (b, k)
    rows of `subset_ids` and (b, k) distances.
    """
    (scope,) = options.needs()
    table = tables[scope]
    if options.k > table["neighbor_ids"].shape[1]:
        raise ValueError(f"k = {options.k}, but {table['neighbor_ids'].shape[1]} neighbours are stored")
    mean, spread = np.empty((2, len(table["sample_id"])))
    for start in range(0, len(mean), BLOCK):
        block = slice(start, start + BLOCK)
        ids = table["neighbor_ids"][block, : options.k]
        rows = rows_of(subset_ids, ids.reshape(-1)).reshape(ids.shape)
        distances = table["neighbor_distances"][block, : options.k]
        mean[block], spread[block] = weighted_scores(subset_scores[rows], distances, options.weighting)
        if visit:
            visit(block, table["sample_id"][block], rows, distances)
    return table["sample_id"], mean, spread


class KNNExtrapolator:
    """Predict scores as the weighted mean of the k nearest subset samples' scores.

    Departure from the paper: weights exp(-d) are computed as softmax(-d), equal where exp(-d) does not underflow.

    Parameters
    ----------
    k : int
        Neighbours, 1..m.
    weighting : {"distance", "uniform"}
        exp(-d) in Euclidean distance d, or all equal.
    same_label : bool
        Take neighbours of the sample's own label only (ours, not the paper's); where the subset has fewer than k of
        it, all of them and the nearest of other labels.

    Attributes
    ----------
    embeddings_ : (m, d) float array
        Of the subset, as `fit` was given them.
    scores_ : (m,) float64 array
        Likewise.
    labels_ : (m,) int array, or None
        None without `same_label`.

    Examples
    --------
    >>> from score_extrapolation import KNNExtrapolator
    >>> extrapolator = KNNExtrapolator(k=2, weighting="uniform")
    >>> extrapolator.fit([[0.0], [1.0], [9.0]], [1.0, 3.0, 8.0]).predict([[0.4]])
    array([2.])
    """

    def __init__(self, k: int = 20, weighting: str = "distance", same_label: bool = False):
        self.k, self.weighting, self.same_label = k, weighting, same_label

    def fit(self, subset_embeddings: np.ndarray, subset_scores: np.ndarray, labels=None) -> "KNNExtrapolator":
        """Keep what is known of the subset.

        Parameters
        ----------
        subset_embeddings : (m, d) float array
            In the same space as those that are asked about later.
        subset_scores : (m,) float array
            In the same order.
        labels : (m,) int array, optional
            Likewise, for `same_label`.

        Returns
        -------
        KNNExtrapolator
            Itself.

        Raises
        ------
        ValueError
            An option is out of range, the lengths differ, or labels are missing.
        """
        Options.model_validate({"k": self.k, "weighting": self.weighting, "same_label": self.same_label})
        if len(subset_embeddings) != len(subset_scores):
            raise ValueError(f"{len(subset_embeddings)} embeddings and {len(subset_scores)} scores")
        self.embeddings_ = np.asarray(subset_embeddings)
        self.scores_ = np.asarray(subset_scores, np.float64)
        self.labels_ = self._labels(labels, len(subset_embeddings))
        return self

    def predict(self, embeddings: np.ndarray, labels=None, *, return_spread: bool = False):
        """Predict the scores of samples from their neighbours in the subset, which are searched exactly.

        Cost: 2 q m d operations for the search, fewer with `same_label`, and O(q k) after it.

        Parameters
        ----------
        embeddings : (q, d) float array
            Of any samples; one of the subset is its own nearest neighbour.
        labels : (q,) int array, optional
            Of these samples, for `same_label`.
        return_spread : bool
            Whether to return how much the neighbours disagree, too.

        Returns
        -------
        scores : (q,) float64
            Within the range of the subset's.
        spread : (q,) float64
            With `return_spread`: the weighted standard deviation of the neighbours' scores.

        Raises
        ------
        InputFault
            k is larger than the subset.
        ValueError
            Labels are missing.
        """
        rows, distances = self._find(embeddings, labels)
        mean, spread = weighted_scores(self.scores_[rows], distances, self.weighting)
        return (mean, spread) if return_spread else mean

    def draw(self, embeddings: np.ndarray, labels=None, *, seed: int = 0, sample_ids=None) -> np.ndarray:
        """Return scores that samples may have, (q, DRAWS) float32: those of neighbours, as often as these weigh.

        What is drawn of a sample depends on its id, (q,) int64 >= 0, by default its row. Else as `predict`.
        """
        rows, distances = self._find(embeddings, labels)
        ids = np.arange(len(rows)) if sample_ids is None else np.asarray(sample_ids)
        drawn = draw_neighbors(distances, self.weighting, random_numbers(ids, seed, STAGE))
        return self.scores_[np.take_along_axis(rows, drawn, axis=1)].astype(np.float32)

    def _find(self, embeddings, labels) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of the k nearest of the subset, and their distances, (q, k) each."""
        embeddings, labels = np.asarray(embeddings), self._labels(labels, len(embeddings))
        if not self.same_label:
            return find_neighbors(self.embeddings_, embeddings, self.k)
        queries = np.arange(len(embeddings))
        return find_label_neighbors(self.embeddings_, self.labels_, embeddings, labels, queries, self.k)

    def _labels(self, labels, n: int):
        """Return the labels as an array of n; None where they are not read."""
        if not self.same_label:
            return None
        if labels is None or len(labels) != n:
            found = "none" if labels is None else len(labels)
            raise ValueError(f"same_label needs the labels of {n} samples, found {found}")
        return np.asarray(labels)
