"""The experiment's config: its keys, ranges and defaults, validated before anything runs, all faults at once.

Nothing here imports numpy or torch: the workflow is parsed for every command, dry runs included.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from .faults import InputFault
from .plugins import Section, method_constant, method_options
from .sentences import dotted, listed, shown, validate
from .shorthands import OptionalPaths, as_paths, fill_in_methods, fill_in_recipes, is_inherited
from .training.recipe import Optimizer, Recipe, Training

STAGES = (
    "samples",
    "subset",
    "training",
    "scores",
    "embeddings",
    "neighbors",
    "extrapolation",
    "selection",
    "retraining",
    "evaluation",
    "report",
)


def percent(fraction: float) -> str:
    """Return a fraction as the percentage that stands in paths: 0.2 -> "20", 0.025 -> "2.5"."""
    return f"{100 * fraction:.10g}"


def as_fraction(percentage: str) -> float:
    """Invert `percent`."""
    return float(percentage) / 100


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


def _repeated(values: list) -> str:
    """Return the fault of a list that has something twice, if so."""
    twice = [value for value in dict.fromkeys(values) if values.count(value) > 1]
    return f"has {listed(twice)} twice; give each once" if twice else ""


def _unique(values: list) -> list:
    if _repeated(values):
        raise ValueError(_repeated(values))
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


VariantName = Annotated[str, Field(pattern="^[a-z0-9_]+$", description="a-z 0-9 _")]


class ScoreTraining(Training):
    """The recipe that scores are computed from, and others that some scores name."""

    variants: dict[VariantName, Training] = Field(default_factory=dict)


class Checkpoints(Section):
    """When a training saves where it stands; at the end of either, and when it is told to stop."""

    minutes: float | None = Field(None, gt=0, description="minutes since the last")
    epochs: int | None = Field(None, ge=1, description="epochs since the last")


class Embeddings(Section):
    """How the embeddings are stored."""

    dtype: Literal["float32", "float16"] = "float32"


class Selection(Section):
    """What is pruned, how, and by whose scores."""

    rates: Annotated[list[Rate], Field(min_length=1), AfterValidator(_unique)]
    methods: list[dict] = Field(min_length=1)
    extrapolators: Annotated[list[str], Field(min_length=1), AfterValidator(_unique)]


class Evaluation(Section):
    """What the results are compared with."""

    full_data_scores: bool = True


class Resources(Section):
    """What a rule asks of the machine or the cluster."""

    threads: int | None = Field(None, ge=1, description="CPU threads")
    mem_mb: int | None = Field(None, ge=1, description="megabytes of host memory")
    runtime: int | None = Field(None, ge=1, description="minutes")
    gpu: int | None = Field(None, ge=0, description="GPUs")


class Config(Section):
    """One experiment."""

    experiment: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="letters, digits, _ . -; no _ . - first"
    )
    results: str = Field(min_length=1)
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_unique)]
    device: Literal["auto", "cpu", "cuda"]
    samples: Samples
    subset: Subset
    training: ScoreTraining
    checkpoints: Checkpoints
    scores: list[dict] = Field(min_length=1)
    embeddings: Embeddings
    extrapolation: list[dict] = Field(min_length=1)
    selection: Selection
    retraining: Recipe
    evaluation: Evaluation
    resources: dict[Literal["default", *STAGES], Resources]

    def score(self, name: str) -> dict:
        """Return a score's name and options."""
        return next(score for score in self.scores if score["name"] == name)

    def recipes(self) -> dict[str, dict]:
        """Return the recipe of each training that a score is computed from, by its name in paths."""
        base = self.training.model_dump(exclude={"variants"})
        all_recipes = {"base": base} | {name: variant.model_dump() for name, variant in self.training.variants.items()}
        return {name: all_recipes[name] for name in all_recipes if any(s["training"] == name for s in self.scores)}

    def records(self, recipe: str) -> list[str]:
        """Return what a training notes of its samples: all that the scores computed from it read."""
        scores = [score["name"] for score in self.scores if score["training"] == recipe]
        return sorted({method_constant("scores", score, "RECORD") for score in scores})

    def extrapolators(self) -> dict[str, dict]:
        """Return name and options of each extrapolator by its label in paths, such as knn-20."""
        return {extrapolator_label(entry): entry for entry in self.extrapolation}

    def largest_k(self) -> int:
        """Return the number of neighbours to search for: once, at the maximum."""
        return max((entry["k"] for entry in self.extrapolation if "k" in entry), default=0)


def extrapolator_label(entry: dict) -> str:
    """Return the name of an extrapolator in paths: knn with k = 20 is knn-20."""
    return f"{entry['name']}-{entry['k']}" if "k" in entry else entry["name"]


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
    faults += _contradictions(_sound_sections(complete, faults))
    if any(location[0] == "training" for location, _ in faults):
        faults = [(location, text) for location, text in faults if not is_inherited(location, raw)]
    if faults:
        raise InputFault("\n".join(dict.fromkeys(f"{origin(at)}: {dotted(at)} {text}" for at, text in faults)))
    return config


def _sound_sections(complete: dict, faults: list) -> dict:
    """Return the validated values of the keys that have no fault."""
    faulty = {location[0] for location, _ in faults}
    fields = {key: (field.annotation, field) for key, field in Config.model_fields.items() if key not in faulty}
    sound = pydantic.create_model("Sound", __base__=Section, **fields)
    return dict(sound.model_validate({key: complete[key] for key in fields}))


