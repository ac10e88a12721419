"""The inner problem: a linear classifier of one space, fitted afresh to soft targets by a few steps of Adam.

Here and in `steps` classes come first: logits, targets and probabilities are (C, b). For few classes a product of
(C, d) with rows laid down is faster than one of the rows with (d, C), and a softmax along b faster than one along C.
"""

import torch

from ..training.optimizers import without_compiler

BLOCK = 512  # rows that are multiplied by the weights and by their errors before they leave the processor's cache


class Head:
    """A linear classifier that starts at zero.

    Parameters
    ----------
    n_classes : int
    features : (b, d) tensor
        Of the width, device and dtype that the weights are to have.

    Attributes
    ----------
    weight : (C, d) tensor
    bias : (C, 1) tensor
    """

    def __init__(self, n_classes: int, features: torch.Tensor):
        self.weight = features.new_zeros((n_classes, features.shape[1]))
        self.bias = features.new_zeros((n_classes, 1))

    @torch.no_grad()
    def fit(
        self, features: torch.Tensor, targets: torch.Tensor, n_steps: int, learning_rate: float, scale=1.0
    ) -> "Head":
        """Take steps of Adam on the mean cross entropy of softmax(W phi) with soft targets.

        Parameters
        ----------
        features : (b, d) tensor
        targets : (C, b) tensor
            Columns that add up to 1.
        n_steps : int
        learning_rate : float

        Notes
        -----
        The gradient is (softmax(W phi) - target) phi / b in closed form; torch's Adam (0.9, 0.999, 1e-8) takes it.

        Cost: 2 products of (C, d) and (d, b) a step, 4 b d C operations; each step reads the features once, since a
        block of rows is still in the cache when its errors are multiplied with it. Memory: a block's logits.
        """
        # fused: one kernel for each of the two, where the plain one has ten.
        optimizer = without_compiler(torch.optim.Adam)([self.weight, self.bias], lr=learning_rate, fused=True)
        self.weight.grad, self.bias.grad = torch.empty_like(self.weight), torch.empty_like(self.bias)
        for _ in range(n_steps):
            self._set_gradient(features, targets)
            optimizer.step()
        return self

    def _set_gradient(self, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Sum up the gradient, block by block."""
        self.weight.grad.zero_()
        self.bias.grad.zero_()
        n = len(features)
        for rows, wanted in zip(features.split(BLOCK), targets.split(BLOCK, dim=1), strict=True):
            errors = torch.addmm(self.bias, self.weight, rows.T).softmax(dim=0).sub_(wanted).div_(n)
            self.weight.grad.addmm_(errors, rows)
            self.bias.grad += errors.sum(dim=1, keepdim=True)

    def log_softmax(self, features: torch.Tensor) -> torch.Tensor:
        """Return log softmax(W phi), (C, b)."""
        return torch.addmm(self.bias, self.weight, features.T).log_softmax(dim=0)
