"""A score names a training that there is, and that is long enough for it."""

from score_extrapolation.faults import listed

from ..messages import Faults, shown
from ..methods import options_of


def find(sound) -> Faults:
    """Yield the scores that cannot be computed from the training that they name."""
    trainings = sound.training.by_name() if sound.training else {}
    for i, score in enumerate(sound.scores or [] if trainings else []):
        name = score["training"]
        if name not in list(trainings):  # what was given may have no hash
            known = listed(trainings)
            yield ("scores", i, "training"), f"= {shown(name)} is no training; there are {known} (training.variants)"
            continue
        needed, epochs = options_of("scores", score).needed_epochs(), trainings[name].epochs
        if epochs < needed:
            key = "training.epochs" if name == "base" else f"training.variants.{name}.epochs"
            yield ("scores", i), f"= {shown(score['name'])} needs {needed} epochs or more, but {key} is {epochs}"
