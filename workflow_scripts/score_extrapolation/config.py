"""The experiment's config: its keys, ranges and defaults, validated before anything runs, all faults at once.

Nothing here imports numpy or torch: the workflow is parsed for every command, dry runs included.
"""

import difflib
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BeforeValidator, Field

from .faults import InputFault
from .plugins import Section, method_constant, method_names, method_options
from .training.recipe import Recipe, Training

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


def _paths(value):
    paths = [value] if isinstance(value, str) else value
    if isinstance(paths, list) and paths and all(isinstance(path, str) and path for path in paths):
        return paths
    raise ValueError("is no path; write a file, a folder, a glob or a list of them")


def _held_out(value):
    if value is None or value == "given" or (_is_number(value) and 0 < value < 1):
        return value
    if _is_number(value) or isinstance(value, bool):
        raise ValueError("is no fraction in (0, 1); write the part of the training images to split off, such as 0.1")
    return _paths(value)


def _rate(value):
    if _is_number(value) and 0 <= value < 1:
        return float(value)
    hint = f", write {value / 100:g}" if _is_number(value) and 1 < value < 100 else ", such as 0.5"
    raise ValueError(f"is not in [0, 1); a rate is the fraction removed{hint}")


def _subset_fraction(value):
    if _is_number(value) and 0 < value < 1:
        return float(value)
    if _is_number(value) and value == 1:
        raise ValueError("is the full data set, whose scores evaluation.full_data_scores asks for; give one below 1")
    hint = f", write {value / 100:g}" if _is_number(value) and 1 < value < 100 else ", such as 0.2"
    raise ValueError(f"is not in (0, 1); a subset fraction is the part that is trained on for scores{hint}")


def _unique(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("names something twice; give each once")
    return values


def _image_size(value):
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    if isinstance(value, list) and len(value) == 2 and all(isinstance(v, int) and v > 0 for v in value):
        return value
    raise ValueError("is no size; write the pixels of a square's side, or [height, width]")


Rate = Annotated[Any, BeforeValidator(_rate)]
SubsetFraction = Annotated[Any, BeforeValidator(_subset_fraction)]
HeldOut = Annotated[Any, BeforeValidator(_held_out)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="letters, digits, _ . -")]
Channels = Annotated[list[float], Field(min_length=1, max_length=3, description="one number per channel, in 0..1")]


class Samples(Section):
    """Where images and labels come from, and what they are made into."""

    dataset: str
    train: Annotated[Any, BeforeValidator(lambda value: None if value is None else _paths(value))] = None
    test: HeldOut = None
    validation: HeldOut = None
    options: dict = Field(default_factory=dict)
    image_size: Annotated[Any, BeforeValidator(_image_size)] = None
    fit: Literal["crop", "stretch"] = "crop"
    channels: Literal[1, 3] | None = None
    mean: Channels | None = None
    std: Channels | None = None
    on_bad_image: Literal["fail", "drop"] = "fail"
    split_seed: int = Field(0, ge=0)


class Subset(Section):
    """The random parts that are trained on for scores."""

    fractions: Annotated[list[SubsetFraction], Field(min_length=1), AfterValidator(_unique)]


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

    experiment: Name
    results: str = Field(min_length=1)
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(_unique)]
    device: Literal["auto", "cpu", "cuda"]
    samples: Samples
    subset: Subset
    training: Training
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
    filled = _fill_in_methods(_expand(raw), faults)
    config = _validate(Config, filled, (), faults)
    if config is not None and not faults:
        faults = _contradictions(config)
    if faults:
        unique = dict.fromkeys(f"{origin(location)}: {_dotted(location)} {text}" for location, text in faults)
        raise InputFault("\n".join(unique))
    return config


