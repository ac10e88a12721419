"""A whole training without labels: from tables of embeddings to pseudo-labels and their dynamics."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import torch

from ..faults import InputFault
from ..io.tables import SUBSET, read_table, rows_of, write_table
from ..progress import LOGGER
from ..rng import derive_seed
from ..training.checkpoints import CheckpointPlan, settings_digest
from ..training.devices import resolve_device
from .encoder import TaskEncoder
from .features import gather_features, load_features, measure_moments, read_chosen
from .history import History
from .trainer import TaskRecipe, TaskTrainer


@dataclass(frozen=True)
class UnlabelledSet:
    """The samples of an unsupervised training.

    Attributes
    ----------
    embeddings : list of lists of paths
        Of each space the shards of its table in order: sample_id and embedding of all samples.
    samples : path
        Table of all samples; its sample_id are the ones that get labels.
    subset : path
        Table of the samples to train on; of its columns only sample_id is read.
    """

    embeddings: list[list[str]]
    samples: str
    subset: str


@dataclass(frozen=True)
class UnsupervisedOutputs:
    """What an unsupervised training writes.

    Attributes
    ----------
    encoder : path
        The task encoder, which takes embeddings as they are in the tables.
    labels : path
        sample_id and label, the argmax of the final tau, of all samples.
    metadata : dict
        Of that table.
    dynamics : path, optional
        The records of each epoch, of the subset's samples and their final pseudo-labels. None: no records.
    records : sequence of str
        Which.
    """

    encoder: str
    labels: str
    metadata: dict = field(default_factory=dict)
    dynamics: str | None = None
    records: Sequence[str] = ()


def train_unsupervised(
    data: UnlabelledSet,
    n_classes: int,
    recipe: TaskRecipe,
    seed: int,
    device: str,
    outputs: UnsupervisedOutputs,
    checkpoints: CheckpointPlan,
) -> dict:
    """Find classes in the subset's embeddings, label all samples with them, record how each sample's label came about.

    TURTLE (Gadetsky et al., "Let Go of Your Labels with Unsupervised Transfer", ICML 2024), with the departures that
    `encoder`, `heads` and `steps` tell. No label is read.

    Parameters
    ----------
    data : UnlabelledSet
    n_classes : int
        C, which must be near the truth for the classes to be those that people see.
    recipe : TaskRecipe
    seed : int
        Initialisation and batches.
    device : {"auto", "cpu", "cuda"}
    outputs : UnsupervisedOutputs
    checkpoints : CheckpointPlan
        Its folder has the subset's embeddings (4 m d bytes for each space), each epoch's encoder (4 C (d + 2) bytes),
        the records of all epochs (4 K m bytes each) and where the training stands; it is removed at the end.

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
    torch_device, embeddings = resolve_device(device), data.embeddings
    subset_ids = read_table(data.subset, ["sample_id"])["sample_id"]
    _check_classes(n_classes, len(subset_ids), data.subset)
    settings = {
        "n_classes": n_classes,
        **asdict(recipe),
        "seed": seed,
        "device": torch_device.type,
        "code": checkpoints.code,
        "torch": torch.__version__,
    }
    files = [path for paths in embeddings for path in paths]
    with checkpoints.open(settings_digest(settings, files, subset_ids)) as saved:
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
        trainer = TaskTrainer(encoder, features, recipe, seed, history, saved)
        if state:
            trainer.load_state_dict(state)
            LOGGER.info(
                "going on in epoch %d/%d after %d steps", len(trainer.epochs) + 1, recipe.epochs, trainer.n_steps
            )
        of_epochs = trainer.run()
        saved.save(trainer.state_dict(), recipe.epochs)
        sample_ids = read_table(data.samples, ["sample_id"])["sample_id"]
        labels = label_samples(encoder, embeddings, sample_ids)
        if outputs.dynamics:
            of_subset = labels[rows_of(sample_ids, subset_ids)]
            history.replay(
                *(recipe.epochs, features, subset_ids, of_subset),
                *(list(outputs.records), outputs.dynamics, torch_device, saved),
            )
        write_table(outputs.labels, SUBSET, outputs.metadata, sample_id=sample_ids, label=labels)
        encoder.save(outputs.encoder)
    saved.remove()
    found = _describe_classes(labels, n_classes)
    return {"n_samples": len(subset_ids), "images_seen": None, "epochs": of_epochs, **found} | {
        "seconds_before": saved.seconds_before
    }


def label_samples(encoder: TaskEncoder, embeddings: list[list[str]], sample_ids: np.ndarray) -> np.ndarray:
    """Return the argmax of tau of some samples, (n,) int64; of equal ones the lower class.

    Parameters
    ----------
    encoder : TaskEncoder
    embeddings : list of lists of paths
        As of `UnlabelledSet`.
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
