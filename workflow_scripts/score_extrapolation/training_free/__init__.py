"""Scores of samples from embeddings alone, without training, one file each; higher = more important = kept.

A training-free score is a file of this folder with

- ``class Options(Section)``: its settings,
- ``CLASSES_OPTION = "clusters"``, a literal, where an option that is null stands for the number of classes,
- ``score(options, embeddings, n_classes, seed)``, which returns (n,) float64, finite: of (n, d) float embeddings with
  n, d >= 1, all finite, and of the number of classes of the data set. Random numbers come from `rng.derive_seed` alone,
  and the result does not depend on the number of threads, to the bit.
"""

import numpy as np

from ..faults import InputFault
from ..plugins import load_method, method_options


def score_embeddings(method: dict, embeddings: np.ndarray, n_classes: int, seed: int) -> np.ndarray:
    """Score samples by their embeddings.

    Parameters
    ----------
    method : dict
        ``{"name": ..., **options}``; the name is a file of this folder, e.g. ``"ssp"``.
    embeddings : (n, d) float array
        n, d >= 1. Of any float type; no common scale of all of them matters.
    n_classes : int
        Of the data set, >= 1.
    seed : int
        For methods that draw.

    Returns
    -------
    (n,) float32
        Higher = more important = kept.

    Raises
    ------
    InputFault
        No such score, there are no embeddings, or they are not finite.
    ValueError
        An option is unknown or out of range, or the embeddings are not (n, d).

    Notes
    -----
    Cost: of the method, see its file; here one pass that looks for what is not finite.
    """
    settings = {key: value for key, value in method.items() if key != "name"}
    module = load_method("training_free", method["name"])
    options = method_options("training_free", method["name"])(**settings)
    embeddings = np.asarray(embeddings)
    if embeddings.ndim != 2:
        raise ValueError(f"embeddings {embeddings.shape} are not (n, d)")
    if embeddings.size == 0:
        n, width = embeddings.shape
        raise InputFault(f"training_free: there are {n} embeddings, {width} wide; at least one of width 1 is needed")
    bad = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
    if len(bad):
        raise InputFault(
            f"training_free: {len(bad)} of {len(embeddings)} embeddings are infinite or NaN, the first in row {bad[0]};"
            " set embeddings.dtype: float32 and training.precision: float32"
        )
    return module.score(options, embeddings, n_classes, seed).astype(np.float32)
