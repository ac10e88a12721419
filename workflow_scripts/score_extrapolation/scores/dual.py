"""DUAL: how much the label's probability wavers, times how low it is, early in training.

Cho et al., Lightweight dataset pruning without full training via example difficulty and prediction uncertainty, ICML
2025.
"""

import numpy as np
from pydantic import Field, model_validator

from ..plugins import Section
from ._windows import SumOverWindows

RECORD = "probability"


class Options(Section):
    """Which epochs are read."""

    window: int = Field(10, ge=2, description="epochs in a window")
    epochs: int | None = Field(None, ge=2, description="first epochs, which alone are read; null: all")

    @model_validator(mode="after")
    def _has_a_window(self):
        if self.epochs is not None and self.epochs < self.window:
            raise ValueError(f"has a window of {self.window} in {self.epochs} epochs; lower it")
        return self

    def needed_epochs(self) -> int:
        """All that are read, or one window of them."""
        return self.epochs or self.window


class Accumulator(SumOverWindows):
    """DUAL, streaming: the mean over windows of std (ddof 1) times 1 - mean, of p_y in the J epochs of each.

    There are T - J + 1 windows in the first T epochs. Range: 0 (never wavers, or always certain) to about 0.34 (jumps
    between 0 and 1 at J = 10, and is mostly 0); higher = uncertain and difficult = kept. Of two samples that waver
    alike the more difficult one is kept, so that fewer epochs are enough: the paper reads 30 of 200 for CIFAR and 60
    for ImageNet. Here all are read by default, since a training for scores ends with the last that is read.
    Memory and time are those of `_windows.SumOverWindows`.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        super().__init__(n_samples, options.window)
        self.n_first = options.epochs

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's p_y, (n,) float; the samples' order is the caller's, the same each time."""
        if self.n_epochs == self.n_first:
            return
        self.note(values)
        if self.n_epochs >= self.window:
            self.add_window(_uncertain_and_difficult)

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64."""
        return self.sums / (self.n_epochs - self.window + 1)


def _uncertain_and_difficult(block: np.ndarray) -> np.ndarray:
    return block.std(axis=0, ddof=1) * (1 - block.mean(axis=0))
