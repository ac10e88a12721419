"""k nearest neighbours: the weighted mean of the nearest subset samples' scores (paper, section 3)."""

from typing import Literal

import numpy as np
from pydantic import Field

from ..neighbors.exact import find_neighbors
from ..neighbors.label import find_label_neighbors
from ..plugins import Section
from ..tables import rows_of

SHARDS = "samples"
BLOCK = 65_536


class Options(Section):
    """`k`: neighbours; `weighting`: by distance, exp(-d), or uniform; `same_label`: only those of the own label."""

    k: int = Field(20, ge=1, description="neighbours")
    weighting: Literal["distance", "uniform"] = "distance"
    same_label: bool = False

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
    scores = neighbor_scores.astype(np.float64)
    distances = distances.astype(np.float64)
    weights = (
        np.exp(distances.min(axis=1, keepdims=True) - distances) if weighting == "distance" else np.ones_like(scores)
    )
    weights /= weights.sum(axis=1, keepdims=True)
    mean = (weights * scores).sum(axis=1)
    # Rounding can carry a mean past the scores that it is a mean of.
    mean = np.clip(mean, scores.min(axis=1), scores.max(axis=1))
    return mean, np.sqrt((weights * (scores - mean[:, None]) ** 2).sum(axis=1))


def extrapolate(options: Options, subset_ids, subset_scores, tables, seed: int = 0, device: str = "cpu"):
    """Score the residual set from the stored neighbours; see the package's docstring.

    The neighbours are stored nearest first at the largest k of the config: those of this k are their first columns.
    Cost: O(n k). Nothing is drawn, and all is done on the CPU: `seed` and `device` do not matter.
    """
    (scope,) = options.needs()
    table = tables[scope]
    if options.k > table["neighbor_ids"].shape[1]:
        raise ValueError(f"k = {options.k}, but {table['neighbor_ids'].shape[1]} neighbours are stored")
    mean, spread = np.empty((2, len(table["sample_id"])))
    for start in range(0, len(mean), BLOCK):
        block = slice(start, start + BLOCK)
        ids = table["neighbor_ids"][block, : options.k]
        scores = subset_scores[rows_of(subset_ids, ids.reshape(-1))].reshape(ids.shape)
        distances = table["neighbor_distances"][block, : options.k]
        mean[block], spread[block] = weighted_scores(scores, distances, options.weighting)
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
        embeddings, labels = np.asarray(embeddings), self._labels(labels, len(embeddings))
        if self.same_label:
            queries = np.arange(len(embeddings))
            rows, distances = find_label_neighbors(self.embeddings_, self.labels_, embeddings, labels, queries, self.k)
        else:
            rows, distances = find_neighbors(self.embeddings_, embeddings, self.k)
        mean, spread = weighted_scores(self.scores_[rows], distances, self.weighting)
        return (mean, spread) if return_spread else mean

    def _labels(self, labels, n: int):
        """Return the labels as an array of n; None where they are not read."""
        if not self.same_label:
            return None
        if labels is None or len(labels) != n:
            found = "none" if labels is None else len(labels)
            raise ValueError(f"same_label needs the labels of {n} samples, found {found}")
        return np.asarray(labels)
