"""From the subset's scores to everybody's, one file each.

An extrapolator is a file of this folder with

- ``class Options(Section)``: its settings; where it has a ``k``, the config may list several. Its ``needs()`` returns
  the names of the tables that it reads beside the subset's scores: ``samples`` (of all training images), ``subset``,
  ``embeddings``, ``predictions`` (of the residual set), ``dynamics``, and one at most of ``neighbors/subset``,
  ``neighbors/label`` and ``neighbors/all`` (see `neighbors`), which has the largest ``k`` of those who read it: theirs
  are its first columns. ``nested/NAME`` is the same of the smaller task in which the subset is all that there is, and a
  share of it is the subset (see `parts`),
- ``extrapolate(options, subset_ids, subset_scores, tables, seed, device) -> (sample_ids, scores, spread)`` for the
  residual set; `tables` maps each of those names to its table, and ``scores`` to that of the computed scores, `seed` is
  what any random draw is derived from, `device` is ``auto``, ``cpu`` or ``cuda``.

Every extrapolator can be given ``step_up: true`` (see `_step_up`): the subset's scores are then stepped up first. Where
its options have a ``draw`` that is true, those of the subset are drawn as well.
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
        ``{"name": ..., "step_up": False, **options}``. With ``step_up``, which reads ``dynamics``, ``nested/dynamics``
        and ``nested/scores``, the subset's scores are those that a training on everything is estimated to give, and are
        extrapolated in the place of the computed ones (see `_step_up.StepUp`).
    subset_ids : (m,) int64
    subset_scores : (m,) float
    tables : dict of name to table
        Those that its options say it needs, as `tables.read_table` returns them.
    seed : int
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    dict
        Columns of `tables.EXTRAPOLATED`; computed says which samples are the subset's, whose spread is NaN.
    """
    options = {key: value for key, value in extrapolator.items() if key not in ("name", "step_up")}
    options = method_options("extrapolators", extrapolator["name"])(**options)
    tables = tables | {"scores": {"sample_id": subset_ids, "score": subset_scores}}
    own_scores = subset_scores
    if extrapolator.get("step_up"):
        from ._step_up import step_up

        draw = getattr(options, "draw", False)
        subset_scores, own_scores = step_up(subset_ids, subset_scores, tables, seed, draw)
    module = load_method("extrapolators", extrapolator["name"])
    residual_ids, scores, spread = module.extrapolate(options, subset_ids, subset_scores, tables, seed, device)
    return {
        "sample_id": np.concatenate([subset_ids, residual_ids]),
        "score": np.concatenate([own_scores, scores]),
        "computed": np.arange(len(subset_ids) + len(residual_ids)) < len(subset_ids),
        "spread": np.concatenate([np.full(len(subset_ids), np.nan), spread]),
    }
