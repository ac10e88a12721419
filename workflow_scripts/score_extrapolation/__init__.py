"""Score extrapolation: importance scores of a whole data set from a training on a small part of it.

The public names load on first use, so that importing the package costs nothing.
"""

import importlib

_HOME = {
    "ScoreRecorder": ".recorder",
    "score_dynamics": ".scores",
    "KNNExtrapolator": ".extrapolators.knn",
    "GNNExtrapolator": ".extrapolators.gnn",
    "HeldOutExtrapolator": ".extrapolators.held_out",
    "StepUp": ".extrapolators._step_up",
    "select": ".selection",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
