"""Checks of what no single value shows: values that contradict each other, or the methods that they name.

Each module checks one subject: its ``find(sound)`` yields (location, text) of each contradiction. `sound` has the
sections of the config as attributes. A section that has a fault of its own is None there; nothing is compared with it.
"""

from types import SimpleNamespace

from ..messages import Faults
from . import (
    embeddings,
    evaluation,
    labels,
    neighbors,
    pool,
    repeats,
    resources,
    samples,
    scores,
    selection,
    subset,
    training,
    trials,
    unlabelled,
    unsupervised,
)

SUBJECTS = (
    repeats,
    samples,
    subset,
    training,
    unsupervised,
    scores,
    embeddings,
    neighbors,
    selection,
    trials,
    evaluation,
    unlabelled,
    labels,
    pool,
    resources,
)


def find_contradictions(sound: SimpleNamespace) -> Faults:
    """Yield (location, text) of each contradiction among the sections that have no fault of their own."""
    for subject in SUBJECTS:
        yield from subject.find(sound)
