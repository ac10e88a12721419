"""Which samples are kept at a pruning rate, one file each.

A selection method is a file of this folder with

- ``SCORED = True``: whether it reads scores, a literal,
- ``class Options(Section)``: its settings,
- ``keep(options, n_kept, scores, labels, seed) -> (n_kept,) rows``, in any order.
"""

import numpy as np

from ..faults import InputFault
from ..plugins import load_method, method_options
from ..tables import rows_of


def count_kept(n: int, rate: float) -> int:
    """Return how many of `n` samples are kept: n - round(rate * n); `rate` is the fraction removed."""
    return n - round(rate * n)


def select(scores, rate: float, method: str = "top", labels=None, seed: int = 0, **options) -> np.ndarray:
    """Return the rows of the samples to keep.

    Parameters
    ----------
    scores : (n,) float array
        Higher = more important = kept. A method that reads none takes only their number.
    rate : float
        The fraction removed, in [0, 1).
    method : str
        A file of this folder, e.g. ``"top"``.
    labels : (n,) int array, optional
        For methods that balance classes.
    seed : int
        For methods that draw.
    **options
        The method's own.

    Returns
    -------
    (n_kept,) int64
        Sorted; n_kept = n - round(rate * n).

    Raises
    ------
    InputFault
        The rate is out of range, a score is NaN, or nothing would be kept.
    """
    scores = np.asarray(scores, np.float64)  # unsigned integers cannot be negated
    if not 0 <= rate < 1:
        hint = f", write {rate / 100:g}" if 1 < rate < 100 else ""
        raise InputFault(f"rate = {rate} is not in [0, 1); a rate is the fraction removed{hint}")
    if np.isnan(scores).any():
        raise InputFault(
            f"{np.isnan(scores).sum()} scores are NaN, the first in row {np.isnan(scores).argmax()}; none can be ranked"
        )
    n_kept = count_kept(len(scores), rate)
    if n_kept == 0:
        raise InputFault(f"rate = {rate} keeps none of {len(scores)} samples; lower it")
    module = load_method("selection", method)
    rows = module.keep(method_options("selection", method)(**options), n_kept, scores, labels, seed)
    return np.sort(rows)


def select_table(samples: dict, scores: dict | None, rate: float, method: dict, seed: int) -> dict[str, np.ndarray]:
    """Select by sample_id.

    Parameters
    ----------
    samples : dict
        Columns of `tables.SAMPLES`.
    scores : dict or None
        Columns sample_id and score for every sample; None for a method that reads none.
    rate, seed
        As in `select`.
    method : dict
        ``{"name": ..., **options}``.

    Returns
    -------
    dict
        Columns of `tables.KEPT`; score is NaN where the method read none.
    """
    if scores is None:
        values = np.zeros(len(samples["sample_id"]), np.float32)
    else:
        values = scores["score"][rows_of(scores["sample_id"], samples["sample_id"])]
    options = {key: value for key, value in method.items() if key != "name"}
    rows = select(values, rate, method["name"], samples["label"], seed, **options)
    kept = {name: samples[name][rows] for name in ("sample_id", "label", "source")}
    return {**kept, "score": values[rows] if scores is not None else np.full(len(rows), np.nan, np.float32)}