def _contradictions(sound: dict) -> Iterator[tuple[tuple, str]]:
    """Yield the faults that no single value shows, of those sections that have no other."""
    scores, extrapolation, selection = (sound.get(key) for key in ("scores", "extrapolation", "selection"))
    labels = [extrapolator_label(entry) for entry in extrapolation or []]
    for location, names in (
        (("scores",), [score["name"] for score in scores or []]),
        (("extrapolation",), labels),
        (("selection", "methods"), [method["name"] for method in selection.methods] if selection else []),
    ):
        if _repeated(names):
            yield location, _repeated(names)
    for i, score in enumerate(scores or [] if "training" in sound else []):
        variants, name = sound["training"].variants, score["training"]
        if name != "base" and name not in variants:
            known = listed(["base", *variants])
            yield ("scores", i, "training"), f"= {shown(name)} is no training; there are {known} (training.variants)"
            continue
        options = {key: value for key, value in score.items() if key not in ("name", "training")}
        needed = method_options("scores", score["name"])(**options).needed_epochs()
        key, epochs = "training.epochs", sound["training"].epochs
        if name != "base":
            key, epochs = f"training.variants.{name}.epochs", variants[name].epochs
        if epochs < needed:
            yield ("scores", i), f"= {shown(score)} needs {needed} epochs or more, but {key} is {epochs}"
    for i, label in enumerate(selection.extrapolators if selection and extrapolation else []):
        if label not in labels:
            yield ("selection", "extrapolators", i), f"= {shown(label)} is not computed; there are {listed(labels)}"
    for key in ("training", "retraining"):
        if key in sound:
            yield from _optimizer_contradictions(sound[key].optimizer, (key, "optimizer"))
    for name, variant in sound["training"].variants.items() if "training" in sound else ():
        if name == "base":
            yield ("training", "variants", name), "is the name of training itself; give it another"
        yield from _optimizer_contradictions(variant.optimizer, ("training", "variants", name, "optimizer"))
    for key in Resources.model_fields if "resources" in sound else ():
        if getattr(sound["resources"].get("default", Resources()), key) is None:
            yield ("resources", "default", key), "is missing; every stage that does not set it takes it from here"
    if "samples" in sound:
        yield from _channel_contradictions(sound["samples"])
        yield from _split_contradictions(sound["samples"])


def _optimizer_contradictions(optimizer: Optimizer, location: tuple) -> Iterator[tuple[tuple, str]]:
    for key in ("momentum", "nesterov"):
        value = getattr(optimizer, key)
        if value and optimizer.name != "sgd":
            text = f"= {shown(value)} is read by sgd only, and the optimizer is {optimizer.name}; leave it out"
            yield (*location, key), text
    if optimizer.nesterov and optimizer.name == "sgd" and not optimizer.momentum:
        yield (*location, "nesterov"), "= true needs a momentum above 0; set it, or leave nesterov out"


def _channel_contradictions(samples: Samples) -> Iterator[tuple[tuple, str]]:
    for key, limits in (("mean", "[0, 1]"), ("std", "(0, 1]")):
        values = getattr(samples, key) or []
        if not all(0 <= value <= 1 for value in values) or (0 in values and key == "std"):
            yield ("samples", key), f"= {shown(values)} is not in {limits}; pixels are scaled to 0..1"
        if values and samples.channels and len(values) != samples.channels:
            yield ("samples", key), f"= {shown(values)} is not one number for each of {samples.channels} channels"


def _split_contradictions(samples: Samples) -> Iterator[tuple[tuple, str]]:
    name = samples.dataset
    needs_path = method_constant("datasets", name, "NEEDS_PATH")
    if needs_path and samples.train is None:
        yield ("samples", "train"), f"is missing; {name} needs the path of its images"
    for split in ("train", "test", "validation"):
        value = getattr(samples, split)
        if isinstance(value, dict):
            yield from _held_out_contradictions(split, value)
        if isinstance(value, list) and not needs_path:
            yield ("samples", split), f"= {shown(value)} is a path, but {name} reads none; leave it out"
        if value == "given" and split != "train" and split not in method_constant("datasets", name, "SPLITS"):
            text = f"= given, but {name} has no {split} set of its own; write a path or a fraction such as 0.1"
            yield ("samples", split), text
    test, validation = ((v if isinstance(v, float) else 0) for v in (samples.test, samples.validation))
    if test + validation >= 1:
        text = f"= {validation} and samples.test = {test} leave no training images; lower one of them"
        yield ("samples", "validation"), text


def _held_out_contradictions(split: str, held_out: dict) -> Iterator[tuple[tuple, str]]:
    name, path, wanted = held_out["dataset"], held_out["path"], held_out["split"]
    splits, needs_path = (method_constant("datasets", name, constant) for constant in ("SPLITS", "NEEDS_PATH"))
    if needs_path and path is None:
        yield ("samples", split, "path"), f"is missing; {name} needs the path of its images"
    if path is not None and not needs_path:
        yield ("samples", split, "path"), f"= {shown(path)} is a path, but {name} reads none; leave it out"
    if len(splits) > 1 and wanted not in splits:
        text = f"= {shown(wanted)} is none of {listed(splits)}, the sets that {name} has; write one of them"
        yield ("samples", split, "split"), text
    if len(splits) == 1 and wanted != split:
        text = f"= {shown(wanted)} chooses nothing: {name} reads all that it finds; leave it out"
        yield ("samples", split, "split"), text
