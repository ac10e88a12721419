"""p_y: the softmax probability of the sample's label."""


def observe(probabilities, labels):
    """Return (b,) probabilities in 0..1."""
    return probabilities.gather(1, labels[:, None])[:, 0]
