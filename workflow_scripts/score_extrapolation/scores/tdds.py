"""TDDS: how unevenly the prediction moves late in training (Zhang et al., CVPR 2024)."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from ..plugins import Section

RECORD = "divergence"
BLOCK = 65_536  # samples whose window is unpacked to float64 at a time


class Options(Section):
    """Which epochs make the trajectory, and how its windows are weighed."""

    trajectory: int = Field(10, ge=3, description="epochs T that are looked at")
    trajectory_from: Literal["last", "first"] = Field(
        "last", description="which T epochs; the official code's are the first"
    )
    window: int = Field(10, ge=3, description="epochs J in a window, at most the trajectory")
    decay: float = Field(0.9, gt=0, le=1, description="beta: how much more a later window weighs")

    def needed_epochs(self) -> int:
        """All of the trajectory."""
        return self.trajectory

    @model_validator(mode="after")
    def _window_fits(self):
        if self.window > self.trajectory:
            raise ValueError(f"has a window of {self.window} in a trajectory of {self.trajectory} epochs; shorten it")
        return self


class Accumulator:
    """TDDS, streaming: over windows w = 0..T-J of the trajectory, the sum of beta (1 - beta)^(T-J-w) R_w.

    D_t says how far the prediction moved from epoch t to t + 1 (record ``divergence``); a window of J epochs has J - 1
    of them, and R_w is the Euclidean norm of those less their mean. With T = J there is one window and the score is
    beta R. The paper's printed formula slips in several indices; this is the official code's computation. Range: 0
    (moves evenly, or not at all) and up; higher = moves more unevenly = kept.
    Memory: the T - 1 values of the trajectory, n (T - 1) float32 numbers. Time: O(n J) a window.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        self.options = options
        self.n_samples = n_samples
        self.n_epochs = 0
        self.divergences: np.ndarray | None = None

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's D against the epoch before, (n,) float; the first epoch has none (NaN)."""
        n_steps = self.options.trajectory - 1
        if self.divergences is None:
            self.divergences = np.empty((n_steps, self.n_samples), values.dtype)
        step = self.n_epochs - 1  # between this epoch and the one before
        if step >= 0 and (self.options.trajectory_from == "last" or step < n_steps):
            self.divergences[step % n_steps] = values
        self.n_epochs += 1

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64."""
        n_epochs, window, decay = self.options.trajectory, self.options.window, self.options.decay
        n_steps = n_epochs - 1
        # The ring's place after the newest step, where the oldest of the trajectory lies.
        oldest = self.n_epochs - 1 if self.options.trajectory_from == "last" else 0
        order = (np.arange(n_steps) + oldest) % n_steps
        scores = np.zeros(self.n_samples)
        assert self.divergences is not None, "there was an epoch"
        for start in range(0, self.n_samples, BLOCK):
            block = self.divergences[order, start : start + BLOCK].astype(np.float64)
            for w in range(n_epochs - window + 1):
                steps = block[w : w + window - 1]
                norm = np.linalg.norm(steps - steps.mean(axis=0), axis=0)
                scores[start : start + BLOCK] += decay * (1 - decay) ** (n_epochs - window - w) * norm
        return scores
