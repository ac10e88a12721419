"""The task encoder: from one sample's features, in one space or in several, to the probabilities of its classes."""

import json
import math
import os

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from ..atomic import replacing


class NormalisedLinear(nn.Module):
    """A linear layer of features / scale whose row c is length_c v_c / |v_c|, with a bias.

    It begins as torch's linear layer does. Only (C, d) weights are divided by the scale, never the features.
    """

    def __init__(self, width: int, n_classes: int, generator: torch.Generator, scale: float):
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))
        bound = width**-0.5
        uniform = torch.rand((n_classes, width + 1), generator=generator).mul_(2 * bound).sub_(bound)
        self.direction = nn.Parameter(uniform[:, :width].clone())
        self.length = nn.Parameter(self.direction.detach().norm(dim=1))
        self.bias = nn.Parameter(uniform[:, width:].clone())

    def weight(self) -> torch.Tensor:
        """Return what features are multiplied with, (C, d)."""
        return self.direction * (self.length / (self.scale * self.direction.norm(dim=1)))[:, None]

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
    scales : list of float, optional
        What the features of each space are divided by; 1 where it is left out.
    """

    def __init__(self, widths: list[int], n_classes: int, generator: torch.Generator, scales: list | None = None):
        super().__init__()
        self.widths, self.n_classes = list(widths), n_classes
        pairs = zip(widths, scales or [1.0] * len(widths), strict=True)
        self.spaces = nn.ModuleList(NormalisedLinear(width, n_classes, generator, scale) for width, scale in pairs)

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
