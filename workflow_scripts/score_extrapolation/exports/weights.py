"""Weights for ``torch.utils.data.WeightedRandomSampler``: 1 for what is kept, 0 for all else."""

import numpy as np

from ..plugins import Section

SUFFIX = ".npy"
REREADS = True


class Options(Section):
    """No settings."""


def write(options, kept, path):
    """Write one float64 for each image that the reader lists, as `torch` counts them."""
    weights = np.zeros(kept.n_listed)
    weights[kept.rows()] = 1
    with open(path, "wb") as file:
        np.save(file, weights)
