"""Figures and contact sheets for people. Here: the names that people read; nothing heavy, the workflow imports it."""

NO_PRUNING = "no pruning"
SHEETS = {
    "highest": "highest scores",
    "lowest": "lowest scores",
    "overestimated": "most overestimated",
    "underestimated": "most underestimated",
}


def method_label(name: str) -> str:
    """Return how a method's name in paths is written for people: knn-10 is KNN k=10, held_out is held out.

    Names of up to four letters are taken for acronyms, but for auto.
    """
    if name == "computed":
        return "full data"
    name, k, options = split_label(name)
    words = [name.upper() if len(name) <= 4 and name != "auto" else name, *([] if k is None else [f"k={k}"]), *options]
    return " ".join(words).replace("_", " ")


def split_label(label: str) -> tuple[str, int | None, tuple[str, ...]]:
    """Take a method's name in paths apart: knn-10-uniform is ("knn", 10, ("uniform",)); k is None where it has none."""
    name, *options = label.split("-")
    k = int(options.pop(0)) if options and options[0].isdecimal() else None
    return name, k, tuple(options)


def scores_label(score: str, extrapolator: str, fraction: str, seed: str | None = None) -> str:
    """Return the name of a set of scores, such as ``DU, KNN k=10, 20 % subset, seed 0``; fraction in percent."""
    subset = () if extrapolator == "computed" else (f"{fraction} % subset",)
    return ", ".join(
        (method_label(score), method_label(extrapolator), *subset, *(() if seed is None else (f"seed {seed}",)))
    )


def arm_label(arm: str) -> str:
    """Return the name of an arm; the method `top` goes without saying.

    ``random`` is random, ``top/du/knn-10/fraction-20`` is DU, KNN k=10, 20 % subset.
    """
    method, *scored_by = arm.split("/")
    if not scored_by:
        return method_label(method)
    score, extrapolator, fraction = scored_by
    scores = scores_label(score, extrapolator, fraction.removeprefix("fraction-"))
    return scores if method == "top" else f"{method_label(method)}: {scores}"
