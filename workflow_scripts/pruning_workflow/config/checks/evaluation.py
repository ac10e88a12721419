"""Attacks are made on test images."""

from ..messages import Faults


def find(sound) -> Faults:
    """Yield attacks on images that there are not."""
    evaluation, samples = sound.evaluation, sound.samples
    if evaluation and evaluation.robustness and samples and samples.test is None:
        yield ("evaluation", "robustness"), "attacks test images, and there are none; set samples.test, such as 0.25"
