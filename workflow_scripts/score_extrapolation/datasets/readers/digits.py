"""The handwritten digits that scikit-learn carries: 1,797 grey images of 8x8, ten classes, no download.

Small and real: the data set of the tests and of a first try.
"""

import numpy as np

from ...faults import InputFault
from ...plugins import Section
from .. import Split

SPLITS = ("train",)
NEEDS_PATH = False


class Options(Section):
    """No settings."""


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Return all digits in scikit-learn's order, their values 0..16 scaled to 0..255.

    Raises
    ------
    InputFault
        A path is given: there is no file to read.
    """
    from sklearn.datasets import load_digits  # takes seconds to import

    if paths:
        raise InputFault(f"samples.{split}: digits come with scikit-learn, but a path is given; leave it out")
    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8)
    return Split(
        labels=digits.target,
        sources=[f"digits#{row}" for row in range(len(images))],
        read=lambda start, stop: list(images[start:stop]),
        class_names=[str(name) for name in digits.target_names],
    )
