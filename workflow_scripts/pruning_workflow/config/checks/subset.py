"""Subsets are drawn by samplers that there are, and pruned by only where they are drawn."""

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_names

from ..messages import Faults, shown


def find(sound) -> Faults:
    """Yield samplers that are not there, and what selection prunes by without its being drawn."""
    if not sound.subset:
        return
    known = method_names("subset")
    for i, name in enumerate(sound.subset.samplers):
        if name not in known:
            yield ("subset", "samplers", i), f"= {shown(name)} is none of {listed(known)}"
    for key in ("fractions", "samplers"):
        drawn = getattr(sound.subset, key)
        for i, chosen in enumerate(getattr(sound.selection, key, None) or []):
            if chosen not in drawn:
                text = f"= {shown(chosen)} is none of subset.{key}; there are {listed(drawn)}"
                yield ("selection", key, i), text
