"""Keep the highest scores."""

from ..plugins import Section
from ._highest import keep_highest

SCORED = True


class Options(Section):
    """None."""


def keep(options: Options, n_kept: int, samples, seed):
    """Keep the n_kept highest scores; among equal scores the lower row."""
    return keep_highest(samples, n_kept)
