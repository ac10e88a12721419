"""Parts of the data set in paths: which samples are trained on, and among which they lie.

``20`` is a subset of 20 percent in all of the data set. ``10-within-20`` is the subset of 10 percent in that of 20, of
the same seed, and nothing outside those 20 percent: a smaller copy of the whole task, in which the answer is known.
"""

from decimal import Decimal

PATTERN = r"\d+(\.\d+)?(-within-\d+(\.\d+)?)?"
EVERYTHING = "100"  # the subset that is all: full-data scores are its scores


def percent(fraction: float) -> str:
    """Return a fraction as the percentage that stands in paths: 0.2 -> "20", 0.025 -> "2.5"."""
    return f"{Decimal(f'{100 * fraction:.10g}'):f}"  # never 1e-05, which is no percentage to PATTERN


def as_fraction(percentage: str) -> float:
    """Invert `percent`."""
    return float(percentage) / 100


def trained(part: str) -> str:
    """Return the percentage that is trained on: "10-within-20" -> "10"."""
    return part.split("-within-")[0]


def universe(part: str) -> str:
    """Return the percentage among which it lies: "10-within-20" -> "20", "20" -> "100"."""
    return part.split("-within-")[1] if "-within-" in part else EVERYTHING


def nested(part: str, share: float) -> str:
    """Return the part that is a share of this part's subset, within it: "20", 0.5 -> "10-within-20"."""
    return f"{percent(as_fraction(trained(part)) * share)}-within-{trained(part)}"
