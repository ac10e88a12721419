"""The regression by which one step is learned from samples whose answer is known, and taken again where it is not."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from ..faults import InputFault
from ..io.tables import DRAWS
from ..rng import derive_seed
from ._draws import random_numbers

# Not tuned: on CIFAR-10 gradient boosting, a random forest and a quadratic ridge came within 0.02 of it from 5,000
# samples; from 150 it was ahead of them all, by 0.01 to 0.1.
TREES, LEAF, FEATURES = 300, 5, 1 / 3
BLOCK = 8192  # samples that a thread predicts at a time


class Forest:
    """Extremely randomised trees (Geurts et al., 2006), the same bytes with any number of threads.

    Of fewer than 10 samples a tree is a single leaf, whose value is the mean of those that it has seen.

    Parameters
    ----------
    features : (n, f) float
    targets : (n,) float
    seed : int
    stage : str
        What the trees are drawn for.

    Attributes
    ----------
    estimates_ : (n,) float64 array
        Of each sample by the trees that have not seen it.

    Raises
    ------
    InputFault
        There are fewer than two samples: of one, no tree has not seen it, and there is nothing to learn.

    Notes
    -----
    Cost: O(300 f n log n).
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray, seed: int, stage: str):
        if len(features) < 2:
            raise InputFault(
                f"extrapolation: within the subset there are {len(features)} samples to learn from, of 2 at least; "
                "raise subset.fractions"
            )
        self._range = targets.min(), targets.max()
        self._features, self._targets = features.astype(np.float32), np.asarray(targets, np.float64)
        self._threads = int(os.environ.get("OMP_NUM_THREADS", 1))
        self._trees = ExtraTreesRegressor(
            TREES,
            min_samples_leaf=LEAF,
            max_features=FEATURES,
            bootstrap=True,
            oob_score=True,
            random_state=derive_seed(seed, stage) % 2**32,
            n_jobs=self._threads,
        ).fit(features, targets)
        self._trees.n_jobs = 1
        self.estimates_ = self._within_range(self._trees.oob_prediction_)

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return the mean of the trees, (r, f) -> (r,) float64, within the range of the targets."""
        # Threads have samples each, not trees: those would be added up in the order in which they end.
        blocks = [features[start : start + BLOCK] for start in range(0, len(features), BLOCK)]
        with ThreadPoolExecutor(self._threads) as pool:
            return self._within_range(np.concatenate([np.empty(0), *pool.map(self._trees.predict, blocks)]))

    def draw(self, features: np.ndarray, seed: int, stage: str, sample_ids: np.ndarray | None = None) -> np.ndarray:
        """Return scores that each may have, (r, f) -> (r, DRAWS) float32, those of samples learned from.

        Each is of one of the samples in the same leaf of a tree, both drawn at random: so the scores come as often as
        the forest takes them to be (Meinshausen, 2006, whose quantiles are of the same distribution). Random numbers
        belong to the `sample_ids`, (r,) int64 >= 0, by default 0 to r - 1: whoever else is drawn for changes nothing.
        Cost: that of DRAWS trees for each, and of all trees for those learned from. Memory: 24 bytes for each draw.
        """
        ids = np.arange(len(features)) if sample_ids is None else sample_ids
        places = random_numbers(ids, seed, stage).reshape(-1)
        places *= TREES
        tree_of = places.astype(np.int16)
        places -= tree_of  # what is left, in [0, 1), is the place within the leaf
        order = np.argsort(tree_of, kind="stable")
        edges = np.searchsorted(tree_of[order], np.arange(TREES + 1))
        drawn, features = np.empty(len(places), np.float32), features.astype(np.float32)
        for tree, start, stop in zip(self._trees.estimators_, edges[:-1], edges[1:], strict=True):
            if start == stop:
                continue
            here = order[start:stop]
            leaves, wanted = tree.apply(self._features), tree.apply(features[here // DRAWS])
            in_leaves = np.argsort(leaves, kind="stable")
            first, last = (np.searchsorted(leaves[in_leaves], wanted, side) for side in ("left", "right"))
            drawn[here] = self._targets[in_leaves[first + (places[here] * (last - first)).astype(np.int64)]]
        return drawn.reshape(-1, DRAWS)

    def _within_range(self, means: np.ndarray) -> np.ndarray:
        # Rounding can carry a mean past the numbers that it is a mean of.
        return np.clip(means, *self._range)
