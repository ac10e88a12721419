"""Embeddings of a network that was trained on other data: frozen, without its classifier."""

import importlib.metadata

import numpy as np
import torch
from torch import nn
from torch.nn.functional import interpolate

from ..faults import InputFault, Interrupted
from ..training.checkpoints import Checkpoints, settings_digest
from ..training.devices import autocast, resolve_device, warn_of_emulation
from ..training.images import StreamedImages
from ..training.prediction import predict
from ._weights import first_line, load_backbone

BATCH = 50  # images that the network sees together: of 224 pixels, not of a training's 32
SAVE_MINUTES = 1.0
KEY = "embeddings.pretrained"  # where a config describes the network that every experiment has


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
                f"embeddings.pretrained.image_size: the network cannot take images of {self.size[0]} x {self.size[1]} "
                f"({first_line(error)}); leave it out for the network's own {own}"
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
    key: str = KEY,
) -> tuple[np.ndarray, float]:
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
    key : str
        Where the config describes the network, for the sentences of faults.

    Returns
    -------
    (n, width) float32
        Memory-mapped; not normalised, in the order of sample_ids. Cost: one pass of the network over the images.
    float
        Seconds that had been spent when it was stopped; 0 if it was not.

    Raises
    ------
    InputFault
        As of `load_backbone` and `Backbone`; or there is no such device.
    Interrupted
        SIGTERM or SIGUSR1 came; what is done is saved.
    """
    store, torch_device = np.load(images_path, mmap_mode="r"), resolve_device(device)
    try:
        backbone = Backbone(*load_backbone(architecture, weights, store.shape[3]), image_size)
    except InputFault as fault:
        raise InputFault(str(fault).replace(f"{KEY}.", f"{key}.", 1)) from fault
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
    backbone.to(torch_device).eval()

    @torch.no_grad()
    def embed_zeros(n, precision):
        zeros = torch.zeros((n, *store.shape[1:]), dtype=torch.uint8, device=torch_device)
        with autocast(torch_device, precision):
            backbone.embed(zeros)

    warn_of_emulation(f"{key}.precision", precision, torch_device, BATCH, embed_zeros)
    with Checkpoints(checkpoint_path, digest, SAVE_MINUTES) as saved:
        return _embed(backbone, images, precision, saved), saved.seconds_before


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
