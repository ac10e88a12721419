"""A whole training on a table of samples, in this process."""

import json
from dataclasses import asdict
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
from .checkpoints import settings_digest
from .devices import peak_gpu_memory_bytes, resolve_device
from .dynamics_recorder import DynamicsRecorder
from .engine import Trainer
from .images import ResidentImages, StreamedImages
from .preflight import plan_memory, warn_of_slow_steps
from .processes import Group
from .recipe import Recipe, Training
from .snapshots import Snapshots
from .task import TrainingTask


def train_here(task: TrainingTask) -> dict:
    """Train a fresh network on the samples of a table, or go on where such a training stopped.

    Returns
    -------
    dict
        n_samples, which is the plan's `per_epoch` where that is given; images_seen, each as often as it was trained on,
        and images_predicted, to record them in passes of their own; peak_gpu_memory_bytes; epochs, the loss and
        accuracy of each; best_epoch where one is chosen; and seconds_before, which it had taken when it was stopped,
        0 if it was not. That is the only time: others would make every run's file another one.

    Raises
    ------
    InputFault
        Fewer than two samples or of an epoch's, a plan of epochs out of range, no such device, not enough
        memory, or a diverged training.
    Interrupted
        SIGTERM or SIGUSR1 came; where the training stands is saved.
    """
    data, outputs, plan, stage, seed = task.data, task.outputs, task.epochs, task.stage, task.seed
    recipe = Training(**task.recipe) if outputs.dynamics else Recipe(**task.recipe)
    group = Group()
    device = resolve_device(task.device, group.size, group.rank)
    samples = read_table(data.samples, ["sample_id", "label"])
    summary = json.loads(Path(data.summary).read_text(encoding="utf-8"))
    n_classes = len(summary["classes"])
    if data.labels:
        found = read_table(data.labels, ["sample_id", "label"])
        samples["label"] = found["label"][rows_of(found["sample_id"], samples["sample_id"])]
        n_classes = read_metadata(data.labels)["n_classes"]
    sample_ids, labels = samples["sample_id"], torch.from_numpy(samples["label"].copy()).to(device)
    n_samples, each = (len(sample_ids), "") if plan.per_epoch is None else (plan.per_epoch, " an epoch")
    if n_samples < 2:
        raise InputFault(f"{data.samples}: {n_samples} samples{each} cannot be trained on; keep 2 or more")
    store = np.load(data.images, mmap_mode="r")
    network = _fresh_network(recipe, store.shape, summary, n_classes, derive_seed(seed, f"{stage}/initialisation"))
    network.to(device)
    settings = {
        "recipe": task.recipe,
        "seed": seed,
        "records": list(outputs.records),
        "snapshots": bool(outputs.snapshots),
        **asdict(plan),
        "n_classes": n_classes,
        "code": task.checkpoints.code,
        "torch": torch.__version__,
    }
    digest = settings_digest(
        settings | {"device": device.type, "summary": summary}, [data.images], sample_ids, samples["label"]
    )
    folder, writes = task.checkpoints.folder, group.rank == 0
    recorder = None
    if isinstance(recipe, Training):
        dtype = getattr(torch, recipe.previous_dtype)
        recorder = DynamicsRecorder(folder, outputs.records, labels, n_classes, dtype, group)
    snapshots = None
    if outputs.snapshots:
        assert isinstance(recipe, Training), "a retraining keeps no snapshots"
        snapshots = Snapshots(folder, recipe.epochs, recipe.snapshots, writes)
    n_bytes = recorder.n_bytes() if recorder else 0
    resident = plan_memory(network, recipe, store.shape[1:], len(labels), n_bytes, group.size)
    if writes:
        warn_of_slow_steps(network, recipe, stage, group.size)
    images = (ResidentImages.load if resident else StreamedImages)(store, sample_ids, device)
    n_own = len(sample_ids) if plan.pool_share is None else int(np.sum(sample_ids < count_own(summary)))
    best = None
    if recipe.paradigm.get("best_of"):
        assert task.validation, "a best epoch is chosen by validation images"
        best = BestEpoch(task.validation.images, task.validation.samples, recipe, seed, device, group)
    with task.checkpoints.open(digest, writes) as saved:
        epochs = plan.make_epochs(len(labels), n_own, recipe, seed, stage)
        trainer = Trainer(network, images, labels, recipe, epochs, recorder, saved, group, snapshots, best)
        history = trainer.run()
        if recorder:
            recorder.write(outputs.dynamics, sample_ids)
        if snapshots:
            snapshots.write(outputs.snapshots)
        if writes:
            save_model(outputs.model, network)
    saved.remove()
    apart = isinstance(recipe, Training) and recipe.recording == "eval_pass"
    metrics = {
        "n_samples": n_samples,
        "images_seen": epochs.n_images,
        "images_predicted": n_samples * recipe.epochs if apart else 0,
        "peak_gpu_memory_bytes": peak_gpu_memory_bytes(device),
        "epochs": history,
        "seconds_before": saved.seconds_before,
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
