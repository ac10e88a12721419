"""The mean of a record over epochs, which several scores are."""

import numpy as np


class MeanOverEpochs:
    """Add up one epoch's values after the other. Memory: one float64 per sample.

    Parameters
    ----------
    n_samples : int
    n_first : int, optional
        Only so many epochs count, the first.
    """

    def __init__(self, n_samples: int, n_first: int | None = None):
        self.n_first = n_first
        self.n_epochs = 0
        self.total = np.zeros(n_samples)

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's values, (n,) float."""
        if self.n_first is None or self.n_epochs < self.n_first:
            self.total += values
        self.n_epochs += 1

    def finish(self) -> np.ndarray:
        """Return the means, (n,) float64."""
        return self.total / (self.n_first or self.n_epochs)
