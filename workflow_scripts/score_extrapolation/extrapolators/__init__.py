"""From the subset's scores to everybody's, one file each.

An extrapolator is a file of this folder with

- ``class Options(Section)``: its settings; where it has a ``k``, the config may list several. Its ``needs()`` returns
  the names of the tables that it reads beside the subset's scores: ``samples`` (of all training images), ``subset``,
  ``embeddings``, and one at most of ``neighbors/subset``, ``neighbors/label`` and ``neighbors/all`` (see `neighbors`),
  which has the largest ``k`` of those who read it: theirs are its first columns,
- ``extrapolate(options, subset_ids, subset_scores, tables, seed, device) -> (sample_ids, scores, spread)`` for the
  residual set; `tables` maps each of those names to its table, `seed` is what any random draw is derived from, `device`
  is ``auto``, ``cpu`` or ``cuda``.
"""

import numpy as np

from ..plugins import load_method, method_options


def extrapolate(
    extrapolator: dict, subset_ids, subset_scores, tables: dict, seed: int = 0, device: str = "cpu"
) -> dict[str, np.ndarray]:
    """Score the whole data set: computed scores for the subset, extrapolated ones for the residual set.

    Parameters
    ----------
    extrapolator : dict
        ``{"name": ..., **options}``.
    subset_ids : (m,) int64
    subset_scores : (m,) float
    tables : dict of name to table
        Those that its options say it needs, as `tables.read_table` returns them.
    seed : int
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    dict
        Columns of `tables.EXTRAPOLATED`; spread is NaN where the score was computed.
    """
    options = {key: value for key, value in extrapolator.items() if key != "name"}
    options = method_options("extrapolators", extrapolator["name"])(**options)
    module = load_method("extrapolators", extrapolator["name"])
    residual_ids, scores, spread = module.extrapolate(options, subset_ids, subset_scores, tables, seed, device)
    return {
        "sample_id": np.concatenate([subset_ids, residual_ids]),
        "score": np.concatenate([subset_scores, scores]),
        "computed": np.arange(len(subset_ids) + len(residual_ids)) < len(subset_ids),
        "spread": np.concatenate([np.full(len(subset_ids), np.nan), spread]),
    }
