"""Draw the samples that ZCore scores highest: those that cover the most of the embedding space and repeat no other.

The scores (Griffin et al., Zero-shot coreset selection via iterative subspace sampling, arXiv 2411.15349) are of
embeddings that nothing was trained for; `training_free` computes them.
"""

import numpy as np

from ..plugins import Section

SCORE = "zcoreset"


class Options(Section):
    """None."""


def draw(n: int, m: int, seed: int, labels, scores) -> np.ndarray:
    """Return the (m,) int64 rows of the highest scores; among equal scores the lower row. The seed is the scores'."""
    return np.argsort(-scores, kind="stable")[:m]
