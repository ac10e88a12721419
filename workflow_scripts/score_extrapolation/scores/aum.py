"""AUM, turned round: how far on average another class was ahead of the label (Pleiss et al., NeurIPS 2020)."""

import numpy as np

from ..plugins import Section
from ._mean import MeanOverEpochs

RECORD = "margin"


class Options(Section):
    """None."""

    def needed_epochs(self) -> int:
        """Any number will do."""
        return 1


class Accumulator(MeanOverEpochs):
    """Minus the mean over all epochs of the label's logit less the largest other one; any number.

    Higher = low margin = kept. The area under the margin itself is high for easy samples; its sign is turned here, at
    the source. The highest values are often wrong labels. Memory: one float64 per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        super().__init__(n_samples)

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64."""
        return -super().finish()
