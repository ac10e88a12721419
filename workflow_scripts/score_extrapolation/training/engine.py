"""The one training loop: scoring, retraining and every baseline run through it."""

import logging
import math
import time

import numpy as np
import torch
from torch.nn.functional import cross_entropy, softmax

from ..faults import InputFault
from ..models import Classifier
from ..progress import Progress
from ..rng import derive_seed
from .augmentation import augment, draw_augmentation
from .devices import autocast
from .recipe import Recipe

LOGGER = logging.getLogger("score_extrapolation")
PREDICT_BATCH = 1000  # images; no gradients are kept, so memory is not what limits it


def epoch_batches(rng: np.random.Generator, n: int, batch_size: int) -> list[np.ndarray]:
    """Split a fresh permutation of 0..n-1 into batches; every sample comes exactly once.

    The last batch may be short, but never of a single sample, over which BatchNorm has no variance: that sample
    joins the batch before.
    """
    order = rng.permutation(n)
    starts = list(range(0, n, batch_size))
    if len(starts) > 1 and n - starts[-1] == 1:
        starts.pop()
    return np.split(order, starts[1:])


def make_optimizer(network: Classifier, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimiser over all parameters."""
    chosen = recipe.optimizer
    settings = {"lr": chosen.learning_rate, "weight_decay": chosen.weight_decay}
    if chosen.name == "sgd":
        settings |= {"momentum": chosen.momentum, "nesterov": chosen.nesterov}
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[chosen.name](network.parameters(), **settings)


def make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, n_steps: int):
    """Return the learning-rate schedule, advanced once a step, or None for a constant rate."""
    if recipe.schedule == "one_cycle":
        chosen = recipe.optimizer
        # torch also cycles momentum (Adam's beta1) between 0.95 and 0.85, even where none was asked for.
        cycles = chosen.name != "sgd" or chosen.momentum > 0
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, chosen.learning_rate, total_steps=n_steps, cycle_momentum=cycles
        )
    if recipe.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps)
    return None


def train(
    network: Classifier,
    images: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    seed: int,
    stage: str,
    recorder=None,
) -> list[dict]:
    """Train a network in place.

    Parameters
    ----------
    network : Classifier
        On the device that is to compute; left in eval mode.
    images : (m, h, w, c) uint8 tensor
    labels : (m,) int64 tensor
        On the network's device, as are the images: a batch is an index, nothing is loaded while training.
    recipe : Recipe
        Optimiser, schedule, epochs, batch size, augmentation, precision.
    seed : int
        With `stage` it names the streams of batch order and augmentation.
    stage : str
        ``"training"`` or ``"retraining"``.
    recorder : DynamicsRecorder, optional
        Sees every sample's softmax once an epoch: in the training forward pass, before that batch's step
        (``train_forward``), or in a pass of its own at the end of the epoch (``eval_pass``).

    Returns
    -------
    list of dict
        Per epoch: mean loss and training accuracy, both over the augmented training batches.

    Raises
    ------
    InputFault
        The loss became infinite or NaN.
    """
    n, device = len(labels), labels.device
    rng = np.random.default_rng(derive_seed(seed, f"{stage}/batches"))
    torch.manual_seed(derive_seed(seed, f"{stage}/dropout"))
    optimizer = make_optimizer(network, recipe)
    n_batches = len(epoch_batches(np.random.default_rng(0), n, recipe.batch_size))
    schedule = make_schedule(optimizer, recipe, recipe.epochs * n_batches)
    history = []
    with Progress(recipe.epochs * n, stage, "images") as progress:
        for epoch in range(recipe.epochs):
            started = time.perf_counter()
            network.train()
            total_loss, n_right = torch.zeros((), device=device), torch.zeros((), device=device)
            for batch in epoch_batches(rng, n, recipe.batch_size):
                loss, logits, batch_labels = _step(network, images, labels, batch, recipe, rng)
                if recorder and recipe.recording == "train_forward":
                    recorder.observe(batch, softmax(logits, 1), batch_labels)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                if schedule:
                    schedule.step()
                total_loss += loss.detach() * len(batch)
                n_right += (logits.argmax(1) == batch_labels).sum()
                progress.update(len(batch))
            elapsed_s = time.perf_counter() - started
            history.append(_summarise(epoch, total_loss / n, n_right / n, n / elapsed_s, recipe))
            if recorder:
                if recipe.recording == "eval_pass":
                    for rows, logits in predict(network, images, recipe.precision):
                        recorder.observe(rows, softmax(logits, 1), labels[rows])
                recorder.end_epoch()
    network.eval()
    return history


def _step(network, images, labels, batch, recipe, rng):
    """Forward one batch: loss, detached float32 logits, labels."""
    rows = torch.from_numpy(batch).to(labels.device)
    inputs = images[rows]
    augmentation = recipe.augmentation
    if augmentation.crop_padding or augmentation.flip:
        drawn = draw_augmentation(rng, len(batch), augmentation.crop_padding, augmentation.flip)
        inputs = augment(inputs, *drawn, augmentation.crop_padding)
    with autocast(labels.device, recipe.precision):
        logits = network(inputs)
    logits = logits.float()
    return cross_entropy(logits, labels[rows]), logits.detach(), labels[rows]


def _summarise(epoch: int, loss, accuracy, images_per_s: float, recipe: Recipe) -> dict:
    """Read an epoch's sums off the device once, log them, and stop a training that has diverged."""
    entry = {"loss": float(loss), "accuracy": float(accuracy)}
    LOGGER.info(
        "epoch %d/%d: loss %.4f, training accuracy %.4f, %.0f images/s",
        *(epoch + 1, recipe.epochs, *entry.values(), images_per_s),
    )
    if not math.isfinite(entry["loss"]):
        raise InputFault(
            f"training diverged: the loss is {entry['loss']} in epoch {epoch + 1}; lower "
            f"optimizer.learning_rate (it is {recipe.optimizer.learning_rate}) or set precision: float32"
        )
    return entry


@torch.no_grad()
def predict(network: Classifier, images, precision: str, what: str = "logits"):
    """Yield (rows, outputs) over all images in order: eval mode, no augmentation.

    Parameters
    ----------
    network : Classifier
    images : (n, h, w, c) uint8 tensor or array
        May be memory-mapped or on another device; batches are moved to the network's.
    precision : str
        As in a recipe.
    what : {"logits", "embeddings"}

    Yields
    ------
    rows : (b,) int64 array
    outputs : (b, C) or (b, width) float32 tensor on the network's device
    """
    network.eval()
    device = network.head.weight.device
    forward = network if what == "logits" else network.embed
    with Progress(len(images), what, "images") as progress:
        for start in range(0, len(images), PREDICT_BATCH):
            batch = images[start : start + PREDICT_BATCH]
            if isinstance(batch, np.ndarray):
                batch = torch.from_numpy(np.array(batch))
            with autocast(device, precision):
                outputs = forward(batch.to(device))
            yield np.arange(start, start + len(batch)), outputs.float()
            progress.update(len(batch))


def accuracy(network: Classifier, images, labels: np.ndarray, precision: str) -> float:
    """Return the share of images, in 0..1, whose largest logit is the label's."""
    n_right = 0
    for rows, logits in predict(network, images, precision):
        n_right += int((logits.argmax(1).cpu().numpy() == labels[rows]).sum())
    return n_right / len(labels)
