"""From which number, or length, of trainings on a list on it pays to have made the list."""

import math
from typing import NamedTuple


class BreakEven(NamedTuple):
    """When a list pays that was made to train on it alone.

    Attributes
    ----------
    rate : float
        Fraction removed.
    list_s, everything_s, kept_s : float
        Seconds of machine time: of making the list, of a training on everything, and of the same on what is kept.
    trainings : int or None
        From so many on, the list and they take less than as many on everything; None: never.
    long_s : float or None
        A single training pays from so many seconds on everything on; None: never.
    """

    rate: float
    list_s: float
    everything_s: float
    kept_s: float
    trainings: int | None
    long_s: float | None


def break_even(rate: float, list_s: float, everything_s: float, kept_s: float) -> BreakEven:
    """Weigh what a list costs against what each training on it saves.

    Parameters
    ----------
    rate, list_s, everything_s, kept_s
        As of `BreakEven`.

    Returns
    -------
    BreakEven
        A longer training, of more epochs or a larger network, saves the share `rate` of what it takes.
    """
    saved = everything_s - kept_s
    trainings = max(1, math.ceil(list_s / saved)) if saved > 0 else None
    return BreakEven(rate, list_s, everything_s, kept_s, trainings, list_s / rate if rate > 0 else None)


def say_break_even(found: BreakEven) -> str:
    """Return it as a sentence."""
    if found.trainings is None or found.long_s is None:
        return (
            f"At a rate of {found.rate:.4g} a training on the list was not found to be shorter than one on everything, "
            f"{say_seconds(found.everything_s)}: so short a one is no reason to prune."
        )
    many = "one training" if found.trainings == 1 else f"{found.trainings:,} trainings"
    return (
        f"At a rate of {found.rate:.4g} the list costs {say_seconds(found.list_s)}, and a training on it for as many "
        f"epochs takes {say_seconds(found.kept_s)} instead of {say_seconds(found.everything_s)}: it pays from {many} "
        f"like that on, or for a single one that takes {say_seconds(found.long_s)} or longer on everything."
    )


def say_seconds(seconds: float) -> str:
    """Return a duration for people: 42 s, 3.5 min, 120 h."""
    unit_s, name = next((unit for unit in ((1, "s"), (60, "min")) if seconds < 100 * unit[0]), (3600, "h"))
    value = seconds / unit_s
    return f"{value:.1f} {name}" if value < 10 else f"{value:,.0f} {name}"
