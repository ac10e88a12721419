"""Prune nothing for good: each epoch of the training sees another random part of the samples.

RS2, repeated random sampling without replacement (Okanovic et al., Repeated random sampling for minimizing the
time-to-accuracy of learning, ICLR 2024). An epoch has as many samples as another method keeps at the rate, so it costs
what theirs cost; over the epochs all samples are seen. `training.epochs.Epochs` draws the parts.
"""

from ..plugins import Section

SCORED = False
REDRAWN = True


class Options(Section):
    """None."""
