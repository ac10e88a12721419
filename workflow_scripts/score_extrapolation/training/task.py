"""What one training is told: what it reads, how it trains, and what it writes."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from typing import Literal

from .checkpoints import CheckpointPlan
from .epochs import ALL_SAMPLES, EpochPlan


@dataclass(frozen=True)
class TrainingSet:
    """The samples of a training, and the store that has their images.

    Attributes
    ----------
    images : path
        (n, h, w, c) uint8 .npy; row i is sample_id i.
    summary : path
        The store's summary: classes, mean and std, and which samples are a pool's.
    samples : path
        Columns sample_id and label: a subset, a kept list, or all.
    labels : path, optional
        Labels to learn in the place of the given ones: those of all samples that an unsupervised training found. Of
        how many classes, their metadata say.
    """

    images: str
    summary: str
    samples: str
    labels: str | None = None


@dataclass(frozen=True)
class StoredSplit:
    """A split of held-out samples: `images`, (n, h, w, c) uint8 .npy, and `samples`, the table of their labels."""

    images: str
    samples: str


@dataclass(frozen=True)
class TrainingOutputs:
    """What a training writes.

    Attributes
    ----------
    model : path
        The trained network.
    dynamics : path, optional
        The records of each epoch.
    records : sequence of str
        Which.
    snapshots : path, optional
        Folder of the networks of earlier epochs that the recipe says to keep.
    """

    model: str
    dynamics: str | None = None
    records: Sequence[str] = ()
    snapshots: str | None = None


@dataclass(frozen=True)
class TrainingTask:
    """One training of a fresh network.

    Attributes
    ----------
    data : TrainingSet
    recipe : dict
        A `Training` where `outputs` has dynamics, else a `Recipe`.
    seed : int
        Initialisation, batch order and augmentation; the same for every list of samples, so that at one seed two
        lists are compared and not two initialisations.
    device : {"auto", "cpu", "cuda"}
    outputs : TrainingOutputs
    checkpoints : CheckpointPlan
    epochs : EpochPlan
        Without dynamics alone: a record has every sample in every epoch.
    validation : StoredSplit, optional
        The images by which a paradigm with ``best_of`` chooses its best epoch.
    """

    data: TrainingSet
    recipe: dict
    seed: int
    device: str
    outputs: TrainingOutputs
    checkpoints: CheckpointPlan
    epochs: EpochPlan = ALL_SAMPLES
    validation: StoredSplit | None = None

    def __post_init__(self):
        if self.outputs.dynamics and self.epochs != ALL_SAMPLES:
            raise ValueError(
                "a training that records sees every sample in every epoch: give no n_steps, no per_epoch and no "
                "pool_share"
            )

    @property
    def stage(self) -> Literal["training", "retraining"]:
        """The section of the config that the recipe is of."""
        return "training" if self.outputs.dynamics else "retraining"

    def to_json(self) -> str:
        """Return a text from which `from_json` makes the same task in another process."""
        return json.dumps(self, default=lambda value: vars(value) if is_dataclass(value) else str(value))

    @classmethod
    def from_json(cls, text: str) -> "TrainingTask":
        """Return the task that `to_json` has written."""
        told = json.loads(text)
        parts = {"data": TrainingSet, "outputs": TrainingOutputs, "checkpoints": CheckpointPlan, "epochs": EpochPlan}
        parts |= {"validation": StoredSplit} if told["validation"] else {}
        return cls(**told | {name: kind(**told[name]) for name, kind in parts.items()})
