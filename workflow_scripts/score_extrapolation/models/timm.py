"""Any network of timm by its name, with the stems that small images need."""

import difflib
from typing import Literal

import torch
from pydantic import Field
from torch import nn

from ..extras import extra
from ..faults import InputFault
from ..plugins import Section


class Options(Section):
    """Which network, and how a ResNet's first layers treat small images.

    ``cifar`` is a 3x3 convolution of stride 1 and no max-pooling, ``no_max_pool`` keeps timm's first convolution
    and drops the pooling, ``default`` is timm's.
    """

    architecture: str = Field(min_length=1, description="a timm name such as resnet18")
    stem: Literal["default", "cifar", "no_max_pool"] = Field(
        "default", description="first layers of a ResNet: timm's, one 3x3 convolution, or timm's without its pooling"
    )


def build_trunk(options: Options, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Return timm's network without its classifier, pooled, initialised at random.

    Raises
    ------
    InputFault
        timm has no such network, it cannot take images of this size, or the stem is not one that it has.
    """
    # Both take seconds to import; timm imports torchvision, which needs its guard first.
    from .. import torchvision_import  # noqa: F401

    with extra("models"):
        import timm

    name = options.architecture
    if name not in timm.list_models():
        similar = ", ".join(difflib.get_close_matches(name, timm.list_models(), 5, cutoff=0))
        raise InputFault(f"model.architecture: timm has no '{name}'; give one of timm.list_models(), such as {similar}")
    trunk = timm.create_model(name, pretrained=False, num_classes=0, in_chans=image_shape[2], exportable=False)
    if options.stem != "default":
        if not (isinstance(getattr(trunk, "conv1", None), nn.Conv2d) and hasattr(trunk, "maxpool")):
            raise InputFault(
                f"model.stem: '{options.stem}' is for ResNets with one first convolution and max-pooling, which "
                f"'{name}' is not; leave model.stem out"
            )
        trunk.maxpool = nn.Identity()
    if options.stem == "cifar":
        trunk.conv1 = nn.Conv2d(image_shape[2], trunk.conv1.out_channels, 3, stride=1, padding=1, bias=False)
        nn.init.kaiming_normal_(trunk.conv1.weight, mode="fan_out", nonlinearity="relu")
    try:
        with torch.no_grad():
            embedding = trunk.eval()(torch.zeros(1, image_shape[2], *image_shape[:2]))
    except (AssertionError, RuntimeError, ValueError) as error:
        height, width, _ = image_shape
        raise InputFault(
            f"model.architecture: '{name}' cannot take images of {height} x {width} ({error}); choose another network "
            "or set samples.image_size"
        ) from error
    # Not num_features: some networks have a layer between the pooling and the classifier.
    return trunk.train(), embedding.shape[1]
