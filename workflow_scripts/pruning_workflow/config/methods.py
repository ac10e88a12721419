"""What a config says of a method: {name, all its options}; its name in paths, what it reads, where methods stand."""

import re
from functools import cache

import pydantic
from pydantic import Field

from score_extrapolation.plugins import Section, method_constant, method_options

from .values import Names, TrainingName

# Where lists of methods stand in a config, by the kind of the methods; and the methods of a recipe.
LISTS = {
    "scores": ("scores",),
    "training_free": ("training_free", "methods"),
    "extrapolators": ("extrapolation",),
    "selection": ("selection", "methods"),
    "exports": ("export", "formats"),
}
OF_RECIPE = {"models": "model", "paradigms": "paradigm"}
AUTO = "auto"  # the extrapolator that is chosen by estimates


class OfEveryScore(Section):
    """What every score has beside its own options."""

    training: TrainingName = Field("base", description="training whose dynamics it is computed from")


class OfEveryExtrapolator(Section):
    """What every extrapolator has beside its own options."""

    step_up: bool = Field(False, description="whether the subset's scores are stepped up first")


class OfEverySelection(Section):
    """What every selection method has beside its own options."""

    scores: Names | None = Field(None, description="scores that it prunes by; null: those of selection")
    extrapolators: Names | None = Field(None, description="extrapolators that it prunes by; null: those of selection")
    full_data_scores: bool = Field(True, description="whether it prunes by full-data scores too, to compare with")


OF_EVERY: dict[str, type[Section]] = {
    "scores": OfEveryScore,
    "extrapolators": OfEveryExtrapolator,
    "selection": OfEverySelection,
}


@cache
def all_options(kind: str, name: str) -> type[Section]:
    """Return the class of a method's options, those of every method of its kind among them."""
    own = method_options(kind, name)
    return pydantic.create_model("Options", __base__=(OF_EVERY[kind], own)) if kind in OF_EVERY else own


def own_options(kind: str, entry: dict) -> dict:
    """Return the options of an entry that are of its method alone: no name, and none of every method of its kind."""
    shared = OF_EVERY[kind].model_fields if kind in OF_EVERY else ()
    return {key: value for key, value in entry.items() if key != "name" and key not in shared}


def options_of(kind: str, entry: dict):
    """Return the options of an entry as an instance of its method's ``Options``."""
    return method_options(kind, entry["name"])(**own_options(kind, entry))


def extrapolator_label(entry: dict) -> str:
    """Return the name of an extrapolator in paths: its k, and whatever else is not as it is by default.

    knn with k = 20 is knn-20, with uniform weights knn-20-uniform, with neighbours of the same label knn-20-same_label,
    of scores that were stepped up knn-20-step_up.

    Parameters
    ----------
    entry : dict
        Its name and all its options.
    """
    words = [str(entry["k"])] if "k" in entry else []
    changed = _changed_options("extrapolators", entry)
    words += [_option_label(option, value) for option, value in changed.items() if option != "k"]
    return "-".join([entry["name"], *words, *(["step_up"] if entry["step_up"] else [])])


def candidate_label(entry: dict) -> str:
    """Return the name in paths of a selection method that is tried: whatever is not as it is by default.

    chance is chance, with another floor chance-floor_0.7.

    Parameters
    ----------
    entry : dict
        Its name and all its options.
    """
    changed = _changed_options("selection", entry)
    return "-".join([entry["name"], *(_option_label(option, value) for option, value in changed.items())])


def _changed_options(kind: str, entry: dict) -> dict:
    """Return those of its own options that a method does not have by default."""
    fields = method_options(kind, entry["name"]).model_fields.items()
    return {name: entry[name] for name, field in fields if entry[name] != field.get_default(call_default_factory=True)}


def _option_label(name: str, value) -> str:
    """Return what tells of an option in paths: a text by itself, true as its name, a number after it."""
    if isinstance(value, bool) or value is None:
        return name if value else f"no_{name}"
    text = value if isinstance(value, str) else f"{name}_{value}"
    return re.sub("[^a-z0-9.]+", "_", text.lower()).strip("_")


def candidates_of(method: dict) -> list[dict]:
    """Return the methods among which a selection method is chosen by trials; none of one that is not."""
    return method["candidates"] if method_constant("selection", method["name"], "TRIED") else []


def needs_of_selection(method: dict) -> tuple[str, ...]:
    """Return the names of the tables that a selection method reads beside scores.

    Of one that is chosen by trials, all that its candidates read.
    """
    if candidates := candidates_of(method):
        return tuple(dict.fromkeys(name for candidate in candidates for name in needs_of_selection(candidate)))
    options = options_of("selection", method)
    return options.needs() if hasattr(options, "needs") else ()


def is_unsupervised(training) -> bool:
    """Say whether a training, a `recipe.Recipe`, finds classes in embeddings instead of learning those of images."""
    return method_constant("paradigms", training.paradigm["name"], "ENGINE") == "turtle"
