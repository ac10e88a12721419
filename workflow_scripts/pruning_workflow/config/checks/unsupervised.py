"""An unsupervised training has the networks whose embeddings it reads, and nothing asks for what it cannot tell."""

from score_extrapolation.faults import listed

from ..messages import Faults, shown
from ..methods import is_unsupervised


def trainings_without_labels(sound) -> list[str]:
    """Return the names of the unsupervised trainings that a score is computed from, where both are sound."""
    trainings = sound.training.by_name() if sound.training else {}
    named = [score["training"] for score in sound.scores or []]
    return [name for name, recipe in trainings.items() if is_unsupervised(recipe) and name in named]


def find(sound) -> Faults:
    """Yield what an unsupervised training lacks, and what is about classes that none finds or cannot name."""
    if not (sound.scores and sound.training):
        return
    yield from _in_spaces(sound)
    if trainings_without_labels(sound):
        yield from _in_found_labels(sound.retraining, sound.evaluation)
    elif sound.samples is None or sound.samples.labelled:  # where not, unlabelled.py tells
        yield from _in_labels_of_none(sound)


def _in_spaces(sound) -> Faults:
    networks = list(sound.embeddings.networks()) if sound.embeddings else []
    for name, recipe in sound.training.by_name().items():
        location = ("training", *(() if name == "base" else ("variants", name)), "paradigm", "spaces")
        for i, space in enumerate(recipe.paradigm["spaces"] if networks and is_unsupervised(recipe) else []):
            if space not in networks:
                text = f"= {shown(space)} is no frozen network; there are {listed(networks)} (embeddings.others)"
                yield (*location, i), text


def _in_found_labels(retraining, evaluation) -> Faults:
    """Nothing can be told to be right or wrong of networks that learned classes without names, image by image."""
    if not retraining or retraining.labels == "given":
        return
    text = "compares single images with their labels, and retraining.labels is found; write labels: given"
    if retraining.paradigm.get("best_of"):
        yield ("retraining", "paradigm", "best_of"), f"= {retraining.paradigm['best_of']} {text}, or best_of: null"
    if evaluation and evaluation.robustness:
        yield ("evaluation", "robustness"), f"{text}, or robustness: null"


def _in_labels_of_none(sound) -> Faults:
    for section, key in (("retraining", "labels"), ("evaluation", "classes")):
        value = getattr(getattr(sound, section), key, None)
        if value not in (None, "given", []):
            text = f"= {shown(value)} is about labels that a training finds, and none does; set training.paradigm"
            yield (section, key), f"{text}: unsupervised, or leave it out"
