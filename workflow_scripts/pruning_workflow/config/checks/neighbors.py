"""A search that has one index of all samples is not split into shards."""

from ..messages import Faults


def find(sound) -> Faults:
    """Yield the method of search that has no shards."""
    method = sound.neighbors and sound.neighbors.method
    if (sound.shards or 1) > 1 and method in ("pynndescent", "ivf"):
        text = f"= {method} has one index of all samples, in one job, and shards is {sound.shards}; write exact or auto"
        yield ("neighbors", "method"), text
