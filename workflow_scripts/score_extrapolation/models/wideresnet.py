"""Wide residual networks for small images, WRN-depth-width: the usual network of adversarial training.

Zagoruyko and Komodakis, Wide residual networks, BMVC 2016: normalisation and activation come before each convolution.
With ``silu`` it is that of Gowal et al., Uncovering the limits of adversarial training, 2020, whose smooth activation
helps where gradients with respect to images are followed.
"""

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from ..plugins import Section
from . import GlobalAveragePool

ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU}


class Options(Section):
    """WRN-28-10 by default; the embedding is 64 `width` wide."""

    depth: int = Field(28, ge=10, description="layers, 4 more than a multiple of 6")
    width: int = Field(10, ge=1, le=64, description="times as many channels as in a plain residual network")
    activation: Literal["silu", "relu"] = Field("silu", description="after each normalisation")

    @model_validator(mode="after")
    def _blocks_are_whole(self):
        if (self.depth - 4) % 6:
            below = self.depth - (self.depth - 4) % 6
            raise ValueError(
                f"has a depth of {self.depth}, not 4 more than a multiple of 6; write {below} or {below + 6}"
            )
        return self


class Block(nn.Module):
    """Two convolutions of what is normalised and activated, added to their input, or to a projection of it."""

    def __init__(self, c_in: int, c_out: int, stride: int, activation: type[nn.Module]):
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(c_in), activation(inplace=True))
        self.convolutions = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            activation(inplace=True),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
        )
        same = c_in == c_out and stride == 1
        self.projection = None if same else nn.Conv2d(c_in, c_out, 1, stride, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(b, c_in, h, w) -> (b, c_out, h / stride, w / stride)."""
        activated = self.before(maps)
        kept = maps if self.projection is None else self.projection(activated)
        return kept + self.convolutions(activated)


def build_trunk(options: Options, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Return the trunk: a convolution of 16 channels, three groups of blocks, of which two halve height and width.

    At 32x32x3 WRN-28-10 has 36.5 million weights and 5.2 billion multiply-adds forward.
    """
    activation, n_blocks = ACTIVATIONS[options.activation], (options.depth - 4) // 6
    layers, channels = [nn.Conv2d(image_shape[2], 16, 3, padding=1, bias=False)], 16
    for group, stride in enumerate((1, 2, 2)):
        c_out = 16 * options.width * 2**group
        for block in range(n_blocks):
            layers.append(Block(channels, c_out, stride if block == 0 else 1, activation))
            channels = c_out
    trunk = nn.Sequential(*layers, nn.BatchNorm2d(channels), activation(inplace=True), GlobalAveragePool())
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return trunk, channels
