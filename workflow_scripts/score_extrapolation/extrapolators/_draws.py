"""Draws: scores that a sample may have, from the distribution that is predicted for it.

Random numbers belong to the ids of the samples: whoever else is drawn for changes nothing, so that shards are drawn for
as the whole is. Each of a sample's draws is of a random stream of its own.
"""

import numpy as np

from ..io.tables import DRAWS
from ..rng import derive_seed


def random_numbers(sample_ids: np.ndarray, seed: int, stage: str) -> np.ndarray:
    """Return a number in [0, 1) for each draw of each sample, (r, DRAWS) float64.

    Parameters
    ----------
    sample_ids : (r,) int64
        At least 0, in any order.
    seed : int
        The experiment's.
    stage : str
        What is drawn, as of `rng.derive_seed`.

    Notes
    -----
    Cost: O(DRAWS (r + the range of the ids)).
    """
    numbers = np.empty((len(sample_ids), DRAWS))
    if not len(sample_ids):
        return numbers
    first, last = int(sample_ids.min()), int(sample_ids.max())
    for draw in range(DRAWS):
        stream = np.random.PCG64(derive_seed(seed, f"{stage}/draws/{draw}"))
        stream.advance(first)
        numbers[:, draw] = np.random.Generator(stream).random(last - first + 1)[sample_ids - first]
    return numbers


def draws_from_residuals(sample_ids, scores, residuals, seed: int) -> np.ndarray:
    """Draw scores as predictions, each plus a residual: one that the predictor left on samples it was not fitted to.

    Parameters
    ----------
    sample_ids : (r,) int64
        Whose scores are drawn.
    scores : (r,) float
        As predicted.
    residuals : (v,) float
        True less predicted scores of other samples, in units of the score; of none, predictions are certain.
    seed : int

    Returns
    -------
    (r, DRAWS) float32
    """
    residuals = np.asarray(residuals, np.float64)
    if not len(residuals):
        return certain_draws(scores)
    numbers = random_numbers(np.asarray(sample_ids), seed, "extrapolation/residuals")
    places = (numbers * len(residuals)).astype(np.int64)
    return (np.asarray(scores)[:, None] + residuals[places]).astype(np.float32)


def certain_draws(scores) -> np.ndarray:
    """Return the draws of scores that are known, (r,) -> (r, DRAWS) float32: each is the score."""
    return np.repeat(np.asarray(scores, np.float32)[:, None], DRAWS, axis=1)
