"""The task encoder: from one sample's features, in one space or in several, to the probabilities of its classes."""

import json
import math
import os

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from ..io.atomic import replacing


class NormalisedLinear(nn.Module):
    """A linear layer whose row c is length_c v_c / |v_c|, with a bias; it begins as torch's linear layer does."""

    def __init__(self, width: int, n_classes: int, generator: torch.Generator):
        super().__init__()
        bound = width**-0.5
        uniform = torch.rand((n_classes, width + 1), generator=generator).mul_(2 * bound).sub_(bound)
        self.direction = nn.Parameter(uniform[:, :width].clone())
        self.length = nn.Parameter(self.direction.detach().norm(dim=1))
        self.bias = nn.Parameter(uniform[:, width:].clone())
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))

    def weight(self) -> torch.Tensor:
        """Return the rows, (C, d)."""
        return self.direction * (self.length / self.direction.norm(dim=1))[:, None]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits, (C, b), of features, (b, d)."""
        return torch.addmm(self.bias, self.weight(), features.T)


class TaskEncoder(nn.Module):
    """tau(x): the mean over the spaces of softmax(theta_s phi_s(x)).

    The mean is of probabilities, not of logits: each space has one vote, however long its weights are, and none can
    silence another. Of one space it is the plain softmax.

    Parameters
    ----------
    widths : list of int
        Of the features of each space.
    n_classes : int
    generator : torch.Generator
        Of the initial weights.

    Notes
    -----
    phi are the embeddings less their mean, divided by one number of the space, their root mean square about it
    (`set_moments`). The paper takes embeddings as they are; but a step of Adam has one length whatever the features, so
    that its learning rates mean another thing in each space. Hungarian accuracy with the paper's two learning rates of
    1e-3 after 400 to 1,200 steps, means over 2 or 3 seeds:

    ================================  =====  =========  ============  ===========
    features                          as is  this       scale, no     by feature
                                                        mean
    ================================  =====  =========  ============  ===========
    digits, pixels                    .73    .78        .68           .76
    digits, EfficientNet-Lite0        .69    .68                      .71
    CIFAR-10 (5,000), the same        .47    .48        .48           .48
    ================================  =====  =========  ============  ===========

    With an outer learning rate of 1e-2 most classes of the second vanish as it is (accuracy .28 and .36, by seed), and
    none of them this way (.66 and .71).
    """

    def __init__(self, widths: list[int], n_classes: int, generator: torch.Generator):
        super().__init__()
        self.widths, self.n_classes = list(widths), n_classes
        self.spaces = nn.ModuleList(NormalisedLinear(width, n_classes, generator) for width in widths)

    def set_moments(self, moments: list[tuple[np.ndarray, float]]) -> None:
        """Set what is subtracted from each space's embeddings, (d_s,), and what they are then divided by."""
        for space, (mean, scale) in zip(self.spaces, moments, strict=True):
            space.mean.copy_(torch.from_numpy(mean))
            space.scale.fill_(scale)

    def standardise(self, embeddings: list[np.ndarray]) -> list[torch.Tensor]:
        """Return the features, (b, d_s) on the encoder's device, of each space's embeddings as they are in a table."""
        pairs = zip(self.spaces, embeddings, strict=True)
        return [torch.from_numpy(e).to(space.mean).sub(space.mean).div_(space.scale) for space, e in pairs]

    @torch.no_grad()
    def softmaxes(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Return softmax(theta_s phi_s) of each space s, (S, C, b), of its features, (b, d_s) each."""
        pairs = zip(self.spaces, features, strict=True)
        return torch.stack([space(phi).softmax(dim=0) for space, phi in pairs])

    @torch.no_grad()
    def log_tau(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Return log tau, (b, C), of each space's features, (b, d_s) each."""
        pairs = zip(self.spaces, features, strict=True)
        logs = torch.stack([space(phi).log_softmax(dim=0) for space, phi in pairs])
        return (logs.logsumexp(dim=0) - math.log(len(logs))).T

    def save(self, path: str | os.PathLike) -> None:
        """Save the parameters and the shape that rebuilds the encoder (safetensors: the same bytes each time)."""
        shape = {"widths": self.widths, "n_classes": self.n_classes}
        state = {name: value.contiguous().cpu() for name, value in self.state_dict().items()}
        with replacing(path) as partial:
            save_file(state, partial, {"task_encoder": json.dumps(shape, sort_keys=True)})

    @classmethod
    def load(cls, path: str | os.PathLike) -> "TaskEncoder":
        """Rebuild what `save` saved, on the CPU."""
        with safe_open(path, "pt") as file:
            shape = json.loads(file.metadata()["task_encoder"])
        encoder = cls(**shape, generator=torch.Generator())
        encoder.load_state_dict(load_file(path))
        return encoder
