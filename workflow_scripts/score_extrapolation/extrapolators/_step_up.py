"""Scores as they would be in a larger training, learned from the step between two that were done."""

import numpy as np

from ..io.tables import rows_of
from ._forest import Forest


class StepUp:
    """Predict a sample's score in a larger training from how the smaller one went with it.

    A subset's training gives other scores than the full one: with less data, other samples are learned late. What the
    step from a small training to a larger one does to a score can be seen within the subset: a share of it is trained
    on by itself, and then its samples have been in both trainings. The step is learned there, from the record of the
    smaller training to the score of the larger, and taken once more, from the record of the larger. The assumption is
    that both steps change scores alike, which fails where the smaller training is not long enough to learn much (see
    docs/extrapolation.md). No score of the full data is read. Ours, not the paper's.

    Parameters
    ----------
    seed : int
        Of the trees.

    Attributes
    ----------
    nested_estimates_ : (m',) float64 array
        Of the nested samples, each predicted by trees that have not seen it: how well the step was learned.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed

    def fit(self, nested_dynamics: np.ndarray, nested_scores: np.ndarray, scores: np.ndarray) -> "StepUp":
        """Learn the step of the m' nested samples.

        Parameters
        ----------
        nested_dynamics : (K, m') float array
            Probability of the label in each epoch of the smaller training.
        nested_scores : (m',) float array
            From that training.
        scores : (m',) float array
            The same samples' scores from the larger training.

        Raises
        ------
        ValueError
            The lengths differ.
        InputFault
            m' is below 2.
        """
        features = _features(nested_dynamics, nested_scores)
        if len(scores) != len(features):
            raise ValueError(f"{len(features)} nested samples and {len(scores)} scores of the larger training")
        self._forest = Forest(features, np.asarray(scores), self.seed, "extrapolation/step_up")
        self.nested_estimates_ = self._forest.estimates_
        return self

    def predict(self, dynamics: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Take the step from the larger training: (K, m) and (m,) -> (m,) float64, in the range of scores seen."""
        return self._forest.predict(_features(dynamics, scores))

    def draw(self, dynamics: np.ndarray, scores: np.ndarray, sample_ids: np.ndarray | None = None) -> np.ndarray:
        """Return scores that each may have after the step, (m, DRAWS) float32; see `HeldOutExtrapolator.draw`."""
        return self._forest.draw(_features(dynamics, scores), self.seed, "extrapolation/step_up", sample_ids)


def _features(dynamics: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return (m, K + 1): the history and the score that was made of it."""
    dynamics, scores = np.asarray(dynamics), np.asarray(scores)
    if scores.ndim != 1 or dynamics.shape[1:] != scores.shape:
        raise ValueError(f"dynamics {dynamics.shape} and scores {scores.shape} are not (K, m) and (m,)")
    return np.column_stack([dynamics.T, scores])


def step_up(subset_ids: np.ndarray, subset_scores: np.ndarray, tables: dict, seed: int):
    """Step up the scores of a subset.

    Parameters
    ----------
    subset_ids : (m,) int64
        Increasing.
    subset_scores : (m,) float
    tables : dict
        ``dynamics``, ``nested/dynamics`` and ``nested/scores``.
    seed : int

    Returns
    -------
    estimates : (m,) float64
        Of the scores in a training on everything.
    draws : (m, DRAWS) float32
        Scores that they may be there.
    """
    nested = tables["nested/scores"]
    known = subset_scores[rows_of(subset_ids, nested["sample_id"])]
    step = StepUp(seed).fit(_history(tables["nested/dynamics"], nested["sample_id"]), nested["score"], known)
    record = _history(tables["dynamics"], subset_ids), subset_scores
    return step.predict(*record), step.draw(*record, subset_ids)


def _history(dynamics: dict, sample_ids: np.ndarray) -> np.ndarray:
    """Return (K, m): each epoch's probabilities of samples, from a table with a row for each of both."""
    n_epochs = int(dynamics["epoch"].max()) + 1
    ids = dynamics["sample_id"].reshape(n_epochs, -1)[0]
    return dynamics["probability"].reshape(n_epochs, -1)[:, rows_of(ids, sample_ids)]
