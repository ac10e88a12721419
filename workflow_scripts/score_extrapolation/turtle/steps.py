"""One step of the outer problem: towards the classes with which linear classifiers of the features agree best."""

import torch

from .encoder import TaskEncoder
from .heads import Head


@torch.no_grad()
def take_step(
    encoder: TaskEncoder,
    optimizer: torch.optim.Optimizer,
    features: list[torch.Tensor],
    inner_steps: int,
    inner_learning_rate: float,
    entropy_weight: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change the encoder by one step of its optimiser on a batch.

    A fresh head W_s of each space is fitted to tau; then the encoder descends

        sum_s mean CE(W_s phi_s, tau) - gamma H(mean tau)

    through tau alone: the heads stand still. The spaces' cross entropies add; the entropy, which keeps the classes from
    falling together, is that of the one tau and counts once.

    Parameters
    ----------
    encoder : TaskEncoder
    optimizer : torch.optim.Optimizer
        Over the encoder's parameters.
    features : list of (b, d_s) tensors
        Of the batch, one for each space, as `TaskEncoder.standardise` makes them.
    inner_steps : int
    inner_learning_rate : float
    entropy_weight : float
        gamma.

    Returns
    -------
    loss : () tensor
        Before the step, in nats.
    tau : (C, b) tensor
        Before the step.

    Notes
    -----
    Gadetsky et al., "Let Go of Your Labels with Unsupervised Transfer", ICML 2024: TURTLE in its first-order form, with
    a head that starts afresh. All gradients but that of the weight normalisation are in closed form.

    Cost: 2 M + 3 products of (C, d) and (d, b) for each space, 2 b d C operations each. Memory: 3 b C numbers beside
    the features, and b C more for each space.
    """
    softmaxes = encoder.softmaxes(features)
    tau = softmaxes.mean(dim=0)
    logs = torch.zeros_like(tau)
    for phi in features:
        head = Head(encoder.n_classes, phi).fit(phi, tau, inner_steps, inner_learning_rate)
        logs += head.log_softmax(phi)
    mean = tau.mean(dim=1, keepdim=True)
    loss = -(tau * logs).sum() / tau.shape[1] - entropy_weight * torch.special.entr(mean).sum()

    optimizer.zero_grad()
    # Of the loss by tau. A class of which nothing is left has a mean of 0; the least number stands in for it.
    slope = entropy_weight * (mean.clamp(min=torch.finfo(mean.dtype).tiny).log() + 1) - logs
    slope /= tau.shape[1] * len(features)
    for space, phi, p in zip(encoder.spaces, features, softmaxes, strict=True):
        errors = p * (slope - (p * slope).sum(dim=0))  # of the loss by the logits
        space.bias.grad = errors.sum(dim=1, keepdim=True)
        with torch.enable_grad():
            space.weight().backward(errors @ phi)
    optimizer.step()
    return loss, tau
