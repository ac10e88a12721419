"""The length of the error vector: softmax less the one-hot label."""

import torch


def observe(log_probabilities, labels):
    """Return (b,) Euclidean norms in 0..sqrt(2)."""
    probabilities = log_probabilities.exp()
    one_hot = torch.zeros_like(probabilities).scatter_(1, labels[:, None], 1)
    return (probabilities - one_hot).norm(dim=1)
