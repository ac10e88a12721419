"""A frozen network has a name of its own."""

from ...names import PRETRAINED
from ..messages import Faults


def find(sound) -> Faults:
    """Yield the network that has the name of another."""
    if sound.embeddings and PRETRAINED in sound.embeddings.others:
        yield ("embeddings", "others", PRETRAINED), "is the name of embeddings.pretrained; give it another"