def _expand(raw: dict) -> dict:
    """Write out the shorthands: bare names, lists of k, a retraining recipe that holds only what differs."""

    def named(value):
        return {"name": value} if isinstance(value, str) else value

    def each(value, expand):
        return [item for entry in value for item in expand(named(entry))] if isinstance(value, list) else value

    def by_k(entry):
        ks = entry.get("k") if isinstance(entry, dict) else None
        return [{**entry, "k": k} for k in ks] if isinstance(ks, list) and ks else [entry]

    raw = dict(raw)
    for key in ("scores", "extrapolation"):
        if key in raw:
            raw[key] = each(raw[key], by_k if key == "extrapolation" else lambda entry: [entry])
    selection = raw.get("selection")
    if isinstance(selection, dict) and "methods" in selection:
        raw["selection"] = {**selection, "methods": each(selection["methods"], lambda entry: [entry])}
    training = raw.get("training")
    if isinstance(training, dict):
        training = {**training, **({"model": named(training["model"])} if "model" in training else {})}
        raw["training"] = training
        if isinstance(raw.get("retraining"), dict | None):
            own = raw.get("retraining") or {}
            shared = {key: value for key, value in training.items() if key != "recording"}
            merged = {**shared, **own}
            for key in ("optimizer", "augmentation"):
                if isinstance(shared.get(key), dict) and isinstance(own.get(key), dict):
                    merged[key] = {**shared[key], **own[key]}
            raw["retraining"] = {**merged, **({"model": named(merged["model"])} if "model" in merged else {})}
    return raw


def _fill_in_methods(raw: dict, faults: list) -> dict:
    """Validate each method's options by the method's own Options class and fill in their defaults."""

    def fill(kind: str, method, location: tuple):
        if not isinstance(method, dict) or not isinstance(method.get("name"), str):
            faults.append((location, f"names no method; give one of {_listed(method_names(kind))}"))
        elif method["name"] not in method_names(kind):
            faults.append((location, f"= '{method['name']}' is none of {_listed(method_names(kind))}"))
        else:
            given = {key: value for key, value in method.items() if key != "name"}
            options = _validate(method_options(kind, method["name"]), given, location, faults)
            return {"name": method["name"], **options.model_dump()} if options is not None else method
        return method

    def fill_list(kind: str, methods, location: tuple):
        if not isinstance(methods, list):
            return methods
        return [fill(kind, method, (*location, i)) for i, method in enumerate(methods)]

    raw = dict(raw)
    for key, kind in (("scores", "scores"), ("extrapolation", "extrapolators")):
        if key in raw:
            raw[key] = fill_list(kind, raw[key], (key,))
    for key, part, kind in (("training", "model", "models"), ("retraining", "model", "models")):
        if isinstance(raw.get(key), dict) and part in raw[key]:
            raw[key] = {**raw[key], part: fill(kind, raw[key][part], (key, part))}
    if isinstance(raw.get("selection"), dict) and "methods" in raw["selection"]:
        methods = fill_list("selection", raw["selection"]["methods"], ("selection", "methods"))
        raw["selection"] = {**raw["selection"], "methods": methods}
    samples = raw.get("samples")
    if isinstance(samples, dict) and isinstance(samples.get("dataset"), str):
        options = samples.get("options") or {}
        if samples["dataset"] not in method_names("datasets"):
            names = _listed(method_names("datasets"))
            faults.append((("samples", "dataset"), f"= '{samples['dataset']}' is none of {names}"))
        elif isinstance(options, dict):
            filled = _validate(method_options("datasets", samples["dataset"]), options, ("samples", "options"), faults)
            raw["samples"] = {**samples, "options": filled.model_dump() if filled is not None else {}}
    return raw


def _validate(model: type[Section], value, location: tuple, faults: list):
    """Return the validated section, or None after noting its faults below `location`."""
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        for entry in error.errors():
            faults.append(((*location, *entry["loc"]), _sentence(model, entry)))


