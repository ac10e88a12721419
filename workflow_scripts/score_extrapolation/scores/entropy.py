"""The mean entropy of the predictions, which needs no label."""

import numpy as np

from ..faults import InputFault
from ..plugins import Section

RECORD = "entropy"


class Options(Section):
    """None."""

    def needed_epochs(self) -> int:
        """Any number will do."""
        return 1


class Accumulator:
    """Mean over all epochs of the entropy, in nats, 0..log C; higher = less certain = kept.

    Memory: one float64 per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        self.n_epochs = 0
        self.total = np.zeros(n_samples)

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's entropies, (n,) float."""
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
            raise InputFault("entropy needs at least 1 epochs, found 0")
        return self.total / self.n_epochs
