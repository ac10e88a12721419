"""The experiment's config: its keys, ranges and defaults, validated before anything runs, all faults at once.

Nothing here imports numpy or torch: the workflow is parsed for every command, dry runs included.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from .contradictions import AUTO, find_contradictions
from .faults import InputFault
from .parts import EVERYTHING, universe
from .plugins import Section, method_constant, method_options
from .resources import Resources, Slurm
from .sentences import dotted, repeated, validate
from .shorthands import (
    OptionalPaths,
    as_paths,
    extrapolator_label,
    fill_in_methods,
    fill_in_recipes,
    told_of_training,
)
from .training.recipe import Recipe, Training

# What stepping scores up reads beside them (extrapolators/_step_up.py), and what trainings must have noted for it.
STEP_UP_NEEDS = ("dynamics", "nested/dynamics", "nested/scores")
STEP_UP_RECORD = "probability"

STAGES = (
    "samples",
    "subset",
    "training",
    "scores",
    "embeddings",
    "predictions",
    "neighbors",
    "extrapolation",
    "selection",
    "retraining",
    "evaluation",
    "report",
)


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fraction_hint(value, example: str) -> str:
    """Return what to write: 90 is meant as a percentage."""
    return f"write {value / 100:g}" if _is_number(value) and 1 < value < 100 else f"such as {example}"


def _held_out(value):
    # A mapping is a HeldOutSet: fill_in_methods has validated and completed it.
    if value is None or value == "given" or isinstance(value, dict) or (_is_number(value) and 0 < value < 1):
        return value
    if _is_number(value) or isinstance(value, bool):
        hint = _fraction_hint(value, "0.1")
        raise ValueError(f"is not in (0, 1); it is the part of the training images to split off, {hint}; null is none")
    return as_paths(value)


def _rate(value):
    if _is_number(value) and 0 <= value < 1:
        return float(value)
    raise ValueError(f"is not in [0, 1); a rate is the fraction removed, {_fraction_hint(value, '0.5')}")


def _subset_fraction(value):
    if _is_number(value) and 0 < value < 1:
        return float(value)
    if _is_number(value) and value == 1:
        raise ValueError("is the full data set, whose scores evaluation.full_data_scores asks for; give one below 1")
    hint = _fraction_hint(value, "0.2")
    raise ValueError(f"is not in (0, 1); a subset fraction is the part that is trained on for scores, {hint}")


def _unique(values: list) -> list:
    if repeated(values):
        raise ValueError(repeated(values))
    return values


def _image_size(value):
    sides = value if isinstance(value, list) else [value, value]
    if value is None or (len(sides) == 2 and all(type(side) is int and side > 0 for side in sides)):
        return value
    raise ValueError("is no size; write the pixels of a square's side, or [height, width]")


Rate = Annotated[Any, BeforeValidator(_rate)]
SubsetFraction = Annotated[Any, BeforeValidator(_subset_fraction)]
HeldOut = Annotated[Any, BeforeValidator(_held_out)]
Channels = Annotated[list[float], Field(min_length=1, max_length=3)]


class Samples(Section):
    """Where images and labels come from, and what they are made into."""

    dataset: str
    train: OptionalPaths = None
    test: HeldOut = None
    validation: HeldOut = None
    options: dict = Field(default_factory=dict)
    image_size: Annotated[Any, BeforeValidator(_image_size)] = None
    fit: Literal["crop", "stretch"] = "crop"
    channels: Literal[1, 3] | None = None
    mean: Channels | None = Field(None, description="one number per channel, in 0..1")
    std: Channels | None = Field(None, description="one number per channel, in 0..1")
    on_bad_image: Literal["fail", "drop"] = "fail"
    split_seed: int = Field(0, ge=0)

    def sets_read(self) -> list[tuple[str, str, list[str]]]:
        """Return key, data set and paths of each set that is read by itself: neither a fraction nor given."""
        found = [("train", self.dataset, self.train or [])]
        for split in ("validation", "test"):
            value = getattr(self, split)
            if isinstance(value, dict):
                found.append((f"{split}.path", value["dataset"], value["path"] or []))
            elif isinstance(value, list):
                found.append((split, self.dataset, value))
        return found


class Subset(Section):
    """The random parts that are trained on for scores."""

    fractions: Annotated[list[SubsetFraction], Field(min_length=1), AfterValidator(_unique)]
    nested: float = Field(0.5, gt=0, lt=1, description="share of a subset that is trained on by itself too")


VariantName = Annotated[str, Field(pattern="^[a-z0-9_]+$")]


class ScoreTraining(Training):
    """The recipe that scores are computed from, and others that some scores name."""

    variants: dict[VariantName, Training] = Field(default_factory=dict, description="text of a-z 0-9 _")

    def by_name(self) -> dict[str, Training]:
        """Return this training and the others by their names in paths."""
        return {"base": self, **self.variants}


class Checkpoints(Section):
    """When a training saves where it stands; at the end of either, and when it is told to stop."""

    minutes: float | None = Field(None, gt=0, description="minutes since the last")
    epochs: int | None = Field(None, ge=1, description="epochs since the last")


class Embeddings(Section):
    """How the embeddings are stored."""

    dtype: Literal["float32", "float16"] = "float32"


class Neighbors(Section):
    """How nearest neighbours are searched."""

    method: Literal["auto", "exact", "pynndescent", "ivf"] = "auto"


class Selection(Section):
    """What is pruned, how, and by whose scores."""

    rates: Annotated[list[Rate], Field(min_length=1), AfterValidator(_unique)]
    methods: list[dict] = Field(min_length=1)
    fractions: Annotated[list[SubsetFraction], Field(min_length=1), AfterValidator(_unique)] | None = None
    scores: Annotated[list[str], Field(min_length=1), AfterValidator(_unique)] | None = None
    extrapolators: Annotated[list[str], Field(min_length=1), AfterValidator(_unique)]


class Evaluation(Section):
    """What the results are compared with."""

    full_data_scores: bool = True
    estimates: Annotated[list[Literal["cross_validation", "nested"]], AfterValidator(_unique)] = Field(
        default_factory=list, description="of the agreement, without the truth"
    )


class Config(Section):
    """One experiment."""

    experiment: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="letters, digits, _ . -; no _ . - first"
    )
    results: str = Field(min_length=1)
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_unique)]
    device: Literal["auto", "cpu", "cuda"]
    shards: int = Field(ge=1, description="parts that samples are split into")
    samples: Samples
    subset: Subset
    training: ScoreTraining
    checkpoints: Checkpoints
    scores: list[dict] = Field(min_length=1)
    embeddings: Embeddings
    neighbors: Neighbors
    extrapolation: list[dict] = Field(min_length=1)
    selection: Selection
    retraining: Recipe
    evaluation: Evaluation
    resources: dict[Literal["default", *STAGES], Resources]
    slurm: Slurm

    def asked_by(self, stage: str) -> Resources:
        """Return what the jobs of a stage ask for, the default's where the stage sets nothing."""
        own = self.resources[stage].model_dump(exclude_none=True) if stage in self.resources else {}
        return self.resources["default"].model_copy(update=own)

    def path(self, name: str) -> str:
        """Return where a file of this experiment lies."""
        return f"{self.results}/{self.experiment}/{name}"

    def score(self, name: str) -> dict:
        """Return a score's name and options."""
        return next(score for score in self.scores if score["name"] == name)

    def recipes(self) -> dict[str, dict]:
        """Return the recipe of each training that a score is computed from, by its name in paths."""
        named = {score["training"] for score in self.scores}
        trainings = self.training.by_name().items()
        return {name: training.model_dump(exclude={"variants"}) for name, training in trainings if name in named}

    def records(self, recipe: str) -> list[str]:
        """Return what a training notes of its samples: all that the scores computed from it read."""
        scores = [score["name"] for score in self.scores if score["training"] == recipe]
        stepped_up = {STEP_UP_RECORD} if any(entry["step_up"] for entry in self.extrapolation) else set()
        return sorted({method_constant("scores", score, "RECORD") for score in scores} | stepped_up)

    def extrapolators(self) -> dict[str, dict]:
        """Return name and options of each extrapolator by its label in paths, such as knn-20."""
        return {extrapolator_label(entry): entry for entry in self.extrapolation}

    def extrapolated(self) -> list[str]:
        """Return the labels of all extrapolated scores: of each extrapolator, and of `auto` if asked for."""
        return [*self.extrapolators(), *([AUTO] if AUTO in self.selection.extrapolators else [])]

    def needs(self, extrapolator: str) -> tuple[str, ...]:
        """Return the names of the tables that an extrapolator, given by its label, reads beside the subset's scores."""
        options = dict(self.extrapolators()[extrapolator])
        stepped_up = STEP_UP_NEEDS if options.pop("step_up") else ()
        needed = method_options("extrapolators", options.pop("name"))(**options).needs()
        return tuple(dict.fromkeys([*needed, *stepped_up]))

    def split(self, extrapolator: str) -> str | None:
        """Return how an extrapolator, given by its label, is split into shards: ``samples``, ``layers`` or None."""
        if self.shards == 1:
            return None
        return method_constant("extrapolators", self.extrapolators()[extrapolator]["name"], "SHARDS")

    def largest_k(self, scope: str, part: str) -> int:
        """Return how many neighbours to search for: once, at the maximum of the extrapolators that read this scope."""
        names = {f"neighbors/{scope}"}
        if universe(part) != EVERYTHING:
            # Within a subset, those who learn a step there; all, where estimates have them extrapolate there too.
            names = {f"nested/neighbors/{scope}"} | (names if "nested" in self.evaluation.estimates else set())
        ks = [entry["k"] for label, entry in self.extrapolators().items() if names & set(self.needs(label))]
        return max(ks, default=0)


