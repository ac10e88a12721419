"""Held-out dynamics: what networks on their way say of samples that they have not seen."""

import numpy as np
from pydantic import Field

from ..io.tables import rows_of
from ..plugins import Section
from . import knn
from ._forest import Forest

SHARDS = "samples"


class Options(Section):
    """What is known of a sample."""

    k: int = Field(50, ge=1, description="neighbours whose mean score is a feature")
    labels: bool = Field(
        True,
        description="whether labels are read: their probability is a feature, and neighbours are of the same label",
    )

    def needs(self) -> tuple[str, ...]:
        """The same twice: of the samples outside the subset, and of the subset's outside the one nested in it."""
        own = ("predictions", "neighbors/label" if self.labels else "neighbors/subset")
        return (*own, *(f"nested/{name}" for name in own), "nested/scores")


def extrapolate(options: Options, subset_ids, subset_scores, tables, seed: int = 0, device: str = "cpu"):
    """Score the residual set; see the package's docstring. The spread is that of the neighbours' scores.

    `subset_scores` are not read: neighbours' mean scores are those of the computed ones, in ``scores``, since they must
    mean the same within the subset, where nothing is stepped up. Nothing is done on a GPU: `device` does not matter.
    Each shard of the residual set learns the same trees anew, from what is nested in the subset: 0.6 s of one
    core for 5,000 samples there, 11 s for 100,000.
    """
    nested = {name.removeprefix("nested/"): table for name, table in tables.items() if name.startswith("nested/")}
    seen_ids, seen_neighbors, _ = _neighbors(options, nested)
    known = tables["scores"]["score"][rows_of(tables["scores"]["sample_id"], seen_ids)]
    extrapolator = HeldOutExtrapolator(labels=options.labels, seed=seed)
    extrapolator.fit(*_predictions(nested["predictions"], seen_ids), seen_neighbors, known)
    residual_ids, neighbors, spread = _neighbors(options, tables)
    features = *_predictions(tables["predictions"], residual_ids), neighbors
    return residual_ids, extrapolator.predict(*features), spread, extrapolator.draw(*features, residual_ids)


def _neighbors(options: Options, tables: dict):
    """Return ids, mean score of the neighbours and its spread, of all samples that have neighbours in a subset."""
    scores = tables["scores"]["sample_id"], tables["scores"]["score"]
    return knn.average_neighbors(knn.Options(k=options.k, same_label=options.labels), *scores, tables)


def _predictions(table: dict, sample_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return probability and entropy, (q, p) each, of samples."""
    rows = rows_of(table["sample_id"], sample_ids)
    return table["probability"][rows], table["entropy"][rows]


class HeldOutExtrapolator:
    """Predict scores from what networks on their way said of samples that they had not seen.

    A sample's score tells how a training went that it took part in. Of a sample that took no part there is what
    networks that must generalise say of it, after some epochs and at the end. How the one follows from the other is
    learned where both are known, within the subset: a share of it is trained on by itself, and then the rest of the
    subset has been predicted unseen by that training, and scored by the subset's. It is applied one step further: to
    what the subset's networks predict of the samples outside it. The mean score of the nearest samples that were
    trained on is a feature beside the predictions, so that how to weigh the two is learned as well. No score of the
    full data is read. Ours, not the paper's.

    Parameters
    ----------
    labels : bool
        Whether probabilities of the label are a feature, beside entropies and neighbours' scores.
    seed : int
        Of the trees.

    Attributes
    ----------
    estimates_ : (q,) float64 array
        Of the samples it was fitted to, each by trees that have not seen it.
    """

    def __init__(self, *, labels: bool = True, seed: int = 0):
        self.labels, self.seed = labels, seed

    def fit(self, probability, entropy, neighbor_scores, scores) -> "HeldOutExtrapolator":
        """Learn from q samples that the nested training has not seen and the subset's training has.

        Parameters
        ----------
        probability, entropy : (q, p) float array
            Of the label and of the softmax (nats), by p networks of the nested training.
        neighbor_scores : (q,) float array
            Mean score of the nearest nested samples.
        scores : (q,) float array
            From the subset's training.

        Raises
        ------
        ValueError
            The lengths differ.
        InputFault
            q is below 2.
        """
        features = self._features(probability, entropy, neighbor_scores)
        if len(scores) != len(features):
            raise ValueError(f"{len(features)} samples that were predicted and {len(scores)} scores")
        self._forest = Forest(features, np.asarray(scores), self.seed, "extrapolation/held_out")
        self.estimates_ = self._forest.estimates_
        return self

    def predict(self, probability, entropy, neighbor_scores) -> np.ndarray:
        """Score samples that the subset's training has not seen, from what its networks say: (r,) float64."""
        return self._forest.predict(self._features(probability, entropy, neighbor_scores))

    def draw(self, probability, entropy, neighbor_scores, sample_ids=None) -> np.ndarray:
        """Return scores that each may have, (r, DRAWS) float32, beside the one to be expected.

        Expected scores are drawn together towards the mean of all, those of samples more than those of classes. What is
        highest among them is not what is highest among the scores: too much of some classes, and of what looks hard to
        every network. Draws have the spread and the shares of the scores themselves: the selection method ``chance``
        reads them. What is drawn of a sample depends on its id, (r,) int64 >= 0; left out, ids are 0 to r - 1.
        """
        features = self._features(probability, entropy, neighbor_scores)
        return self._forest.draw(features, self.seed, "extrapolation/held_out", sample_ids)

    def _features(self, probability, entropy, neighbor_scores) -> np.ndarray:
        return np.column_stack([*([probability] if self.labels else []), entropy, neighbor_scores])
