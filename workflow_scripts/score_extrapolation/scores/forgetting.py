"""Forgetting events: how often a sample that was right became wrong (Toneva et al., ICLR 2019)."""

import numpy as np

from ..plugins import Section

RECORD = "margin"


class Options(Section):
    """None."""

    def needed_epochs(self) -> int:
        """With a single epoch nothing is forgotten, but learned or not."""
        return 1


class Accumulator:
    """Number of epochs in which the label is not predicted, although it was in the epoch before; 0..K.

    A sample that is never learned counts as forgotten in all K epochs, more than any other can be. Higher = forgotten
    more often = kept. A tie with another class counts as wrong. Memory: one number and two bits per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        self.n_epochs = 0
        self.n_forgotten = np.zeros(n_samples)
        self.was_right = np.zeros(n_samples, bool)
        self.ever_right = np.zeros(n_samples, bool)

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's margins, (n,) float; the label is predicted where they are above 0."""
        right = values > 0
        # NaN, of a training that diverged, is neither right nor wrong: the count becomes NaN, which cannot be ranked.
        self.n_forgotten += np.where(np.isnan(values), np.nan, self.was_right & ~right)
        self.was_right = right
        self.ever_right |= right
        self.n_epochs += 1

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64, whole numbers."""
        return np.where(self.ever_right | np.isnan(self.n_forgotten), self.n_forgotten, self.n_epochs)
