"""The recipe of a training. Apart from the config, so that a changed check of the config trains nothing anew."""

from typing import Literal

from pydantic import Field

from ..plugins import Section


class Optimizer(Section):
    """One of torch.optim's."""

    name: Literal["sgd", "adam", "adamw"] = Field(description="optimizer; momentum and nesterov belong to sgd")
    learning_rate: float = Field(gt=0, description="per step; the maximum under one_cycle")
    weight_decay: float = Field(0.0, ge=0, description="as torch.optim defines it for the optimizer")
    momentum: float = Field(0.0, ge=0, lt=1, description="of sgd, in [0, 1)")
    nesterov: bool = Field(False, description="Nesterov momentum, of sgd")


class Augmentation(Section):
    """Random changes of training images, in pixels as stored."""

    crop_padding: int = Field(0, ge=0, description="pixels of black on each side before a random crop")
    crop_size: int | None = Field(None, ge=1, description="pixels of the crop's side; null: of the stored image")
    flip: bool = Field(False, description="mirror left-right half of the time")


class Recipe(Section):
    """Optimiser, schedule and augmentation of one training."""

    model: dict = Field(description="files in models/")
    paradigm: dict = Field({"name": "supervised"}, description="files in paradigms/: how a step learns")
    epochs: int = Field(ge=1, description="passes over the samples")
    batch_size: int = Field(ge=2, description="images a step, of all processes together")
    optimizer: Optimizer
    schedule: Literal["constant", "cosine", "one_cycle"] = Field(
        "constant", description="of the learning rate, per step"
    )
    rise: float = Field(0.3, gt=0, lt=1, description="share of the steps in which one_cycle rises")
    augmentation: Augmentation = Augmentation()
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="in [0, 1)")
    clip_gradient: float | None = Field(None, gt=0, description="largest norm of the gradient; null: any")
    average_decay: float | None = Field(None, gt=0, lt=1, description="of the averaged weights, a step; null: none")
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32",
        description="numbers that the network computes in; auto is bfloat16 where the device multiplies it natively",
    )
    compile: bool = Field(False, description="let torch.compile translate the network first")


class Training(Recipe):
    """The recipe of a training that scores are computed from."""

    recording: Literal["train_forward", "eval_pass"] = Field(
        "train_forward", description="during the training, or in a pass of its own after each epoch"
    )
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
