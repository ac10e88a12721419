"""Score extrapolation: importance scores of a whole data set from a training on a small part of it.

Scores of a part's samples come from a training loop of your own (`ScoreRecorder`) or from stored softmax outputs
(`score_dynamics`); `KNNExtrapolator`, `GNNExtrapolator` or `HeldOutExtrapolator` score all other samples, and `StepUp`
says what a training on everything would give; `select` says which to keep. What is bad in your data is an `InputFault`,
one sentence. The names load on first use, so that importing the package costs nothing.
"""

import importlib

_HOME = {
    "ScoreRecorder": ".score_recorder",
    "score_dynamics": ".scores",
    "KNNExtrapolator": ".extrapolators.knn",
    "GNNExtrapolator": ".extrapolators.gnn",
    "HeldOutExtrapolator": ".extrapolators.held_out",
    "StepUp": ".extrapolators._step_up",
    "select": ".selection",
    "InputFault": ".faults",
}
__all__ = list(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
