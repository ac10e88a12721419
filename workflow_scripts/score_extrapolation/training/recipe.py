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
    flip: bool = False


class Recipe(Section):
    """Optimiser, schedule and augmentation of one training."""

    model: dict
    epochs: int = Field(ge=1, description="passes over the samples")
    batch_size: int = Field(ge=2, description="images a step")
    optimizer: Optimizer
    schedule: Literal["constant", "cosine", "one_cycle"] = "constant"
    augmentation: Augmentation = Augmentation()
    precision: Literal["float32", "bfloat16", "auto"] = "float32"


class Training(Recipe):
    """The recipe of the training that scores are computed from."""

    recording: Literal["train_forward", "eval_pass"] = "train_forward"
