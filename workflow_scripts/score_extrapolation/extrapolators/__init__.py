"""From the subset's scores to everybody's, one file each.

An extrapolator is a file of this folder with

- ``class Options(Section)``: its settings; where it has a ``k``, the config may list several,
- ``NEEDS = ("neighbors",)``: the stages whose outputs it reads beside the subset's scores, a literal,
- ``extrapolate(options, subset_ids, subset_scores, tables) -> (sample_ids, scores, spread)`` for the residual set;
  `tables` maps each stage that it needs to that stage's table.
"""

import numpy as np

from ..plugins import load_method, method_options


def extrapolate(extrapolator: dict, subset_ids, subset_scores, tables: dict) -> dict[str, np.ndarray]:
    """Score the whole data set: computed scores for the subset, extrapolated ones for the residual set.

    Parameters
    ----------
    extrapolator : dict
        ``{"name": ..., **options}``.
    subset_ids : (m,) int64
    subset_scores : (m,) float
    tables : dict of stage to table
        As `tables.read_table` returns them.

    Returns
    -------
    dict
        Columns of `tables.EXTRAPOLATED`; spread is NaN where the score was computed.
    """
    options = {key: value for key, value in extrapolator.items() if key != "name"}
    options = method_options("extrapolators", extrapolator["name"])(**options)
    module = load_method("extrapolators", extrapolator["name"])
    residual_ids, scores, spread = module.extrapolate(options, subset_ids, subset_scores, tables)
    return {
        "sample_id": np.concatenate([subset_ids, residual_ids]),
        "score": np.concatenate([subset_scores, scores]),
        "computed": np.arange(len(subset_ids) + len(residual_ids)) < len(subset_ids),
        "spread": np.concatenate([np.full(len(subset_ids), np.nan), spread]),
    }
