"""D: how far the prediction moved since the epoch before (TDDS's trajectory; Zhang et al., CVPR 2024)."""

PREVIOUS = True
EPSILON = 1e-8  # in the logarithms, as in the official code


def observe(log_probabilities, labels, previous):
    """Return (b,) sums over the classes of |P (log(P + 1e-8) - log(P' + 1e-8))|, P' of the epoch before; >= 0."""
    now = log_probabilities.exp()
    return (now * ((now + EPSILON).log() - (previous.exp() + EPSILON).log())).abs().sum(1)
