"""The sections of a config: their keys, each with its type, range, default and description.

A key that is a section itself is described by the docstring of its class. Comments in config.yaml, sentences about
faults and config/schema.json take descriptions from here.
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field

from score_extrapolation.plugins import Section
from score_extrapolation.training.recipe import Recipe, Training

from ..names import PRETRAINED, RANDOM, Amount
from .values import (
    Channels,
    HeldOut,
    ImageSize,
    NameInPaths,
    Names,
    Paths,
    Pool,
    Rate,
    Share,
    SubsetFraction,
    WrongLabels,
    unique,
)


class Samples(Section):
    """Where images and labels come from, and what they are made into."""

    dataset: str = Field(description="reader of the training images")
    train: Paths = Field(None, description="path, glob or list of them; null if the reader needs none")
    test: HeldOut = Field(None, description="fraction to split off, path, given, another set, or null for none")
    validation: HeldOut = Field(None, description="written as test is; its accuracy is reported too")
    pool: Pool = Field(None, description="more training images of the same classes, which alone are pruned")
    share: Share = Field(None, description="in (0, 1): share of the training images that is used; null: all")
    labelled: bool = Field(True, description="whether the training images have labels")
    options: dict = Field(default_factory=dict, description="options of the reader")
    image_size: ImageSize = Field(None, description="pixels of a side, or [height, width]; null: as the images are")
    fit: Literal["crop", "stretch"] = Field("crop", description="how other aspect ratios are made to fit image_size")
    channels: Literal[1, 3] | None = Field(None, description="colour channels; null: 3, or 1 of grey arrays")
    mean: Channels | None = Field(None, description="per channel, in 0..1; null: that of the training images")
    std: Channels | None = Field(None, description="per channel, in (0, 1]; null: that of the training images")
    on_bad_image: Literal["fail", "drop"] = Field("fail", description="what to do if an image cannot be read")
    duplicates: Literal["keep", "drop"] = Field(
        "keep", description="what to do with a training image that has the pixels of an earlier one"
    )
    wrong_labels: WrongLabels = Field(
        None, description="in (0, 1): share of the training images that get a wrong label at random; null: none"
    )
    split_seed: int = Field(0, ge=0, description="draws what is split off, the share and the wrong labels")

    def sets_read(self) -> list[tuple[str, str, list[str]]]:
        """Return key, data set and paths of each set that is read by itself: neither a fraction nor given."""
        found = [("train", self.dataset, self.train or [])]
        for split in ("validation", "test", "pool"):
            value = getattr(self, split)
            if isinstance(value, dict):
                found.append((f"{split}.path", value["dataset"], value["path"] or []))
            elif isinstance(value, list):
                found.append((split, self.dataset, value))
        return found


class Subset(Section):
    """Parts that are trained on for scores."""

    fractions: Annotated[list[SubsetFraction], Field(min_length=1), AfterValidator(unique)] = Field(
        description="in (0, 1): parts of the training images that are trained on for scores"
    )
    samplers: Names = Field([RANDOM], description="files in subset/, each of which draws a subset of each fraction")
    nested: float = Field(0.5, gt=0, lt=1, description="in (0, 1): share of a subset that is trained on by itself too")


class ScoreTraining(Training):
    """The training that scores are computed from."""

    variants: dict[NameInPaths, Training] = Field(
        default_factory=dict, description="other trainings that scores may name"
    )

    def by_name(self) -> dict[str, Training]:
        """Return this training and the others by their names in paths."""
        return {"base": self, **self.variants}


class Checkpoints(Section):
    """When a training saves where it stands; an interrupted one goes on there."""

    minutes: float | None = Field(None, gt=0, description="minutes since the last save; null: not by time")
    epochs: int | None = Field(None, ge=1, description="epochs since the last save; null: not by epochs")


class Pretrained(Section):
    """A frozen network that was trained on other images."""

    architecture: str = Field("tf_efficientnet_lite0", min_length=1, description="a timm name such as resnet18")
    weights: str = Field("package", min_length=1, description="hub, package or the path of a file")
    image_size: int | None = Field(
        None, ge=1, description="pixels of the side that images are resized to; null: what the network was trained on"
    )
    precision: Literal["float32", "bfloat16", "auto"] = Field(
        "float32", description="numbers that the network computes in"
    )

    def files(self) -> list[str]:
        """Return the file of the weights, where they are the user's own."""
        return [] if self.weights in ("hub", "package") else [self.weights]


class Embeddings(Section):
    """How embeddings are stored, and which frozen networks make some."""

    dtype: Literal["float32", "float16"] = Field("float32", description="numbers on disk")
    pretrained: Pretrained = Pretrained()
    others: dict[NameInPaths, Pretrained] = Field(
        default_factory=dict, description="more frozen networks, for unsupervised trainings"
    )

    def networks(self) -> dict[str, Pretrained]:
        """Return all frozen networks by their names in paths."""
        return {PRETRAINED: self.pretrained, **self.others}

    @staticmethod
    def key_of(network: str) -> str:
        """Return where a config describes a frozen network."""
        return "embeddings.pretrained" if network == PRETRAINED else f"embeddings.others.{network}"


Spaces = Annotated[list[Literal["pretrained", "subset"]], AfterValidator(unique)]


