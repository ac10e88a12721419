"""Any network of timm by its name, with the stems that small images need."""

from typing import Literal

from pydantic import Field
from torch import nn

from ..faults import InputFault
from ..plugins import Section


class Options(Section):
    """`architecture`: a timm name such as resnet18; `stem`: how a ResNet's first layers treat small images.

    ``cifar`` is a 3x3 convolution of stride 1 and no max-pooling, ``no_max_pool`` keeps timm's first convolution
    and drops the pooling, ``default`` is timm's.
    """

    architecture: str = Field(min_length=1)
    stem: Literal["default", "cifar", "no_max_pool"] = "default"


def build_trunk(options: Options, image_shape: tuple[int, int, int]) -> tuple[nn.Module, int]:
    """Return timm's network without its classifier, pooled, initialised at random.

    Raises
    ------
    InputFault
        timm has no such network, or the stem is not one that this network has.
    """
    # Both take seconds to import; timm imports torchvision, which needs its guard first.
    from .. import torchvision_import  # noqa: F401

    # isort: split
    import timm

    name = options.architecture
    if name not in timm.list_models():
        similar = timm.list_models(f"*{name.split('_')[0][:6]}*")[:5]
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
    return trunk, trunk.num_features
