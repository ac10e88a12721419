"""Dynamic uncertainty: how much the label's probability wavers during training (He et al., arXiv 2306.05175)."""

import numpy as np
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section

RECORD = "probability"
BLOCK = 65_536  # samples whose window is unpacked to float64 at a time: 5 MB at a window of 10


class Options(Section):
    """`window`: epochs J over which a standard deviation is taken."""

    window: int = Field(10, ge=2, description="epochs in a window")

    def needed_epochs(self) -> int:
        """One more than the window, since the last epoch closes none."""
        return self.window + 1


class Accumulator:
    """DU, streaming: the mean over windows k = 0..K-J-1 of the standard deviation (ddof 1) of p_y in k..k+J-1.

    There are K - J windows, not K - J + 1: the last epoch closes none, as in the paper's formula and the official
    code. Range: 0 (never wavers) to about 0.53 (jumps between 0 and 1 at J = 10); higher = more uncertain = kept.
    Memory: a ring of the last J values and a float64 sum, n (J + 2) float32 numbers. Time: O(n J) an epoch.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        self.window = options.window
        self.n_samples = n_samples
        self.n_epochs = 0
        self.ring = None
        self.sum_of_std = np.zeros(n_samples)

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's p_y, (n,) float; the samples' order is the caller's, the same each time."""
        if self.ring is None:
            self.ring = np.empty((self.window, self.n_samples), values.dtype)
        if self.n_epochs >= self.window:
            # The ring holds the window that ended with the epoch before this one.
            for start in range(0, self.n_samples, BLOCK):
                block = self.ring[:, start : start + BLOCK].astype(np.float64)
                self.sum_of_std[start : start + BLOCK] += block.std(axis=0, ddof=1)
        self.ring[self.n_epochs % self.window] = values
        self.n_epochs += 1

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64.

        Raises
        ------
        InputFault
            Fewer than J + 1 epochs were seen.
        """
        if self.n_epochs <= self.window:
            raise InputFault(
                f"du with window = {self.window} needs at least {self.window + 1} epochs, found {self.n_epochs}"
            )
        return self.sum_of_std / (self.n_epochs - self.window)
