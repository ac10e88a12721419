"""The mean entropy of the predictions, which needs no label."""

from ..plugins import Section
from ._mean import MeanOverEpochs

RECORD = "entropy"


class Options(Section):
    """None."""

    def needed_epochs(self) -> int:
        """Any number will do."""
        return 1


class Accumulator(MeanOverEpochs):
    """Mean over all epochs of the entropy, in nats, 0..log C; higher = less certain = kept.

    Memory: one float64 per sample.

    Parameters
    ----------
    options : Options
    n_samples : int
    """

    def __init__(self, options: Options, n_samples: int):
        super().__init__(n_samples)
