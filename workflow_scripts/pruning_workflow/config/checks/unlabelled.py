"""Of images without labels, labels can only be found; `labels` tells of the methods that read some."""

from score_extrapolation.plugins import method_constant

from ..messages import Faults
from ..methods import is_unsupervised

NONE = "samples.labelled is false"


def find(sound) -> Faults:
    """Yield what needs labels that the images do not have."""
    if not sound.samples or sound.samples.labelled:
        return
    yield from _in_samples(sound.samples)
    yield from _in_trainings(sound)
    if sound.retraining and sound.retraining.labels == "given":
        yield ("retraining", "labels"), f"= given, and {NONE}; write found"
    if sound.evaluation and sound.evaluation.neighborhoods:
        text = f"compares the labels of neighbours, and {NONE}; write null"
        yield ("evaluation", "neighborhoods"), f"= {sound.evaluation.neighborhoods} {text}"
    for i, method in enumerate(sound.training_free.methods if sound.training_free else []):
        option = method_constant("training_free", method["name"], "CLASSES_OPTION")
        if option and method[option] is None:
            text = f"is null, as many as there are classes, and {NONE}; write a number, such as 10"
            yield ("training_free", "methods", i, option), text


def _in_samples(samples) -> Faults:
    for split in ("validation", "test"):
        value = getattr(samples, split)
        if isinstance(value, float):
            text = f"splits off images without labels, whose accuracy nothing can tell, as {NONE}"
            yield ("samples", split), f"= {value} {text}; write the path of a set with labels, or null"
    if samples.wrong_labels is not None:
        text = f"= {samples.wrong_labels} replaces labels by wrong ones, and {NONE}; write null"
        yield ("samples", "wrong_labels"), text


def _in_trainings(sound) -> Faults:
    named = [score["training"] for score in sound.scores or []]
    for name, training in sound.training.by_name().items() if sound.training else ():
        location, paradigm = ("training", *(() if name == "base" else ("variants", name))), training.paradigm
        if name in named and not is_unsupervised(training):
            text = f"= {paradigm['name']} learns labels, and {NONE}; write {{name: unsupervised, classes: 10}}"
            yield (*location, "paradigm"), text
        elif name in named and paradigm["classes"] is None:
            text = f"is null, as many as there are labels, and {NONE}; write how many to look for, such as 10"
            yield (*location, "paradigm", "classes"), text
