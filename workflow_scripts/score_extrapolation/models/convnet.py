"""Three convolutions: the smallest network that learns, for images of any size."""

from pydantic import Field
from torch import nn

from ..plugins import Section
from . import GlobalAveragePool, conv_block


class Options(Section):
    """How wide the network is."""

    width: int = Field(
        16, ge=1, le=1024, description="channels of the first convolution; the embedding is four times as wide"
    )


def build_trunk(options: Options, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Return width - 2 width (pooled) - 4 width, global average pooling."""
    w = options.width
    pool = min(image_shape[:2]) >= 2
    blocks = conv_block(image_shape[2], w), conv_block(w, 2 * w, pool=pool), conv_block(2 * w, 4 * w)
    return nn.Sequential(*blocks, GlobalAveragePool()), 4 * w
