"""How unsure of the label the network is, Data Maps' confidence turned round (Swayamdipta et al., EMNLP 2020)."""

import numpy as np
from pydantic import Field

from ..plugins import Section
from ._mean import MeanOverEpochs

RECORD = "probability"


class Options(Section):
    """Which epochs are read."""

    epochs: int | None = Field(None, ge=1, description="first epochs, over which the mean is taken; null: all")

    def needed_epochs(self) -> int:
        """All over which the mean is taken."""
        return self.epochs or 1


class Accumulator(MeanOverEpochs):
    """Mean over epochs of 1 - p_y, in 0..1; higher = less probable = kept. The highest values are often wrong labels.

    DUAL's selection `beta` reads it beside the score `dual`, both of the same epochs.
    Memory: one float64 per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        super().__init__(n_samples, options.epochs)

    def finish(self) -> np.ndarray:
        """Return the scores, (n,) float64."""
        return 1 - super().finish()
