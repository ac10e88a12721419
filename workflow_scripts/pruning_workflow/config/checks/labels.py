"""What is scored without labels is extrapolated and pruned by without labels."""

from dataclasses import replace

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_constant, method_names

from ...names import Table
from ..messages import Faults
from ..methods import extrapolator_label, needs_of_selection, options_of
from .unsupervised import trainings_without_labels

# Tables of what a method reads that only labels make, or only the networks of a training on images.
OF_LABELS = {"samples", "neighbors/label"}
OF_IMAGES = {"predictions"}


def find(sound) -> Faults:
    """Yield the methods that read labels where nothing may."""
    if sound.samples and not sound.samples.labelled:
        reason = "samples.labelled is false"
    elif trainings_without_labels(sound):
        reason = "the scores come of an unsupervised training"
    else:
        return
    yield from _in_extrapolation(sound.extrapolation or [], reason)
    yield from _in_samplers(sound.subset.samplers if sound.subset else [], reason)
    yield from _in_selection(sound.selection.methods if sound.selection else [], reason)


def _in_extrapolation(extrapolation: list[dict], reason: str) -> Faults:
    for i, entry in enumerate(extrapolation):
        tables = map(Table.parse, options_of("extrapolators", entry).needs())
        needs = {str(replace(table, nested=0)) for table in tables}
        label = extrapolator_label(entry)
        if needs & OF_IMAGES:
            yield ("extrapolation", i), f"= {label} reads what networks say of images, and {reason}; take knn or gnn"
        elif needs & OF_LABELS:
            text = "leave out same_label, or write labels: false"
            yield ("extrapolation", i), f"= {label} reads labels, and {reason}; {text}"


def _in_samplers(samplers: list[str], reason: str) -> Faults:
    for i, name in enumerate(samplers):
        if name in method_names("subset") and method_constant("subset", name, "LABELLED"):
            text = f"reads labels, and {reason}; take another of {listed(method_names('subset'))}"
            yield ("subset", "samplers", i), f"= {name} {text}"


def _in_selection(methods: list[dict], reason: str) -> Faults:
    for i, method in enumerate(methods):
        name = method["name"]
        labelled, optional = (method_constant("selection", name, key) for key in ("LABELLED", "NEEDS_OPTIONAL"))
        others = listed(method_names("selection"))
        if labelled:
            yield ("selection", "methods", i), f"= {name} reads labels, and {reason}; take another of {others}"
        elif set(needs_of_selection(method)) & OF_LABELS and not optional:
            text = f"reads labels, and {reason}; write a number instead of auto, or take another of {others}"
            yield ("selection", "methods", i), f"= {name} {text}"
