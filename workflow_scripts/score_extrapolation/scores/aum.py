"""AUM, turned round: how far on average another class was ahead of the label (Pleiss et al., NeurIPS 2020)."""

import numpy as np

from ..faults import InputFault
from ..plugins import Section

RECORD = "margin"


class Options(Section):
    """None."""

    def needed_epochs(self) -> int:
        """Any number will do."""
        return 1


class Accumulator:
    """Minus the mean over all epochs of the label's logit less the largest other one; any number.

    Higher = low margin = kept. The area under the margin itself is high for easy samples; its sign is turned here, at
    the source. The highest values are often wrong labels. Memory: one float64 per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        self.n_epochs = 0
        self.total = np.zeros(n_samples)

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's margins, (n,) float."""
        self.total += values
        self.n_epochs += 1

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64.

        Raises
        ------
        InputFault
            No epoch was seen.
        """
        if not self.n_epochs:
            raise InputFault("aum needs at least 1 epochs, found 0")
        return -self.total / self.n_epochs
