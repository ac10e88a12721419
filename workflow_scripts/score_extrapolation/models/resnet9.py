"""A small ResNet in the manner of the DAWNBench ResNet-9, narrow enough for two CPU cores."""

import torch
from pydantic import Field
from torch import nn

from ..plugins import Section
from . import GlobalAveragePool, conv_block


class Options(Section):
    """How wide the network is."""

    width: int = Field(
        32, ge=1, le=1024, description="channels of the first convolution; the embedding is four times as wide"
    )


class Residual(nn.Module):
    """x + block(block(x))."""

    def __init__(self, channels: int):
        super().__init__()
        self.blocks = nn.Sequential(conv_block(channels, channels), conv_block(channels, channels))

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Keep the shape."""
        return maps + self.blocks(maps)


def build_trunk(options: Options, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Return the trunk; each of three stages halves height and width while they are at least 8.

    At 32x32x3: 20 width^2 thousand multiply-adds forward, 5 million at width 16.
    """
    w = options.width
    halvings = max(0, min(image_shape[:2]).bit_length() - 3)
    trunk = nn.Sequential(
        conv_block(image_shape[2], w, pool=halvings > 0),
        conv_block(w, 2 * w, pool=halvings > 1),
        Residual(2 * w),
        conv_block(2 * w, 4 * w, pool=halvings > 2),
        Residual(4 * w),
        GlobalAveragePool(),
    )
    return trunk, 4 * w
