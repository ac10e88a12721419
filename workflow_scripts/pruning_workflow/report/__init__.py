"""Figures and contact sheets for people. Here: the names that people read; nothing heavy, the workflow imports it."""

from ..names import COMPUTED, PRETRAINED, RANDOM, SPACES, Arm, Part

NO_PRUNING = "no pruning"
SHEETS = {
    "highest": "highest scores",
    "lowest": "lowest scores",
    "overestimated": "most overestimated",
    "underestimated": "most underestimated",
}
# How long is trained on what is kept.
BUDGETS = {"epochs": "as many epochs as without pruning", "steps": "as many steps as without pruning"}
NAMES = {"computed": "full data", "auto": "auto", "zcoreset": "ZCoreSet"}


def method_label(name: str) -> str:
    """Return how a method's name in paths is written for people: knn-10 is KNN k=10, held_out is held out.

    Names of up to four letters are taken for acronyms, but for auto.
    """
    if name in NAMES:
        return NAMES[name]
    name, k, options = split_label(name)
    words = [name.upper() if len(name) <= 4 else name, *([] if k is None else [f"k={k}"]), *options]
    return " ".join(words).replace("_", " ")


def split_label(label: str) -> tuple[str, int | None, tuple[str, ...]]:
    """Take a method's name in paths apart: knn-10-uniform is ("knn", 10, ("uniform",)); k is None where it has none."""
    name, *options = label.split("-")
    k = int(options.pop(0)) if options and options[0].isdecimal() else None
    return name, k, tuple(options)


def family(label: str) -> str:
    """Return the label of an extrapolator without its k: knn-10-uniform is of knn-uniform."""
    name, _, options = split_label(label)
    return "-".join([name, *options])


def subset_label(part: Part) -> str:
    """Return the name of a subset: 20 is 20 % subset, 20-stratified is 20 % stratified subset."""
    drawn = [] if part.sampler == RANDOM else [method_label(part.sampler)]
    return " ".join([f"{part.percent} %", *drawn, "subset"])


def scores_label(score: str, extrapolator: str, part: Part, seed: str | None = None) -> str:
    """Return the name of a set of scores, such as ``DU, KNN k=10, 20 % subset, seed 0``."""
    if extrapolator in SPACES:
        names = (embeddings_label(extrapolator, part),)
    else:
        names = (method_label(extrapolator), *(() if extrapolator == COMPUTED else (subset_label(part),)))
    return ", ".join((method_label(score), *names, *(() if seed is None else (f"seed {seed}",))))


def embeddings_label(space: str, part: Part) -> str:
    """Return whose embeddings a score reads that comes of no training."""
    return "pretrained embeddings" if space == PRETRAINED else f"embeddings of the {subset_label(part)}"


def arm_label(arm: Arm) -> str:
    """Return the name of an arm; the method `top` goes without saying.

    ``random`` is random, ``top/du/knn-10/fraction-20`` is DU, KNN k=10, 20 % subset.
    """
    if not (arm.score and arm.extrapolator and arm.part):
        return method_label(arm.method)
    scores = scores_label(arm.score, arm.extrapolator, arm.part)
    return scores if arm.method == "top" else f"{method_label(arm.method)}: {scores}"


def with_budget(text: str, budget: str, budgets) -> str:
    """Return a title and, below it, how long was trained on what is kept; of epochs alone that goes without saying."""
    return text if set(budgets) <= {"epochs"} else "\n".join(filter(None, (text, BUDGETS[budget])))
