"""A list of methods has each of them once; extrapolators that differ in an option are different ones."""

from ..messages import Faults, repeated
from ..methods import LISTS, extrapolator_label


def find(sound) -> Faults:
    """Yield the lists that have something twice."""
    for kind, location in LISTS.items():
        section = getattr(sound, location[0])
        entries = section if len(location) == 1 else getattr(section, location[1], None)
        names = [extrapolator_label(one) if kind == "extrapolators" else one["name"] for one in entries or []]
        if repeated(names):
            yield location, repeated(names)
