"""The subset: the part of the data set that is trained on for scores. How it is drawn is a file of this folder.

A sampler is a file with

- ``SCORE = "zcoreset"``, a literal, in those that go by training-free scores: which; none in others,
- ``LABELLED = True``, a literal, in those that read labels,
- ``class Options(Section)``: its settings,
- ``draw(n, m, seed, labels, scores)``, which returns m rows of 0..n-1, each once, in any order. Of the same seed,
  labels and scores fewer lie among more: the subset of a subset is what is drawn for the smaller share.

`labels` are (n,) int64, from 0, or None where there are none; `scores` are (n,) float64 or None.
"""

import numpy as np

from ..faults import InputFault
from ..plugins import load_method, method_constant


def draw_subset(n: int, fraction: float, seed: int, sampler: str = "random", labels=None, scores=None) -> np.ndarray:
    """Draw a subset without replacement.

    Parameters
    ----------
    n : int
        Samples in the data set.
    fraction : float
        In (0, 1]; 1 is everything, which draws nothing.
    seed : int
    sampler : str
        A file of this folder, e.g. ``"random"``.
    labels : (n,) int array, optional
        For samplers that tell classes apart.
    scores : (n,) float array, optional
        Higher = more important = drawn first; for samplers that go by scores.

    Returns
    -------
    (m,) int64
        Sorted rows, m = round(fraction * n). Of one seed, smaller subsets lie in larger ones of the same sampler.

    Raises
    ------
    InputFault
        m < 2: there is nothing to train on. Or there is no such sampler, or labels or scores that it reads are missing,
        more or fewer than n, or NaN.
    """
    module = load_method("subset", sampler)
    m = round(fraction * n)
    if m < 2:
        raise InputFault(
            f"subset: {fraction} of {n} samples are {m}, and a training needs 2 or more; raise subset.fractions, or "
            "subset.nested where it is a share of a subset"
        )
    if m == n:
        return np.arange(n)
    classes = None if labels is None else np.unique(_one_each("labels", labels, n), return_inverse=True)[1]
    if name := method_constant("subset", sampler, "SCORE"):
        if scores is None:
            raise InputFault(f"subset: {sampler} draws by scores, and there are none; give those of {name}")
        scores = _one_each("scores", np.asarray(scores, np.float64), n)
        if (is_nan := np.isnan(scores)).any():
            raise InputFault(
                f"subset: {is_nan.sum()} scores are NaN, the first in row {is_nan.argmax()}; none can be drawn by"
            )
    return np.sort(module.draw(n, m, seed, classes, scores))


def _one_each(name: str, values, n: int) -> np.ndarray:
    if len(values) != n:
        raise InputFault(f"subset: there are {len(values)} {name} for {n} samples; give one per sample")
    return np.asarray(values)
