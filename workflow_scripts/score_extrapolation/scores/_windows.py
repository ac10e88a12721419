"""The sum over windows of epochs of a statistic of a record, which several scores are."""

import numpy as np

BLOCK = 65_536  # samples whose window is unpacked to float64 at a time: 5 MB at a window of 10


class SumOverWindows:
    """Hold the last J epochs of a record, and add up a statistic of them.

    Memory: a ring of the last J values and a float64 sum, n (J + 2) float32 numbers. Time: O(n J) a window.

    Parameters
    ----------
    n_samples : int
    window : int
        J, epochs.
    """

    def __init__(self, n_samples: int, window: int):
        self.window = window
        self.n_samples = n_samples
        self.n_epochs = 0
        self.ring: np.ndarray | None = None
        self.sums = np.zeros(n_samples)

    def note(self, values: np.ndarray) -> None:
        """Put one epoch's values, (n,) float, in the place of the oldest."""
        if self.ring is None:
            self.ring = np.empty((self.window, self.n_samples), values.dtype)
        self.ring[self.n_epochs % self.window] = values
        self.n_epochs += 1

    def add_window(self, statistic) -> None:
        """Add the statistic, (J, b) float64 -> (b,), of the last J epochs, which it is given in any order."""
        assert self.ring is not None, "there was an epoch"
        for start in range(0, self.n_samples, BLOCK):
            block = self.ring[:, start : start + BLOCK].astype(np.float64)
            self.sums[start : start + BLOCK] += statistic(block)
