"""What a trained network says of images: eval mode, no augmentation."""

import numpy as np
import torch

from ..models import Classifier
from ..progress import Progress
from ..shards import BATCH
from .devices import autocast
from .processes import Group


@torch.no_grad()
def predict(
    network: Classifier,
    images,
    precision: str,
    what: str = "logits",
    group: Group | None = None,
    first_batch: int = 0,
    batches: list[np.ndarray] | None = None,
):
    """Yield (batch, outputs) over all images in order.

    Parameters
    ----------
    network : Classifier
        Put into eval mode.
    images : ResidentImages or StreamedImages
        Of n samples, on the network's device.
    precision : str
        As in a recipe.
    what : {"logits", "embeddings"}
    group : Group, optional
        Processes that share the work.
    first_batch : int
        Of the batches, where to begin.
    batches : list of (b,) int64 arrays, optional
        Rows of the images that the network sees together; else `BATCH` of them at a time.

    Yields
    ------
    batch : (b,) int64 array
        Rows of the images.
    outputs : (b, C) or (b, width) float32 tensor on the device
        Of this process's part of the batch.
    """
    network.eval()
    group = group or Group()
    forward = network if what == "logits" else network.embed
    n = len(images)
    batches = batches or [np.arange(start, min(start + BATCH, n)) for start in range(0, n, BATCH)]
    done, batches = sum(map(len, batches[:first_batch])), batches[first_batch:]
    with Progress(n, what, "images", done) as progress:
        for batch, inputs in zip(batches, images.batches([group.part(batch) for batch in batches]), strict=True):
            with autocast(images.device, precision):
                outputs = forward(inputs)
            yield batch, outputs.float()
            progress.update(len(batch))


def accuracy(network: Classifier, images, labels: np.ndarray, precision: str) -> float:
    """Return the share of images, in 0..1, whose largest logit is the label's."""
    return float((classify(network, images, precision) == labels).mean())


def classify(network: Classifier, images, precision: str) -> np.ndarray:
    """Return the class of each image's largest logit, (n,) int64."""
    classes = np.empty(len(images), np.int64)
    for rows, logits in predict(network, images, precision):
        classes[rows] = logits.argmax(1).cpu().numpy()
    return classes
