"""EL2N: the mean length of the error vector early in training (Paul et al., NeurIPS 2021)."""

from pydantic import Field

from ..plugins import Section
from ._mean import MeanOverEpochs

RECORD = "error_norm"


class Options(Section):
    """`epochs`: the first epochs, over which the mean is taken."""

    epochs: int = Field(10, ge=1, description="first epochs, over which the mean is taken")

    def needed_epochs(self) -> int:
        """All over which the mean is taken."""
        return self.epochs


class Accumulator(MeanOverEpochs):
    """Mean over the first epochs of ||softmax - one-hot label||_2, in 0..sqrt(2); higher = more wrong = kept.

    The paper averages over ten networks at one early epoch; here it is one network over early epochs.
    Memory: one float64 per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        super().__init__(n_samples, options.epochs)
