"""Dynamic uncertainty: how much the label's probability wavers during training (He et al., arXiv 2306.05175)."""

import numpy as np
from pydantic import Field

from ..plugins import Section
from ..progress import LOGGER
from ._windows import SumOverWindows

RECORD = "probability"
# The score's correlation with the mean of 1 - p_y in the last epochs below which it is said that the training was too
# short. On CIFAR-10 it is 0.39 of 7,800 steps, 0.17 of 3,140, -0.10 of 1,580, and of 780, whose scores are worth
# nothing, -0.44.
INVERTED_BELOW = -0.25


class Options(Section):
    """`window`: epochs J over which a standard deviation is taken."""

    window: int = Field(10, ge=2, description="epochs in a window")

    def needed_epochs(self) -> int:
        """One more than the window, since the last epoch closes none."""
        return self.window + 1


class Accumulator(SumOverWindows):
    """DU, streaming: the mean over windows k = 0..K-J-1 of the standard deviation (ddof 1) of p_y in k..k+J-1.

    There are K - J windows, not K - J + 1: the last epoch closes none, as in the paper's formula and the official
    code. Range: 0 (never wavers) to about 0.53 (jumps between 0 and 1 at J = 10); higher = more uncertain = kept.
    Early in a training what wavers is what is learned first, the easiest; a warning says so where the training ended
    there.
    Memory and time are those of `_windows.SumOverWindows`.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        super().__init__(n_samples, options.window)

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's p_y, (n,) float; the samples' order is the caller's, the same each time."""
        if self.n_epochs >= self.window:
            # The ring holds the window that ended with the epoch before this one.
            self.add_window(_deviation)
        self.note(values)

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64."""
        self._warn_of_inversion()
        return self.sums / (self.n_epochs - self.window)

    def _warn_of_inversion(self) -> None:
        """Say so where what was learned most easily is what wavers most."""
        assert self.ring is not None, "there was an epoch"
        p_y = self.ring.mean(axis=0)
        if not self.n_samples or min(np.ptp(self.sums), np.ptp(p_y)) == 0:
            return
        correlation = np.corrcoef(self.sums, 1 - p_y)[0, 1]
        if correlation < INVERTED_BELOW:
            LOGGER.warning(
                "du: the samples learned most easily have the highest scores (correlation with 1 - p in the last %d "
                "epochs %.2f, of %d samples): so short a training ranks them the wrong way round; raise "
                "training.epochs or subset.fractions, or lower training.batch_size",
                *(self.window, correlation, self.n_samples),
            )


def _deviation(block: np.ndarray) -> np.ndarray:
    return block.std(axis=0, ddof=1)
