"""Keep the highest scores."""

import numpy as np

from ..plugins import Section

SCORED = True


class Options(Section):
    """None."""


def keep(options: Options, n_kept: int, scores: np.ndarray, labels, seed) -> np.ndarray:
    """Return the rows of the n_kept highest scores; among equal scores the lower row is kept."""
    return np.argsort(-scores, kind="stable")[:n_kept]