def read_config(raw: dict, origin: Callable[[tuple], str] = lambda location: "config") -> Config:
    """Validate a merged config.

    Parameters
    ----------
    raw : dict
        As loaded from YAML.
    origin : callable
        location -> the file (or option) that set the value there; it begins each sentence.

    Returns
    -------
    Config
        With every default filled in, those of the methods' own options too.

    Raises
    ------
    InputFault
        One sentence a line for every fault: where, what was found, what is allowed.
    """
    faults: list[tuple[tuple, str]] = []
    complete = fill_in_methods(fill_in_recipes(raw), faults)
    config = validate(Config, complete, (), faults)
    faults += find_contradictions(_sound_sections(complete, faults))
    faulty = {location for location, _ in faults}
    faults = [(location, text) for location, text in faults if not told_of_training(location, raw, faulty)]
    if faults:
        raise InputFault("\n".join(dict.fromkeys(f"{origin(at)}: {dotted(at)} {text}" for at, text in faults)))
    return config


def _sound_sections(complete: dict, faults: list) -> dict:
    """Return the validated values of the keys that have no fault."""
    faulty = {location[0] for location, _ in faults}
    fields = {key: (field.annotation, field) for key, field in Config.model_fields.items() if key not in faulty}
    sound = pydantic.create_model("Sound", __base__=Section, **fields)
    return dict(sound.model_validate({key: complete[key] for key in fields}))
