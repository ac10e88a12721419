"""A whole training on a table of samples, and what is asked of the trained model: what scripts call."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch

from ..faults import InputFault
from ..models import Classifier, build_model
from ..rng import derive_seed
from ..tables import read_table
from .devices import peak_gpu_memory_bytes, resolve_device
from .engine import accuracy, predict, train
from .recipe import Recipe, Training
from .recorder import DynamicsRecorder


def train_on(
    images_path,
    summary_path,
    samples_path,
    recipe: Recipe,
    seed: int,
    device: str,
    dynamics_path=None,
    records: list[str] = (),
) -> tuple[Classifier, dict]:
    """Train a fresh network on the samples of a table.

    Parameters
    ----------
    images_path : path
        (n, h, w, c) uint8 .npy; row i is sample_id i.
    summary_path : path
        The store's summary: classes, mean and std.
    samples_path : path
        Columns sample_id and label: a subset or a kept list.
    recipe : Recipe
        With `dynamics_path` a Training, which says when records are taken.
    seed : int
        Initialisation, batch order and augmentation; the same for every list of samples, so that at one seed two
        lists are compared and not two initialisations.
    device : {"auto", "cpu", "cuda"}
    dynamics_path : path, optional
        Where to write the records of each epoch.
    records : list of str

    Returns
    -------
    network : Classifier
        In eval mode.
    metrics : dict
        n_samples, peak_gpu_memory_bytes and each epoch's loss and accuracy. No times, which would make every run's
        file another one: they are in the log and in Snakemake's benchmark.

    Raises
    ------
    InputFault
        Fewer than two samples, no such device, or a diverged training.
    """
    stage = "training" if isinstance(recipe, Training) else "retraining"
    torch_device = resolve_device(device)
    summary = json.loads(Path(summary_path).read_text())
    samples = read_table(samples_path, ["sample_id", "label"])
    if len(samples["sample_id"]) < 2:
        raise InputFault(f"{samples_path}: {len(samples['sample_id'])} samples cannot be trained on; keep 2 or more")
    store = np.load(images_path, mmap_mode="r")
    images = torch.from_numpy(store[samples["sample_id"]]).to(torch_device)
    labels = torch.from_numpy(samples["label"].copy()).to(torch_device)

    torch.manual_seed(derive_seed(seed, f"{stage}/initialisation"))
    shape, n_classes = list(store.shape[1:]), len(summary["classes"])
    network = build_model(recipe.model, shape, n_classes, summary["mean"], summary["std"]).to(torch_device)
    recording = (
        DynamicsRecorder(dynamics_path, samples["sample_id"], records, torch_device) if dynamics_path else nullcontext()
    )
    with recording as recorder:
        history = train(network, images, labels, recipe, seed, stage, recorder)
    metrics = {
        "n_samples": len(labels),
        "peak_gpu_memory_bytes": peak_gpu_memory_bytes(torch_device),
        "epochs": history,
    }
    return network, metrics


def embed_store(network: Classifier, images_path, precision: str, device: str) -> np.ndarray:
    """Embed every image of a store: eval mode, no augmentation, penultimate layer, not normalised.

    Returns
    -------
    (n, width) float32
    """
    network.to(resolve_device(device))
    store = np.load(images_path, mmap_mode="r")
    embeddings = np.empty((len(store), network.width), np.float32)
    for rows, outputs in predict(network, store, precision, "embeddings"):
        embeddings[rows] = outputs.cpu().numpy()
    return embeddings


def measure_accuracy(network: Classifier, images_path, samples_path, precision: str) -> float:
    """Return the share, in 0..1, of a stored split that the network classifies as labelled."""
    labels = read_table(samples_path, ["label"])["label"]
    return accuracy(network, np.load(images_path, mmap_mode="r"), labels, precision)