class TrainingFree(Section):
    """Scores of embeddings alone, to compare with."""

    methods: list[dict] = Field(default_factory=list, description="files in training_free/")
    spaces: Annotated[Spaces, Field(min_length=1)] = Field(
        ["pretrained"], description="embeddings that are scored: of embeddings.pretrained, or of the subset's training"
    )


class Neighbors(Section):
    """How nearest neighbours are searched."""

    method: Literal["auto", "exact", "pynndescent", "ivf"] = Field(
        "auto", description="kind of search; pynndescent and ivf are approximate"
    )


class Selection(Section):
    """What is pruned, how, and by whose scores."""

    rates: Annotated[list[Rate], Field(min_length=1), AfterValidator(unique)] = Field(
        description="in [0, 1): fractions removed"
    )
    keep: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1), AfterValidator(unique)] | None = Field(
        None, description="numbers of images to keep instead of pruning at rates; null: none"
    )
    methods: list[dict] = Field(min_length=1, description="files in selection/")
    fractions: Annotated[list[SubsetFraction], Field(min_length=1), AfterValidator(unique)] | None = Field(
        None, description="fractions of subset that are pruned by; null: all"
    )
    samplers: Names | None = Field(None, description="samplers of subset that are pruned by; null: all")
    scores: Names | None = Field(None, description="scores that methods without their own prune by; null: all")
    extrapolators: Names = Field(description="extrapolators that methods without their own prune by")

    def amounts(self) -> list[Amount]:
        """Return how much is kept: the numbers to keep where there are any, else the pruning rates."""
        if self.keep is not None:
            return [Amount(n_kept=n) for n in self.keep]
        return [Amount.of_rate(rate) for rate in self.rates]


class Export(Section):
    """Formats that kept lists are written in by `snakemake export`."""

    formats: list[dict] = Field(default_factory=list, description="files in exports/")


class Retraining(Recipe):
    """The training on what is kept; keys left out are those of training."""

    budgets: Annotated[list[Literal["epochs", "steps"]], Field(min_length=1), AfterValidator(unique)] = Field(
        ["epochs"], description="length of each training: epochs of what is kept, or as many steps as on everything"
    )
    labels: Literal["given", "found"] = Field(
        "given", description="labels to learn: given ones, or those found by the unsupervised training"
    )
    pool_share: float | None = Field(
        None, gt=0, lt=1, description="in (0, 1): share of each batch that is of samples.pool; null: any"
    )


class Robustness(Section):
    """Attacks on test images that each retrained model is measured by."""

    attacks: Annotated[list[Literal["pgd", "autoattack"]], Field(min_length=1), AfterValidator(unique)] = Field(
        ["pgd", "autoattack"], description="attacks, each of which measures every model"
    )
    norm: Literal["linf", "l2"] = Field("linf", description="of the change: of a pixel, or of the whole image")
    epsilon: float = Field(8.0, gt=0, description="largest change, in levels of 0..255")
    pgd_steps: int = Field(40, ge=1, description="steps of pgd")
    images: int = Field(1000, ge=1, description="test images, each class in proportion")


class Evaluation(Section):
    """What results are compared with."""

    full_data_scores: bool = Field(True, description="also train on everything for scores, to compare with")
    estimates: Annotated[list[Literal["cross_validation", "nested"]], AfterValidator(unique)] = Field(
        default_factory=list, description="estimates of the agreement without the truth"
    )
    coverage: Spaces = Field(
        default_factory=list, description="embeddings in which each subset's distance from the rest is measured"
    )
    neighborhoods: int | None = Field(
        None, ge=1, description="nearest samples, such as 20, that true scores are compared with; null: none"
    )
    classes: Annotated[list[Annotated[int, Field(ge=2)]], AfterValidator(unique)] = Field(
        default_factory=list, description="other numbers of classes to try an unsupervised training with"
    )
    robustness: Robustness | None = None


class Resources(Section):
    """What the jobs of a stage ask for; the default where it is null."""

    threads: int | None = Field(None, ge=1, description="CPU threads")
    mem_mb: int | None = Field(None, ge=1, description="megabytes of host memory")
    runtime: int | None = Field(None, ge=1, description="minutes")
    gpu: int | None = Field(None, ge=0, description="GPUs")
    gpu_shards: int | None = Field(None, ge=0, description="parts of a GPU that jobs share")


class Slurm(Section):
    """Where Slurm runs the jobs; null: the cluster's own default."""

    account: str | None = Field(None, min_length=1, description="account that jobs are charged to")
    partition: str | None = Field(None, min_length=1, description="partition of jobs without a GPU")
    gpu_partition: str | None = Field(
        None, min_length=1, description="partition of jobs with a GPU; null: that of the others"
    )

    def partition_of(self, on_gpu: bool) -> str | None:
        """Return the partition of jobs with or without a GPU."""
        return (on_gpu and self.gpu_partition) or self.partition


def description_of(model: type[Section], key: str) -> str:
    """Return what a key of a section is; of a key that is a section itself, what its class says."""
    field = model.model_fields[key]
    sections = [one for one in (field.annotation, *get_args(field.annotation)) if hasattr(one, "model_fields")]
    return field.description or sections[0].__doc__.split("\n")[0].rstrip(".")
