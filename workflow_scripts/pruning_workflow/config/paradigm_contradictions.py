"""Faults of a config that come of paradigms: labels that are read where none are to be, attacks on no images."""

from collections.abc import Iterator

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_constant, method_names, method_options

from .messages import shown
from .shorthands import candidates_of, extrapolator_label, own_options

# Tables of what an extrapolator reads that only labels make, or only the networks of a training on images.
OF_LABELS = ("samples", "neighbors/label")
OF_IMAGES = ("predictions",)
Faults = Iterator[tuple[tuple, str]]


def find_in_paradigms(sound: dict) -> Faults:
    """Yield (location, text) of each contradiction, as `contradictions.find_contradictions`."""
    training, samples, evaluation = map(sound.get, ("training", "samples", "evaluation"))
    for location, recipe in recipes_of(training, sound.get("retraining")):
        yield from _in_paradigm(recipe.paradigm, location, samples)
    if sound.get("scores") and training:
        yield from _in_unsupervised(sound, sound["scores"], training)
    if samples and not samples.labelled:
        yield from _in_unlabelled(sound, samples)
    if evaluation and evaluation.robustness and samples and samples.test is None:
        yield ("evaluation", "robustness"), "attacks test images, and there are none; set samples.test, such as 0.25"


def recipes_of(training, retraining) -> Iterator[tuple]:
    """Yield (location, recipe) of each training of those that are sound."""
    if training:
        yield ("training",), training
        yield from ((("training", "variants", name), variant) for name, variant in training.variants.items())
    if retraining:
        yield ("retraining",), retraining


def is_unsupervised(training) -> bool:
    """Say whether a training, a `recipe.Recipe`, finds classes in embeddings instead of learning those of images."""
    return method_constant("paradigms", training.paradigm["name"], "ENGINE") == "turtle"


def needs_of_selection(method: dict) -> tuple[str, ...]:
    """Return the names of the tables that a selection method, name and options, reads beside scores.

    Of one that is chosen by trials, all that its candidates read.
    """
    if candidates := candidates_of(method):
        return tuple(dict.fromkeys(name for candidate in candidates for name in needs_of_selection(candidate)))
    options = method_options("selection", method["name"])(**own_options("selection", method))
    return options.needs() if hasattr(options, "needs") else ()


def _in_paradigm(paradigm: dict, location: tuple, samples) -> Faults:
    """What is kept is retrained on by a loop over its images, whose best epoch only held-out images can tell."""
    name, best_of, retrains = paradigm["name"], paradigm.get("best_of"), location == ("retraining",)
    if retrains and method_constant("paradigms", name, "ENGINE"):
        known = [one for one in method_names("paradigms") if not method_constant("paradigms", one, "ENGINE")]
        yield (*location, "paradigm"), f"= {name} is a way to score, not to retrain; write one of {listed(known)}"
    if best_of and not retrains:
        text = f"= {best_of}, but what is recorded for scores is of all epochs; leave it out, or set it in retraining"
        yield (*location, "paradigm", "best_of"), text
    if best_of and retrains and samples and samples.validation is None:
        text = f"= {best_of} validation images, and there are none; set samples.validation, such as 0.05"
        yield (*location, "paradigm", "best_of"), text


def _in_unsupervised(sound: dict, scores: list[dict], training) -> Faults:
    """What an unsupervised training reads must be there, and nothing else of its scores may read labels or images."""
    trainings = training.by_name()
    unsupervised = [name for name, recipe in trainings.items() if is_unsupervised(recipe)]
    used = [name for name in unsupervised if name in [score["training"] for score in scores]]
    networks = list(sound["embeddings"].networks()) if "embeddings" in sound else []
    for name in unsupervised if networks else ():
        location = ("training", *(() if name == "base" else ("variants", name)), "paradigm", "spaces")
        for i, space in enumerate(trainings[name].paradigm["spaces"]):
            if space not in networks:
                text = f"= {shown(space)} is no frozen network; there are {listed(networks)} (embeddings.others)"
                yield (*location, i), text
    labelled = "samples" not in sound or sound["samples"].labelled  # where not, _in_unlabelled tells of these two
    if used and labelled:
        yield from _in_what_reads_labels(sound, "the scores come of an unsupervised training")
    if used:
        yield from _in_found_labels(sound)
    for section, key in (("retraining", "labels"), ("evaluation", "classes")):
        value = getattr(sound[section], key) if section in sound else None
        if value not in (None, "given", []) and not used and labelled:
            text = f"= {shown(value)} is about labels that a training finds, and none does; set training.paradigm"
            yield (section, key), f"{text}: unsupervised, or leave it out"


