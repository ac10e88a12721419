"""What tests over all selection methods know of them: those that keep a list, and what each must be given for it."""

import numpy as np

from score_extrapolation.plugins import method_constant, method_names, method_options

METHODS = [
    name
    for name in method_names("selection")
    if not (method_constant("selection", name, "REDRAWN") or method_constant("selection", name, "TRIED"))
]
# Options with which they keep as many as any rate says.
OPTIONS = {"ccs": {"dropped": 0.0}, "window": {"start": 0.0}}
N_NEIGHBORS = 5
# What these keep at a higher rate need not lie in what they keep at a lower one.
NOT_NESTED = {"beta"}


def reads_doubts(method):
    """Say whether a method reads another score unless it is told not to."""
    option = method_constant("selection", method, "DOUBT_OPTION")
    return bool(option) and getattr(method_options("selection", method)(), option) is not None


def made_tables(ids):
    """Return tables that methods may need of samples with some ids, (n,) int64, increasing: the same each time."""
    rng = np.random.default_rng(7)
    nearest = ids[rng.integers(0, len(ids), (len(ids), N_NEIGHBORS))]
    distances = np.sort(rng.random((len(ids), N_NEIGHBORS), np.float32))
    return {"neighbors/all": {"sample_id": ids, "neighbor_ids": nearest, "neighbor_distances": distances}}


def tables_of(method, n):
    """Return the tables that a method needs of n samples, whose ids are rows."""
    options = method_options("selection", method)(**OPTIONS.get(method, {}))
    needed = options.needs() if hasattr(options, "needs") else ()
    return {name: table for name, table in made_tables(np.arange(n)).items() if name in needed}


def random_doubts(n):
    """Return (n,) float32 in [0, 1), the same each time."""
    return np.random.default_rng(9).random(n, np.float32)


def doubts_of(method, n):
    """Return the other score of n samples, where the method reads one; else None."""
    return random_doubts(n) if reads_doubts(method) else None
