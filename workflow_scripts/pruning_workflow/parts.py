"""Parts of the data set in paths: which samples are trained on, how they were drawn, and among which they lie.

``20`` is a random subset of 20 percent in all of the data set, ``20-stratified`` one that this sampler drew.
``10-within-20`` is the subset of 10 percent in that of 20, of the same seed, and nothing outside those 20 percent: a
smaller copy of the whole task, in which the answer is known; ``10-within-20-stratified`` the same of another sampler.
"""

from decimal import Decimal

_PERCENT = r"\d+(\.\d+)?"
_SAMPLER = "(-(?!within(-|$))[a-z][a-z0-9_]*)?"
SUBSET_PATTERN = f"{_PERCENT}{_SAMPLER}"
PATTERN = f"{_PERCENT}(-within-{_PERCENT})?{_SAMPLER}"
NOTHING = "0"  # scores that no training is needed for
EVERYTHING = "100"  # the subset that is all, but for a pool: full-data scores are its scores
RANDOM = "random"  # the sampler that goes without saying


def percent(fraction: float) -> str:
    """Return a fraction as the percentage that stands in paths: 0.2 -> "20", 0.025 -> "2.5"."""
    return f"{Decimal(f'{100 * fraction:.10g}'):f}"  # never 1e-05, which is no percentage to PATTERN


def as_fraction(percentage: str) -> float:
    """Invert `percent`."""
    return float(percentage) / 100


def subset_part(fraction: float, sampler: str) -> str:
    """Return the name of a subset: 0.2 and "random" -> "20", 0.2 and "stratified" -> "20-stratified"."""
    return _named(percent(fraction), sampler)


def size(part: str) -> str:
    """Return the percentage that is trained on: "10-within-20-stratified" -> "10"."""
    return part.split("-")[0]


def sampler(part: str) -> str:
    """Return who drew it: "10-within-20-stratified" -> "stratified", "20" -> "random"."""
    last = part.split("-")[-1]
    return last if last[0].isalpha() else RANDOM


def trained(part: str) -> str:
    """Return the subset that is trained on: "10-within-20" -> "10", "10-within-20-stratified" -> "10-stratified"."""
    return _named(size(part), sampler(part))


def universe(part: str) -> str:
    """Return the subset among which it lies: "10-within-20" -> "20", "20" -> "100"."""
    return _named(part.split("-")[2], sampler(part)) if is_within(part) else EVERYTHING


def is_within(part: str) -> bool:
    """Say whether it lies within a subset, and not among all samples: a pool's own images, 100, are such a subset."""
    return "within" in part.split("-")


def nested(part: str, share: float) -> str:
    """Return the part that is a share of this part's subset, within it: "20", 0.5 -> "10-within-20"."""
    smaller = percent(as_fraction(size(part)) * share)
    return _named(f"{smaller}-within-{size(part)}", sampler(part))


def _named(part: str, sampler: str) -> str:
    return part if sampler == RANDOM else f"{part}-{sampler}"
