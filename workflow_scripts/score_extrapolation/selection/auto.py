"""Try some methods within the subset and take the one whose list trains the best network there.

`training.trials` makes the trials: among the samples of the subset, whose scores are extrapolated from the part nested
in it, each candidate keeps the same share as will be kept of all. A fresh network is trained on what it keeps and
judged by the training images outside the subset. Nothing is read that is not known without full-data scores.
"""

from statistics import fmean

from pydantic import Field

from ..plugins import Section

SCORED = True
LABELLED = True
TRIED = True


class Options(Section):
    """What is tried, and how often."""

    candidates: list = Field(
        [
            {"name": "chance", "floor": 0.3, "start": "auto", "ridge": 1.0},
            {"name": "chance", "floor": 0.0, "start": "auto", "ridge": 1.0},
            {"name": "window", "start": "auto", "step": 0.05, "ridge": 1.0},
            {"name": "top"},
            {"name": "random"},
        ],
        description="selection methods, two or more, each as in selection.methods",
    )
    repeats: int = Field(1, ge=1, description="trainings of each candidate, of the same seeds for all")


def as_rows(trials: list[dict]) -> list[tuple[str, int, float]]:
    """Return (candidate, repeat, accuracy) of every training, of trials as files have them, in their order."""
    return [(trial["candidate"], repeat, one) for trial in trials for repeat, one in enumerate(trial["accuracies"])]


def mean_accuracies(trials: list[tuple[str, int, float]]) -> dict[str, float]:
    """Return the mean accuracy of each candidate, in 0..1, in the order in which they first come.

    Parameters
    ----------
    trials : list of (candidate, repeat, accuracy)
    """
    accuracies: dict[str, list[float]] = {}
    for candidate, _, accuracy in trials:
        accuracies.setdefault(candidate, []).append(accuracy)
    return {candidate: fmean(values) for candidate, values in accuracies.items()}


def choose(trials: list[tuple[str, int, float]]) -> str:
    """Return the candidate with the highest mean accuracy; of equal ones that which comes first.

    Parameters
    ----------
    trials : list of (candidate, repeat, accuracy)
        One or more.
    """
    means = mean_accuracies(trials)
    return max(means, key=means.__getitem__)
