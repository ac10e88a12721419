"""What is pruned by is computed, and no more is dropped than is pruned."""

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_constant

from ..messages import Faults, shown
from ..methods import AUTO, OfEverySelection, candidates_of, extrapolator_label


def find(sound) -> Faults:
    """Yield the contradictions between selection and what is computed."""
    if not sound.selection:
        return
    scores = [score["name"] for score in sound.scores or []]
    labels = [extrapolator_label(entry) for entry in sound.extrapolation or []]
    yield from _in_doubts(sound.selection, scores)
    yield from _in_dropped(sound.selection)
    yield from _in_pruned_by(sound.selection, scores, labels, sound.evaluation)


def _in_doubts(selection, scores: list[str]) -> Faults:
    """Another score that is read must be computed."""
    for i, method in enumerate(selection.methods):
        location, option = ("selection", "methods", i), method_constant("selection", method["name"], "DOUBT_OPTION")
        if option and scores and method[option] not in (None, *scores):
            yield (*location, option), f"= {shown(method[option])} is not computed; there are {listed(scores)}"


def _in_dropped(selection) -> Faults:
    """No more can be dropped than is pruned."""
    named: list[tuple[tuple, dict]] = []
    for i, method in enumerate(selection.methods):
        named.append((("selection", "methods", i), method))
        for place, candidate in enumerate(candidates_of(method)):
            named.append((("selection", "methods", i, "candidates", place), candidate))
    for location, method in named:
        share, least = method_constant("selection", method["name"], "DROPPED_OPTION"), min(selection.rates)
        # How much a number to keep removes shows when the samples are counted.
        if share and not isinstance(method[share], str) and method[share] > least and selection.keep is None:
            text = f"= {shown(method[share])} is more than selection.rates removes, {least}; lower it"
            yield (*location, share), text


def _in_pruned_by(selection, scores: list[str], labels: list[str], evaluation) -> Faults:
    """What all methods prune by, or one of them, must be computed; a method that reads no scores prunes by none."""
    estimates = evaluation.estimates if evaluation else []
    chosen: list[tuple] = [(("selection",), selection.scores, selection.extrapolators)]
    for i, method in enumerate(selection.methods):
        location = ("selection", "methods", i)
        if method_constant("selection", method["name"], "SCORED"):
            chosen.append((location, method["scores"], method["extrapolators"]))
            continue
        for key, field in OfEverySelection.model_fields.items():
            if method[key] != field.default:
                yield (*location, key), f"= {shown(method[key])}, but {method['name']} reads no scores; leave it out"
    for location, by_scores, by_extrapolators in chosen:
        if AUTO in (by_extrapolators or []) and labels and "nested" not in estimates:
            text = f"= {AUTO} chooses by nested estimates; add nested to evaluation.estimates"
            yield (*location, "extrapolators", by_extrapolators.index(AUTO)), text
        for key, names, computed in (
            ("scores", by_scores, scores),
            ("extrapolators", by_extrapolators, [*labels, AUTO] if labels else []),
        ):
            for i, name in enumerate(names or []):
                if computed and name not in computed:
                    yield (*location, key, i), f"= {shown(name)} is not computed; there are {listed(computed)}"
