"""Indices for ``torch.utils.data.Subset``: where each kept sample lies in the data set as its reader lists it."""

import numpy as np

from ..plugins import Section

SUFFIX = ".npy"
REREADS = True


class Options(Section):
    """No settings."""


def write(options, kept, path):
    """Write (n,) int64, one a kept sample, in order of sample_id, which is increasing.

    An index counts all images that the reader lists for ``samples.train``, those too that were split off, dropped or
    left out: it fits your own data set of the same images in the same order. The images of a pool follow,
    as in ``ConcatDataset([own, pool])``.
    """
    with open(path, "wb") as file:  # a name without .npy would get one
        np.save(file, kept.rows())
