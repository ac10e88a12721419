"""The recipe of a training. Apart from the config, so that a changed check of the config trains nothing anew."""

from typing import Literal

from pydantic import Field

from ..plugins import Section


class Optimizer(Section):
    """One of torch.optim's; momentum and nesterov belong to sgd."""

    name: Literal["sgd", "adam", "adamw"]
    learning_rate: float = Field(gt=0, description="per step; the maximum under one_cycle")
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.0, ge=0, lt=1)
    nesterov: bool = False


class Augmentation(Section):
    """What is done at random to a training image, in pixels as stored."""

    crop_padding: int = Field(0, ge=0, description="pixels of black on each side before a random crop")
    crop_size: int | None = Field(None, ge=1, description="pixels of the crop's side; null: of the stored image")
    flip: bool = False


class Recipe(Section):
    """Optimiser, schedule and augmentation of one training."""

    model: dict
    paradigm: dict = Field({"name": "supervised"})
    epochs: int = Field(ge=1, description="passes over the samples")
    batch_size: int = Field(ge=2, description="images a step, of all processes together")
    optimizer: Optimizer
    schedule: Literal["constant", "cosine", "one_cycle"] = "constant"
    rise: float = Field(0.3, gt=0, lt=1, description="share of the steps in which one_cycle rises")
    augmentation: Augmentation = Augmentation()
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    clip_gradient: float | None = Field(None, gt=0, description="largest norm of the gradient; null: any")
    average_decay: float | None = Field(None, gt=0, lt=1, description="of the averaged weights, a step; null: none")
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    compile: bool = Field(False, description="let torch.compile translate the network first")


class Training(Recipe):
    """The recipe of a training that scores are computed from."""

    recording: Literal["train_forward", "eval_pass"] = "train_forward"
    previous_dtype: Literal["float32", "float16"] = Field(
        "float32", description="of the last epoch's predictions, which tdds compares with"
    )
    snapshots: int = Field(0, ge=0, description="networks of earlier epochs to keep, evenly spaced")


def snapshot_epochs(n_epochs: int, n_snapshots: int) -> list[int]:
    """Return after which epochs a network is kept: evenly spaced, the last of all not among them, each once.

    Of 20 epochs and 2 snapshots 7 and 13.
    """
    spaced = (round(n_epochs * i / (n_snapshots + 1)) for i in range(1, n_snapshots + 1))
    return sorted({epoch for epoch in spaced if 0 < epoch < n_epochs})
