"""Keep the highest scores of each class, so that pruning leaves the shares of the classes as they are."""

from ..plugins import Section
from ..shares import share_out
from ._highest import keep_highest

SCORED = True
LABELLED = True


class Options(Section):
    """None."""


def keep(options: Options, n_kept: int, samples, seed):
    """Keep n_kept samples, of each class its highest scores: the same share of every class, rounded up.

    What counts is the share of a sample's class that is before it, 0 for the highest score; the least are kept, of
    equal ones those with the higher score, then the lower row. So every class keeps its first sample while there are
    as many places as classes, and what is kept of fewer lies in what is kept of more, which the share of each class
    rounded for each rate by itself would not guarantee.
    """
    return keep_highest(samples, *share_out(n_kept, samples.class_sizes()))