def _in_unlabelled(sound: dict, samples) -> Faults:
    """Of images without labels, labels can only be found, and nothing else may read any."""
    none = "samples.labelled is false"
    for split in ("validation", "test"):
        if isinstance(getattr(samples, split), float):
            text = f"splits off images without labels, whose accuracy nothing can tell, as {none}"
            yield (
                ("samples", split),
                f"= {getattr(samples, split)} {text}; write the path of a set with labels, or null",
            )
    if samples.wrong_labels is not None:
        text = f"= {samples.wrong_labels} replaces labels by wrong ones, and {none}; write null"
        yield ("samples", "wrong_labels"), text
    trainings = sound["training"].by_name() if sound.get("training") else {}
    for name in [name for name in trainings if name in [score["training"] for score in sound.get("scores") or []]]:
        location, paradigm = ("training", *(() if name == "base" else ("variants", name))), trainings[name].paradigm
        if not is_unsupervised(trainings[name]):
            text = f"= {paradigm['name']} learns labels, and {none}; write {{name: unsupervised, classes: 10}}"
            yield (*location, "paradigm"), text
        elif paradigm["classes"] is None:
            text = f"is null, as many as there are labels, and {none}; write how many to look for, such as 10"
            yield (*location, "paradigm", "classes"), text
    if "retraining" in sound and sound["retraining"].labels == "given":
        yield ("retraining", "labels"), f"= given, and {none}; write found"
    if "evaluation" in sound and sound["evaluation"].neighborhoods:
        text = f"compares the labels of neighbours, and {none}; write null"
        yield ("evaluation", "neighborhoods"), f"= {sound['evaluation'].neighborhoods} {text}"
    for i, method in enumerate(_listed(sound, "training_free", "methods")):
        option = method_constant("training_free", method["name"], "CLASSES_OPTION")
        if option and method[option] is None:
            text = f"is null, as many as there are classes, and {none}; write a number, such as 10"
            yield ("training_free", "methods", i, option), text
    yield from _in_what_reads_labels(sound, none)


def _in_what_reads_labels(sound: dict, found: str) -> Faults:
    """What is scored without labels is extrapolated and pruned by without labels; `found` says why it is."""
    for i, entry in enumerate(sound.get("extrapolation") or []):
        options = method_options("extrapolators", entry["name"])(**own_options("extrapolators", entry))
        needs = [name.removeprefix("nested/") for name in options.needs()]
        label = extrapolator_label(entry)
        if set(needs) & set(OF_IMAGES):
            yield ("extrapolation", i), f"= {label} reads what networks say of images, and {found}; take knn or gnn"
        elif set(needs) & set(OF_LABELS):
            text = "leave out same_label, or write labels: false"
            yield ("extrapolation", i), f"= {label} reads labels, and {found}; {text}"
    named = [(("subset", "samplers", i), "subset", name) for i, name in enumerate(_listed(sound, "subset", "samplers"))]
    for i, method in enumerate(_listed(sound, "selection", "methods")):
        named.append((("selection", "methods", i), "selection", method["name"]))
        told = method_constant("selection", method["name"], "LABELLED")  # below
        without = method_constant("selection", method["name"], "NEEDS_OPTIONAL")
        if set(needs_of_selection(method)) & set(OF_LABELS) and not (told or without):
            text = "write a number instead of auto, or take another of"
            yield (
                ("selection", "methods", i),
                f"= {method['name']} reads labels, and {found}; {text} {listed(method_names('selection'))}",
            )
    for location, kind, name in named:
        if name in method_names(kind) and method_constant(kind, name, "LABELLED"):
            yield location, f"= {name} reads labels, and {found}; take another of {listed(method_names(kind))}"


def _in_found_labels(sound: dict) -> Faults:
    """Nothing can be told to be right or wrong of networks that learned classes without names, image by image."""
    retraining, evaluation = sound.get("retraining"), sound.get("evaluation")
    if not retraining or retraining.labels == "given":
        return
    text = "compares single images with their labels, and retraining.labels is found; write labels: given"
    if retraining.paradigm.get("best_of"):
        yield ("retraining", "paradigm", "best_of"), f"= {retraining.paradigm['best_of']} {text}, or best_of: null"
    if evaluation and evaluation.robustness:
        yield ("evaluation", "robustness"), f"{text}, or robustness: null"


def _listed(sound: dict, section: str, key: str) -> list:
    return getattr(sound[section], key) if section in sound else []
