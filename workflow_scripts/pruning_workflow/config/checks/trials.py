"""A selection method that is chosen by trials has what the trials need, and methods to choose from."""

from score_extrapolation.plugins import method_constant

from ..messages import Faults, repeated, shown
from ..methods import candidate_label


def find(sound) -> Faults:
    """Yield what is missing for trials: scores within the subset, no pool, a training that plain accuracy judges."""
    evaluation, samples, retraining = sound.evaluation, sound.samples, sound.retraining
    for i, method in enumerate(sound.selection.methods if sound.selection else []):
        name, location = method["name"], ("selection", "methods", i)
        if not method_constant("selection", name, "TRIED"):
            continue
        if evaluation and "nested" not in evaluation.estimates:
            yield location, f"= {name} tries methods on nested estimates; add nested to evaluation.estimates"
        if samples and samples.pool is not None:
            text = "tries methods on own images, and what is pruned is of samples.pool; name one method for it"
            yield location, f"= {name} {text}"
        if retraining and retraining.paradigm["name"] == "adversarial":
            text = "judges by plain accuracy, and retraining.paradigm is adversarial; name one method"
            yield location, f"= {name} {text}"
        yield from _in_candidates(method["candidates"], (*location, "candidates"))


def _in_candidates(candidates: list[dict], location: tuple) -> Faults:
    """Two or more different methods are tried, each of which keeps a list by one score or by none."""
    labels = [candidate_label(candidate) for candidate in candidates]
    if len(labels) < 2:
        yield location, f"= {shown(labels)} leaves no choice; give two methods or more"
    if repeated(labels):
        yield location, repeated(labels)
    for i, candidate in enumerate(candidates):
        name = candidate["name"]
        tried, redrawn, doubt = (
            method_constant("selection", name, constant) for constant in ("TRIED", "REDRAWN", "DOUBT_OPTION")
        )
        if tried:
            yield (*location, i), f"= {name} chooses among other methods; name one of those"
        elif redrawn:
            yield (*location, i), f"= {name} keeps no list that a trial could train on; leave it out"
        elif doubt and candidate[doubt] is not None:
            text = f"reads a second score, {doubt}: {candidate[doubt]}, and trials are made of one; leave it out"
            yield (*location, i), f"= {name} {text}"
