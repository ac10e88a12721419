"""The label's logit less the largest other one; above 0 where the label is predicted."""

import torch


def observe(log_probabilities, labels):
    """Return (b,) margins; logits differ from log-probabilities by a constant that cancels. 0 for a single class."""
    if log_probabilities.shape[1] == 1:
        return torch.zeros_like(log_probabilities[:, 0])
    others = log_probabilities.scatter(1, labels[:, None], -torch.inf)
    return log_probabilities.gather(1, labels[:, None])[:, 0] - others.amax(1)
