"""The sections of a config: their keys, types and ranges. What an experiment is as a whole is in `config`."""

from typing import Annotated, Literal

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


class HeldOutSet(Section):
    """A set of images that is read otherwise than the training set: of test, of validation, or a pool."""

    dataset: str
    path: Paths = None
    split: str
    options: dict = Field(default_factory=dict)


class Samples(Section):
    """Where images and labels come from, and what they are made into."""

    dataset: str
    train: Paths = None
    test: HeldOut = None
    validation: HeldOut = None
    share: Share = None
    pool: Pool = None
    labelled: bool = Field(True, description="whether the training images have labels")
    options: dict = Field(default_factory=dict)
    image_size: ImageSize = None
    fit: Literal["crop", "stretch"] = "crop"
    channels: Literal[1, 3] | None = None
    mean: Channels | None = Field(None, description="one number per channel, in 0..1")
    std: Channels | None = Field(None, description="one number per channel, in 0..1")
    on_bad_image: Literal["fail", "drop"] = "fail"
    duplicates: Literal["keep", "drop"] = "keep"
    wrong_labels: WrongLabels = None
    split_seed: int = Field(0, ge=0)

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
    """The parts that are trained on for scores."""

    fractions: Annotated[list[SubsetFraction], Field(min_length=1), AfterValidator(unique)]
    samplers: Names = Field([RANDOM])
    nested: float = Field(0.5, gt=0, lt=1, description="share of a subset that is trained on by itself too")


class ScoreTraining(Training):
    """The recipe that scores are computed from, and others that some scores name."""

    variants: dict[NameInPaths, Training] = Field(default_factory=dict, description="text of a-z 0-9 _")

    def by_name(self) -> dict[str, Training]:
        """Return this training and the others by their names in paths."""
        return {"base": self, **self.variants}


class Checkpoints(Section):
    """When a training saves where it stands; at the end of either, and when it is told to stop."""

    minutes: float | None = Field(None, gt=0, description="minutes since the last")
    epochs: int | None = Field(None, ge=1, description="epochs since the last")


class Pretrained(Section):
    """A network that was trained on other images, whose embeddings scores and distances can be made of."""

    architecture: str = Field("tf_efficientnet_lite0", min_length=1, description="a timm name such as resnet18")
    weights: str = Field("package", min_length=1, description="hub, package or the path of a file")
    image_size: int | None = Field(None, ge=1, description="pixels of the side that images are resized to")
    precision: Literal["float32", "bfloat16", "auto"] = "float32"

    def files(self) -> list[str]:
        """Return the file of the weights, where they are the user's own."""
        return [] if self.weights in ("hub", "package") else [self.weights]


class Embeddings(Section):
    """How the embeddings are stored, and by what frozen networks some are made."""

    dtype: Literal["float32", "float16"] = "float32"
    pretrained: Pretrained = Pretrained()
    others: dict[NameInPaths, Pretrained] = Field(default_factory=dict, description="text of a-z 0-9 _")

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

    methods: list[dict] = Field(default_factory=list)
    spaces: Annotated[Spaces, Field(min_length=1)] = Field(["pretrained"])


class Neighbors(Section):
    """How nearest neighbours are searched."""

    method: Literal["auto", "exact", "pynndescent", "ivf"] = "auto"


class Selection(Section):
    """What is pruned, how, and by whose scores."""

    rates: Annotated[list[Rate], Field(min_length=1), AfterValidator(unique)]
    keep: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1), AfterValidator(unique)] | None = None
    methods: list[dict] = Field(min_length=1)
    fractions: Annotated[list[SubsetFraction], Field(min_length=1), AfterValidator(unique)] | None = None
    samplers: Names | None = None
    scores: Names | None = None
    extrapolators: Names

    def amounts(self) -> list[Amount]:
        """Return how much is kept: the numbers to keep where there are any, else the pruning rates."""
        if self.keep is not None:
            return [Amount(n_kept=n) for n in self.keep]
        return [Amount.of_rate(rate) for rate in self.rates]


class Export(Section):
    """The formats that kept lists are written in."""

    formats: list[dict] = Field(default_factory=list)


class Retraining(Recipe):
    """The recipe of the training on what is kept, and how long it takes."""

    budgets: Annotated[list[Literal["epochs", "steps"]], Field(min_length=1), AfterValidator(unique)] = Field(
        ["epochs"]
    )
    labels: Literal["given", "found"] = Field("given", description="those found by the unsupervised training, or given")
    pool_share: float | None = Field(None, gt=0, lt=1, description="of each batch that is of samples.pool; null: any")


class Robustness(Section):
    """The attacks that every retrained model is measured by."""

    attacks: Annotated[list[Literal["pgd", "autoattack"]], Field(min_length=1), AfterValidator(unique)] = Field(
        ["pgd", "autoattack"]
    )
    norm: Literal["linf", "l2"] = "linf"
    epsilon: float = Field(8.0, gt=0, description="largest change, in levels of 0..255")
    pgd_steps: int = Field(40, ge=1)
    images: int = Field(1000, ge=1, description="test images, each class in proportion")


class Evaluation(Section):
    """What the results are compared with."""

    full_data_scores: bool = True
    estimates: Annotated[list[Literal["cross_validation", "nested"]], AfterValidator(unique)] = Field(
        default_factory=list, description="of the agreement, without the truth"
    )
    coverage: Spaces = Field(default_factory=list, description="embeddings that the distance from the rest is of")
    neighborhoods: int | None = Field(None, ge=1, description="nearest samples that true scores are compared with")
    classes: Annotated[list[Annotated[int, Field(ge=2)]], AfterValidator(unique)] = Field(
        default_factory=list, description="numbers of classes that an unsupervised training is tried with too"
    )
    robustness: Robustness | None = None


class Resources(Section):
    """What the jobs of a stage ask for; where one does not say, it asks for what the default does."""

    threads: int | None = Field(None, ge=1, description="CPU threads")
    mem_mb: int | None = Field(None, ge=1, description="megabytes of host memory")
    runtime: int | None = Field(None, ge=1, description="minutes")
    gpu: int | None = Field(None, ge=0, description="GPUs")
    gpu_shards: int | None = Field(None, ge=0, description="parts of a GPU that jobs share")


class Slurm(Section):
    """Where Slurm runs the jobs; None is the cluster's own default."""

    account: str | None = Field(None, min_length=1)
    partition: str | None = Field(None, min_length=1)
    gpu_partition: str | None = Field(None, min_length=1)

    def partition_of(self, on_gpu: bool) -> str | None:
        """Return the partition of jobs with or without a GPU."""
        return (on_gpu and self.gpu_partition) or self.partition
