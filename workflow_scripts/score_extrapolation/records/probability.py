"""p_y: the softmax probability of the sample's label."""


def observe(log_probabilities, labels):
    """Return (b,) probabilities in 0..1."""
    return log_probabilities.gather(1, labels[:, None])[:, 0].exp()
