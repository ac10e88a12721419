"""Networks, one file each, behind one interface.

A model is a file of this folder with ``class Options(Section)`` and
``build_trunk(options, image_shape) -> (trunk, width)``: `image_shape` is (height, width, channels) as cropped, the
trunk maps (b, channels, height, width) float to (b, width) float, the penultimate layer after global average pooling.
"""

import json
import os

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from ..io.atomic import replacing
from ..plugins import load_method, method_options


class Classifier(nn.Module):
    """A trunk that embeds images and a linear head that classifies embeddings.

    Images go in as they are stored, uint8 (b, height, width, channels): the normalisation is part of the model, so
    that whoever loads it cannot forget it, and so is the crop to the centre of images larger than `image_shape`.

    Parameters
    ----------
    trunk : nn.Module
        (b, channels, height, width) float -> (b, width) float.
    width : int
        Of the embedding.
    n_classes : int
        Of the head.
    image_shape : (int, int, int)
        Height, width, channels of what the trunk is given.
    mean, std : sequence of float, (channels,)
        Of the training pixels, in units of 0..1.

    Attributes
    ----------
    description : dict
        The arguments of `build_model` that rebuild the network.
    """

    def __init__(self, trunk, width: int, n_classes: int, image_shape, mean, std):
        super().__init__()
        self.description: dict = {}
        self.trunk = trunk
        self.width = width
        self.head = nn.Linear(width, n_classes)
        # One scale and shift per pixel, not per channel: broadcasting over the last axis of 3 is five times slower.
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float64))
        shift = -torch.tensor(mean, dtype=torch.float64) * 255 * scale
        self.register_buffer("scale", scale.float().expand(*image_shape).clone())
        self.register_buffer("shift", shift.float().expand(*image_shape).clone())

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Return embeddings, (b, width), of uint8 images (b, height, width, channels)."""
        height, width, _ = self.scale.shape
        top, left = (images.shape[1] - height) // 2, (images.shape[2] - width) // 2
        images = images[:, top : top + height, left : left + width]
        normalised = torch.addcmul(self.shift, images.float(), self.scale)
        # A permuted (b, h, w, c) array IS the channels_last layout: no copy.
        return self.trunk(normalised.permute(0, 3, 1, 2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits, (b, n_classes)."""
        return self.head(self.embed(images))


def build_model(model: dict, image_shape, n_classes: int, mean, std) -> Classifier:
    """Build an untrained network.

    Parameters
    ----------
    model : dict
        ``{"name": ..., **options}``; the name is a file of this folder.
    image_shape, n_classes, mean, std
        As in `Classifier`.

    Returns
    -------
    Classifier
        In channels_last layout, initialised from torch's global random state.

    Raises
    ------
    InputFault
        The images are too small for the network, or it does not exist.
    """
    options = {key: value for key, value in model.items() if key != "name"}
    module = load_method("models", model["name"])
    trunk, width = module.build_trunk(method_options("models", model["name"])(**options), tuple(image_shape))
    network = Classifier(trunk, width, n_classes, tuple(image_shape), mean, std).to(memory_format=torch.channels_last)
    network.description = dict(model=model, image_shape=image_shape, n_classes=n_classes, mean=mean, std=std)
    return network


def save_model(path: str | os.PathLike, network: Classifier) -> None:
    """Save weights and the description that rebuilds the network (safetensors: no pickle, the same bytes each time)."""
    state = {name: value.contiguous().cpu() for name, value in network.state_dict().items()}
    with replacing(path) as partial:
        save_file(state, partial, {"build_model": json.dumps(network.description, sort_keys=True)})


def load_model(path: str | os.PathLike) -> Classifier:
    """Rebuild what `save_model` saved, in eval mode on the CPU."""
    with safe_open(path, "pt") as file:
        description = json.loads(file.metadata()["build_model"])
    network = build_model(**description)
    network.load_state_dict(load_file(path))
    return network.eval()


def conv_block(c_in: int, c_out: int, pool: bool = False) -> nn.Sequential:
    """Return 3x3 convolution, optional 2x2 max pooling, BatchNorm, ReLU.

    Pooling comes before BatchNorm: a quarter of the elements to normalise.
    """
    layers = [nn.Conv2d(c_in, c_out, 3, padding=1, bias=False)]
    if pool:
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(c_out), nn.ReLU(inplace=True))


class GlobalAveragePool(nn.Module):
    """(b, c, h, w) -> (b, c)."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Average over height and width."""
        return maps.mean(dim=(2, 3))
