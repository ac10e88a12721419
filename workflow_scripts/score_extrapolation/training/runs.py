"""A whole training on a table of samples, in this process."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..datasets import count_own
from ..faults import InputFault
from ..io.tables import read_metadata, read_table, rows_of
from ..models import Classifier, build_model, save_model
from ..rng import derive_seed
from .augmentation import crop_shape
from .best import BestEpoch
from .checkpoints import Checkpoints, settings_digest
from .devices import peak_gpu_memory_bytes, resolve_device
from .dynamics_recorder import DynamicsRecorder
from .engine import Trainer
from .images import ResidentImages, StreamedImages
from .preflight import plan_memory, warn_of_slow_steps
from .processes import Group
from .recipe import Recipe, Training
from .snapshots import Snapshots


def train_here(
    images_path: str,
    summary_path: str,
    samples_path: str,
    recipe: dict,
    seed: int,
    device: str,
    model_path: str,
    checkpoint_path: str,
    dynamics_path: str | None = None,
    records: Sequence[str] = (),
    snapshots_path: str | None = None,
    code: str = "",
    checkpoints: dict | None = None,
    n_steps: int | None = None,
    per_epoch: int | None = None,
    labels_path: str | None = None,
    pool_share: float | None = None,
    validation_images_path: str | None = None,
    validation_samples_path: str | None = None,
) -> dict:
    """Train a fresh network on the samples of a table, or go on where such a training stopped.

    Parameters
    ----------
    images_path : path
        (n, h, w, c) uint8 .npy; row i is sample_id i.
    summary_path : path
        The store's summary: classes, mean and std, and which samples are a pool's.
    samples_path : path
        Columns sample_id and label: a subset or a kept list.
    recipe : dict
        A `Training` with `dynamics_path`, else a `Recipe`.
    seed : int
        Initialisation, batch order and augmentation; the same for every list of samples, so that at one seed two
        lists are compared and not two initialisations.
    device : {"auto", "cpu", "cuda"}
    model_path : path
        Where to write the trained network.
    checkpoint_path : path
        Folder, outside the outputs, for where the training stands; removed at the end.
    dynamics_path : path, optional
        Where to write the records of each epoch.
    records : sequence of str
    snapshots_path : path, optional
        Folder for the networks of earlier epochs that the recipe says to keep.
    code : str
        Digest of the code: a checkpoint of other code is not taken up.
    checkpoints : dict, optional
        When to save: minutes and epochs, as of `Checkpoints`.
    n_steps : int, optional
        Optimiser steps, instead of the recipe's epochs: the last epoch is cut off there. `epochs.steps_of` counts those
        of a training on another number of samples.
    per_epoch : int, optional
        How many of the samples each epoch sees, another random part each time, as of `epochs.Epochs`; None: all. With
        either of the two nothing is recorded: a record has every sample in every epoch.
    labels_path : path, optional
        Labels to learn in the place of the given ones: those of all samples that an unsupervised training found. Of
        how many classes, their metadata say.
    pool_share : float, optional
        In (0, 1): of each batch so much is of the store's pool, as of `epochs.MixedEpochs`, and nothing is recorded;
        None: its samples are samples as all others.
    validation_images_path, validation_samples_path : path, optional
        The store and table of held-out images, by which a paradigm with ``best_of`` chooses its best epoch.

    Returns
    -------
    dict
        n_samples, which is `per_epoch` where that is given; images_seen, each as often as it was trained on, and
        images_predicted, to record them in passes of their own; peak_gpu_memory_bytes; epochs, the loss and accuracy of
        each; and best_epoch where one is chosen.
        No times, which would make every run's file another one: they are in the log and in Snakemake's benchmark.

    Raises
    ------
    InputFault
        Fewer than two samples or of an epoch's, `n_steps` or `per_epoch` out of range, no such device, not enough
        memory, or a diverged training.
    Interrupted
        SIGTERM or SIGUSR1 came; where the training stands is saved.
    """
    if dynamics_path and any(value is not None for value in (n_steps, per_epoch, pool_share)):
        raise ValueError(
            "a training that records sees every sample in every epoch: give no n_steps, no per_epoch and no pool_share"
        )
    if per_epoch is not None and pool_share is not None:
        raise ValueError("an epoch of mixed batches has a length of its own: give per_epoch or pool_share")
    stage = "training" if dynamics_path else "retraining"
    chosen = Training(**recipe) if dynamics_path else Recipe(**recipe)
    group = Group()
    torch_device = resolve_device(device, group.size, group.rank)
    samples = read_table(samples_path, ["sample_id", "label"])
    summary = json.loads(Path(summary_path).read_text(encoding="utf-8"))
    n_classes = len(summary["classes"])
    if labels_path:
        found = read_table(labels_path, ["sample_id", "label"])
        samples["label"] = found["label"][rows_of(found["sample_id"], samples["sample_id"])]
        n_classes = read_metadata(labels_path)["n_classes"]
    sample_ids, labels = samples["sample_id"], torch.from_numpy(samples["label"].copy()).to(torch_device)
    n_samples, each = (len(sample_ids), "") if per_epoch is None else (per_epoch, " an epoch")
    if n_samples < 2:
        raise InputFault(f"{samples_path}: {n_samples} samples{each} cannot be trained on; keep 2 or more")
    store = np.load(images_path, mmap_mode="r")
    network = _fresh_network(chosen, store.shape, summary, n_classes, derive_seed(seed, f"{stage}/initialisation"))
    network.to(torch_device)
    settings = {
        "recipe": recipe,
        "seed": seed,
        "records": list(records),
        "snapshots": bool(snapshots_path),
        "n_steps": n_steps,
        "per_epoch": per_epoch,
        "n_classes": n_classes,
        "pool_share": pool_share,
        "code": code,
        "torch": torch.__version__,
    }
    digest = settings_digest(
        settings | {"device": torch_device.type, "summary": summary}, [images_path], sample_ids, samples["label"]
    )
    recorder = None
    if isinstance(chosen, Training):
        dtype = getattr(torch, chosen.previous_dtype)
        recorder = DynamicsRecorder(checkpoint_path, records, labels, n_classes, dtype, group)
    snapshots = None
    if snapshots_path:
        assert isinstance(chosen, Training), "a retraining keeps no snapshots"
        snapshots = Snapshots(checkpoint_path, chosen.epochs, chosen.snapshots, writes=group.rank == 0)
    n_bytes = recorder.n_bytes() if recorder else 0
    resident = plan_memory(network, chosen, store.shape[1:], len(labels), n_bytes, group.size)
    if group.rank == 0:
        warn_of_slow_steps(network, chosen, stage, group.size)
    images = (ResidentImages.load if resident else StreamedImages)(store, sample_ids, torch_device)
    mix = None if pool_share is None else (int(np.sum(sample_ids < count_own(summary))), pool_share)
    best = None
    if chosen.paradigm.get("best_of"):
        best = BestEpoch(validation_images_path, validation_samples_path, chosen, seed, torch_device, group)
    with Checkpoints(checkpoint_path, digest, **(checkpoints or {}), writes=group.rank == 0) as saved:
        trainer = Trainer(
            *(network, images, labels, chosen, seed, stage, recorder, saved, group, snapshots, best),
            *(n_steps, per_epoch, mix),
        )
        history = trainer.run()
        if recorder:
            recorder.write(dynamics_path, sample_ids)
        if snapshots:
            snapshots.write(snapshots_path)
        if group.rank == 0:
            save_model(model_path, network)
    saved.remove()
    apart = isinstance(chosen, Training) and chosen.recording == "eval_pass"
    metrics = {
        "n_samples": n_samples,
        "images_seen": trainer.epochs.n_images,
        "images_predicted": n_samples * chosen.epochs if apart else 0,
        "peak_gpu_memory_bytes": peak_gpu_memory_bytes(torch_device),
        "epochs": history,
    }
    return metrics | ({"best_epoch": best.epoch} if best else {})


def _fresh_network(recipe: Recipe, store_shape: tuple, summary: dict, n_classes: int, seed: int) -> Classifier:
    """Return the recipe's network for the stored images, or the crops of them that it is given."""
    torch.manual_seed(seed)
    cropped, padding = crop_shape(store_shape[1:3], recipe.augmentation), recipe.augmentation.crop_padding
    if any(crop > side + 2 * padding for crop, side in zip(cropped, store_shape[1:3], strict=True)):
        raise InputFault(
            f"augmentation.crop_size: {cropped[0]} is larger than the images, {store_shape[1]} x {store_shape[2]} and "
            f"{padding} pixels of padding on each side; lower it"
        )
    shape = [*cropped, store_shape[3]]
    return build_model(recipe.model, shape, n_classes, summary["mean"], summary["std"])
