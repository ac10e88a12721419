"""A whole training without labels: from tables of embeddings to pseudo-labels and their dynamics."""

import numpy as np
import torch

from ..faults import InputFault
from ..io.tables import SUBSET, read_table, rows_of, write_table
from ..progress import LOGGER
from ..rng import derive_seed
from ..training.checkpoints import Checkpoints, settings_digest
from ..training.devices import resolve_device
from .encoder import TaskEncoder
from .features import gather_features, load_features, measure_moments, read_chosen
from .history import History
from .trainer import TaskTrainer


def train_unsupervised(
    embeddings: list[list[str]],
    samples_path: str,
    subset_path: str,
    n_classes: int,
    options: dict,
    epochs: int,
    batch_size: int,
    optimizer: dict,
    seed: int,
    device: str,
    dynamics_path: str | None,
    records: list[str],
    encoder_path: str,
    labels_path: str,
    checkpoint_path: str,
    code: str = "",
    checkpoints: dict | None = None,
    metadata: dict | None = None,
) -> dict:
    """Find classes in the subset's embeddings, label all samples with them, record how each sample's label came about.

    TURTLE (Gadetsky et al., "Let Go of Your Labels with Unsupervised Transfer", ICML 2024), with the departures that
    `encoder`, `heads` and `steps` tell. No label is read.

    Parameters
    ----------
    embeddings : list of lists of paths
        Of each space the shards of its table in order: sample_id and embedding of all samples.
    samples_path : path
        Table of all samples; its sample_id are the ones that get labels.
    subset_path : path
        Table of the samples to train on; of its columns only sample_id is read.
    n_classes : int
        C, which must be near the truth for the classes to be those that people see.
    options : dict
        inner_steps, inner_learning_rate, entropy_weight: as of `steps.take_step`.
    epochs, batch_size : int
    optimizer : dict
        As of `trainer.TaskTrainer`.
    seed : int
        Initialisation and batches.
    device : {"auto", "cpu", "cuda"}
    dynamics_path : path or None
        Written: the records of each epoch, of the subset's samples and their final pseudo-labels. None: no records.
    records : list of str
    encoder_path : path
        Written: the task encoder, which takes embeddings as they are in the tables.
    labels_path : path
        Written: sample_id and label, the argmax of the final tau, of all samples.
    checkpoint_path : path
        Folder, outside the outputs, for the subset's embeddings (4 m d bytes for each space), each epoch's encoder
        (4 C (d + 2) bytes), the records of all epochs (4 K m bytes each) and where the training stands; removed at the
        end.
    code : str
        Digest of the code: a checkpoint of other code is not taken up.
    checkpoints : dict, optional
        When to save: minutes and epochs, as of `Checkpoints`.
    metadata : dict, optional
        Of the table of labels.

    Returns
    -------
    dict
        n_samples, that were trained on; images_seen, None: a step sees embeddings, which cost neither a training on an
        image nor a prediction of one; n_classes; n_classes_found, that have samples, and largest_class and
        smallest_class, shares, all three of all samples; epochs, as of `trainer.TaskTrainer`.

    Raises
    ------
    InputFault
        More classes than samples or fewer than two, a sample without a finite embedding, no such device, or a
        diverged training.
    Interrupted
        SIGTERM or SIGUSR1 came; where the training stands is saved.

    Notes
    -----
    Cost: of each step as of `steps.take_step`; K products of the features and an encoder for the records; one pass over
    all embeddings for the labels. Memory: some copies of a batch and some blocks, whatever the numbers of samples and
    epochs: 533 MiB at the peak of steps on 10,000 of a million samples, 1,024 wide, 100 classes (tests/benchmarks).

    Shards and blocks change no bit. The number of threads does: sums are cut where threads divide them.
    """
    torch_device = resolve_device(device)
    subset_ids = read_table(subset_path, ["sample_id"])["sample_id"]
    _check_classes(n_classes, len(subset_ids), subset_path)
    settings = {
        "n_classes": n_classes,
        "options": options,
        "epochs": epochs,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "seed": seed,
        "device": torch_device.type,
        "code": code,
        "torch": torch.__version__,
    }
    files = [path for paths in embeddings for path in paths]
    with Checkpoints(checkpoint_path, settings_digest(settings, files, subset_ids), **(checkpoints or {})) as saved:
        state = saved.load()
        if state is None:
            saved.remove()
            features = gather_features(embeddings, subset_ids, saved.folder / "features")
        else:
            features = load_features(saved.folder / "features", len(embeddings))
        generator = torch.Generator().manual_seed(derive_seed(seed, "unsupervised/initialisation"))
        encoder = TaskEncoder([array.shape[1] for array in features], n_classes, generator)
        if state is None:
            encoder.set_moments([measure_moments(array) for array in features])
        encoder.to(torch_device)
        history = History(saved.folder / "history")
        trainer = TaskTrainer(encoder, features, optimizer, options, batch_size, seed, history, saved)
        if state:
            trainer.load_state_dict(state)
            LOGGER.info("going on in epoch %d/%d after %d steps", len(trainer.epochs) + 1, epochs, trainer.n_steps)
        of_epochs = trainer.run(epochs)
        saved.save(trainer.state_dict(), epochs)
        sample_ids = read_table(samples_path, ["sample_id"])["sample_id"]
        labels = label_samples(encoder, embeddings, sample_ids)
        if dynamics_path:
            of_subset = labels[rows_of(sample_ids, subset_ids)]
            history.replay(epochs, features, subset_ids, of_subset, records, dynamics_path, torch_device, saved)
        write_table(labels_path, SUBSET, metadata or {}, sample_id=sample_ids, label=labels)
        encoder.save(encoder_path)
    saved.remove()
    found = _describe_classes(labels, n_classes)
    return {"n_samples": len(subset_ids), "images_seen": None, "epochs": of_epochs, **found}


def label_samples(encoder: TaskEncoder, embeddings: list[list[str]], sample_ids: np.ndarray) -> np.ndarray:
    """Return the argmax of tau of some samples, (n,) int64; of equal ones the lower class.

    Parameters
    ----------
    encoder : TaskEncoder
    embeddings : list of lists of paths
        As of `train_unsupervised`.
    sample_ids : (n,) int64
        Increasing.
    """
    labels = np.empty(len(sample_ids), np.int64)
    for rows, vectors in read_chosen(embeddings, sample_ids):
        labels[rows] = encoder.log_tau(encoder.standardise(vectors)).argmax(dim=1).cpu().numpy()
    return labels


def _check_classes(n_classes: int, n_samples: int, subset_path: str) -> None:
    if n_classes < 2:
        raise InputFault(f"{subset_path}: {n_classes} classes are not enough to tell samples apart; ask for 2 or more")
    if n_classes > n_samples:
        raise InputFault(
            f"{subset_path}: {n_classes} classes are more than the {n_samples} samples to find them in; ask for fewer, "
            "or enlarge the subset"
        )


def _describe_classes(labels: np.ndarray, n_classes: int) -> dict:
    """Return how many classes there are and their sizes, and warn of empty ones."""
    sizes = np.bincount(labels, minlength=n_classes)
    n_found = int((sizes > 0).sum())
    if n_found < n_classes:
        LOGGER.warning(
            "%d of the %d classes have no sample: ask for fewer classes, or raise entropy_weight",
            *(n_classes - n_found, n_classes),
        )
    return {
        "n_classes": n_classes,
        "n_classes_found": n_found,
        "largest_class": float(sizes.max() / len(labels)),
        "smallest_class": float(sizes.min() / len(labels)),
    }