def _sentence(model: type[Section], error: dict) -> str:
    """Say what one pydantic error means: what was found, what is allowed."""
    section, field = model, None
    for key in error["loc"]:
        field = (
            section.model_fields.get(key) if isinstance(section, type) and hasattr(section, "model_fields") else None
        )
        section = field.annotation if field else section
    hint = f" ({field.description})" if field is not None and field.description else ""
    if error["type"] == "extra_forbidden":
        parent = model
        for key in error["loc"][:-1]:
            annotation = getattr(parent, "model_fields", {}).get(key)
            parent = annotation.annotation if annotation else Resources if parent is not model else parent
        known = list(getattr(parent, "model_fields", {}))
        close = difflib.get_close_matches(str(error["loc"][-1]), known, 1)
        return f"is not a known key; {f'did you mean {close[0]}? ' if close else ''}known are {_listed(known)}"
    if error["type"] == "missing":
        return f"is missing{hint}; config.yaml shows it with a value"
    if error["type"] == "value_error":
        return f"= {error['input']!r} {error['ctx']['error']}"
    return f"= {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}{hint}"


def _listed(names) -> str:
    return ", ".join(names) or "none"


def _dotted(location: tuple) -> str:
    text = ""
    for key in location:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.lstrip(".")


def _contradictions(config: Config) -> list[tuple[tuple, str]]:
    """Return the faults that no single key shows."""
    faults = []

    def fault(text: str, *location):
        faults.append((location, text))

    for kind, names in (
        (("scores",), [score["name"] for score in config.scores]),
        (("extrapolation",), [extrapolator_label(entry) for entry in config.extrapolation]),
        (("selection", "methods"), [method["name"] for method in config.selection.methods]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            fault(f"names {name} twice; give each once", *kind)
    for i, score in enumerate(config.scores):
        options = {key: value for key, value in score.items() if key != "name"}
        needed = method_options("scores", score["name"])(**options).needed_epochs()
        if config.training.epochs < needed:
            fault(
                f"= {score['name']} with {options} needs at least {needed} training.epochs, found "
                f"{config.training.epochs}",
                "scores",
                i,
            )
    for i, label in enumerate(config.selection.extrapolators):
        if label not in config.extrapolators():
            fault(f"= '{label}' is none of {_listed(config.extrapolators())}", "selection", "extrapolators", i)
    for key in ("training", "retraining"):
        optimizer = getattr(config, key).optimizer
        if optimizer.name != "sgd" and (optimizer.momentum or optimizer.nesterov):
            fault(f"= {optimizer.name} reads no momentum and no nesterov; leave them out", key, "optimizer", "name")
        if optimizer.nesterov and not optimizer.momentum:
            fault("= True needs a momentum above 0", key, "optimizer", "nesterov")
    for channels in ("mean", "std"):
        values = getattr(config.samples, channels)
        if values is not None and not all(0 <= v <= 1 and (v > 0 or channels == "mean") for v in values):
            fault(f"= {values} is not in 0..1; pixels are scaled to 0..1", "samples", channels)
    return faults + _sample_contradictions(config.samples)


def _sample_contradictions(samples: Samples) -> list[tuple[tuple, str]]:
    faults = []
    needs_path = method_constant("datasets", samples.dataset, "NEEDS_PATH")
    if needs_path and samples.train is None:
        faults.append((("samples", "train"), f"is missing; {samples.dataset} needs the path of its images"))
    if not needs_path and samples.train is not None:
        faults.append((("samples", "train"), f"= {samples.train}, but {samples.dataset} takes no path; leave it out"))
    for split in ("test", "validation"):
        own = method_constant("datasets", samples.dataset, "SPLITS")
        if getattr(samples, split) == "given" and split not in own:
            text = f"= given, but {samples.dataset} carries no {split} set; write a path or a fraction such as 0.1"
            faults.append((("samples", split), text))
    split_off = [f for f in (samples.test, samples.validation) if isinstance(f, float)]
    if sum(split_off) >= 1:
        faults.append(
            (("samples", "validation"), f"= {samples.validation} and test = {samples.test} leave no training")
        )
    return faults
