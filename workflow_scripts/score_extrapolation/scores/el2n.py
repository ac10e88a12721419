"""EL2N: the mean length of the error vector early in training (Paul et al., NeurIPS 2021)."""

import numpy as np
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section

RECORD = "error_norm"


class Options(Section):
    """`epochs`: the first epochs, over which the mean is taken."""

    epochs: int = Field(10, ge=1, description="first epochs, over which the mean is taken")

    def needed_epochs(self) -> int:
        """All over which the mean is taken."""
        return self.epochs


class Accumulator:
    """Mean over the first epochs of ||softmax - one-hot label||_2, in 0..sqrt(2); higher = more wrong = kept.

    The paper averages over ten networks at one early epoch; here it is one network over early epochs, as the official
    comparison codes do. Memory: one float64 per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        self.epochs = options.epochs
        self.n_epochs = 0
        self.total = np.zeros(n_samples)

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's error norms, (n,) float."""
        if self.n_epochs < self.epochs:
            self.total += values
        self.n_epochs += 1

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64.

        Raises
        ------
        InputFault
            Fewer epochs were seen than the mean is taken over.
        """
        if self.n_epochs < self.epochs:
            raise InputFault(f"el2n over {self.epochs} needs at least {self.epochs} epochs, found {self.n_epochs}")
        return self.total / self.epochs
