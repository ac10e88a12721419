"""From the subset's scores to everybody's, one file each.

An extrapolator is a file of this folder with

- ``class Options(Section)``: its settings; where it has a ``k``, the config may list several. Its ``needs()`` returns
  the names of the tables that it reads beside the subset's scores: ``samples`` (of all training images), ``subset``,
  ``embeddings``, ``predictions`` (of the residual set), ``dynamics``, and one at most of ``neighbors/subset``,
  ``neighbors/label`` and ``neighbors/all`` (see `neighbors`), which has the largest ``k`` of those who read it: theirs
  are its first columns. ``nested/NAME`` is the same of the smaller task in which the subset is all that there is, and a
  share of it is the subset (see `parts`),
- ``extrapolate(options, subset_ids, subset_scores, tables, seed, device) -> (sample_ids, scores, spread, draws)`` for
  the residual set. ``draws``, (r, tables.DRAWS) float32, are scores that a sample may have, drawn independently from
  what is predicted of it, by its id (`_draws` has functions for it). `tables` maps each of those names to its table,
  and ``scores`` to that of the computed scores, to which are added the ``draws`` of the subset's: as computed, or as
  they may be where they are stepped up. `seed` is what any random draw is derived from, `device` is ``auto``, ``cpu``
  or ``cuda``.

Where samples are split into shards (see `shards`), a literal in the file says how it is done:

- ``SHARDS = "samples"``: a sample's score depends on its own rows of embeddings, predictions and neighbors.
  `extrapolate` runs for each shard, and is given the shard's rows of these; the others, nested ones among them, are
  whole. What it draws for a sample must not depend on who else is there.
- ``SHARDS = "layers"``, with the number of ``LAYERS``: what a sample's score depends on is found in that many steps,
  each of which reads of other samples what the step before made of them. The file then has three functions more:
  ``train(options, subset_ids, subset_scores, tables, seed, device) -> state``, named arrays, once, from whole tables;
  ``join(options, blocks, sample_ids, rows) -> graph``, named arrays, ``degrees`` (r,) among them, for each shard:
  `blocks` iterates over the table of neighbours in pieces, `sample_ids` are all, `rows` is the slice of them that is
  the shard; ``infer(options, layer, state, graph, degrees, samples, rows, read, device) -> (r, w) float`` for each
  layer, from 1, and shard: `degrees` are those of all shards, `samples` the whole table, and ``read(rows)`` returns the
  embeddings of some rows of it, or what the layer before made of them. The last layer's are ``(scores, draws)``.
- left out: one job reads all shards of everything.

Scores and draws are the same, to rounding in ``layers``; `tests/contracts` checks it.

Every extrapolator can be given ``step_up: true`` (see `_step_up`): the subset's scores are then stepped up first.
"""

from collections.abc import Iterable

import numpy as np

from ..plugins import load_method, method_options
from ._draws import certain_draws


def extrapolate(
    extrapolator: dict, subset_ids, subset_scores, tables: dict, seed: int = 0, device: str = "cpu", shard_ids=None
) -> dict[str, np.ndarray]:
    """Score the whole data set, or a shard: computed scores for the subset, extrapolated ones for the residual set.

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
    shard_ids : (r,) int64, optional
        Increasing: the samples that are scored, a shard, whose rows `tables` have (see SHARDS); the subset is whole.

    Returns
    -------
    dict
        Columns of `tables.EXTRAPOLATED`; computed says which samples are the subset's, whose spread is NaN.
    """
    module, options = _loaded(extrapolator)
    tables, known = _known_scores(extrapolator, subset_ids, subset_scores, tables, seed)
    found = module.extrapolate(options, subset_ids, known, tables, seed, device)
    own = slice(None) if shard_ids is None else np.isin(subset_ids, shard_ids)
    return _columns(subset_ids[own], known[own], tables["scores"]["draws"][own], *found)


def train(extrapolator: dict, subset_ids, subset_scores, tables: dict, seed: int = 0, device: str = "cpu") -> dict:
    """Train an extrapolator of several layers on the subset; else as `extrapolate`.

    Returns
    -------
    dict
        Named arrays: all that `infer` reads beside the graph, the embeddings and the labels.
    """
    module, options = _loaded(extrapolator)
    tables, known = _known_scores(extrapolator, subset_ids, subset_scores, tables, seed)
    state = module.train(options, subset_ids, known, tables, seed, device)
    own = {"subset.sample_id": subset_ids, "subset.score": known, "subset.draws": tables["scores"]["draws"]}
    return {**own, **state}


def join(extrapolator: dict, blocks: Iterable[dict], sample_ids: np.ndarray, rows: slice) -> dict[str, np.ndarray]:
    """Return a shard's part of the graph, as named arrays; see this module's docstring."""
    module, options = _loaded(extrapolator)
    return module.join(options, blocks, sample_ids, rows)


def infer(extrapolator: dict, layer: int, state, graph, degrees, samples, rows: slice, read, device: str = "cpu"):
    """Return what a layer makes of a shard, as columns of a table; see this module's docstring.

    Returns
    -------
    dict
        sample_id (r,) and hidden (r, w); of the last layer those of `extrapolate`.
    """
    module, options = _loaded(extrapolator)
    made = module.infer(options, layer, state, graph, degrees, samples, rows, read, device)
    ids, subset_ids = samples["sample_id"][rows], state["subset.sample_id"]
    if layer < module.LAYERS:
        return {"sample_id": ids, "hidden": made}
    scores, draws = made
    own, residual = np.isin(subset_ids, ids), ~np.isin(ids, subset_ids)
    of_subset = subset_ids[own], state["subset.score"][own], state["subset.draws"][own]
    return _columns(*of_subset, ids[residual], scores[residual], np.full(residual.sum(), np.nan), draws[residual])


def _loaded(extrapolator: dict):
    """Return the module of an extrapolator and its options."""
    options = {key: value for key, value in extrapolator.items() if key not in ("name", "step_up")}
    options = method_options("extrapolators", extrapolator["name"])(**options)
    return load_method("extrapolators", extrapolator["name"]), options


def _known_scores(extrapolator: dict, subset_ids, subset_scores, tables: dict, seed: int):
    """Return all tables, and the scores that the subset gets and that are extrapolated, stepped up if asked for.

    Each shard learns the step anew, from the nested part of the subset, and takes it for all of the subset: the cost of
    a `_forest.Forest` in every shard, for one file and one job less to wait for.
    """
    if extrapolator.get("step_up"):
        from ._step_up import step_up

        known, draws = step_up(subset_ids, subset_scores, tables, seed)
    else:
        known, draws = subset_scores, certain_draws(subset_scores)
    return tables | {"scores": {"sample_id": subset_ids, "score": subset_scores, "draws": draws}}, known


def _columns(subset_ids, own_scores, own_draws, residual_ids, scores, spread, draws) -> dict[str, np.ndarray]:
    return {
        "sample_id": np.concatenate([subset_ids, residual_ids]),
        "score": np.concatenate([own_scores, scores]),
        "computed": np.arange(len(subset_ids) + len(residual_ids)) < len(subset_ids),
        "spread": np.concatenate([np.full(len(subset_ids), np.nan), spread]),
        "draws": np.concatenate([own_draws, draws]),
    }
