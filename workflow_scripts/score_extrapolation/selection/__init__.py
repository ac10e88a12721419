"""Selection: which samples are kept at a pruning rate, one file each.

A selection method is a file of this folder with

- ``SCORED = True``: whether it reads scores, a literal,
- ``LABELLED = True``, a literal, in those that need labels,
- ``DOUBT_OPTION = "dropped_by"``, a literal, in those that read a second score too, called doubts here: the option that
  names it, or is None where none is read,
- ``DROPPED_OPTION = "dropped"``, a literal, in those that drop a share of all samples before: the option that says how
  much, which cannot be more than a pruning rate,
- ``NEEDS_OPTIONAL = True``, a literal, in those that do without the tables that they need where there are no labels, no
  training for scores, or no samples outside the subset,
- ``class Options(Section)``: its settings; those that read more than scores and labels have ``needs()``, which returns
  the names of tables as an extrapolator's does (see `extrapolators`): ``embeddings`` and ``neighbors/all`` of the
  training that the score is computed from, ``subset``, and ``samples`` where labels are read,
- ``keep(options, n_kept, samples, seed)``, which returns the (n_kept,) rows that are kept, in any order; or, for more
  samples than fit into memory, an iterator of masks, one for each batch of ``samples.batches``.

``samples`` has ``n``, ``batches("score", "label")``, ``class_sizes()``, and ``read("score")`` for a whole column, or
``read("doubt")``; ``labelled`` says whether there are labels, and the column ``"draws"`` has scores that each sample
may have: the score itself where it is certain (`_samples.Samples`); ``table(name)`` yields one
that is needed, block by block. ``_highest.keep_highest`` keeps the highest scores
of all or of each class, as many as it is told, without holding them.

A method with ``REDRAWN = True``, a literal, has no ``keep``: it stands for a training that sees other samples in each
epoch (`training.epochs.Epochs`), as many as the rate would leave, so that there is no list of what is kept.

A method with ``TRIED = True``, a literal, has no ``keep`` either: it stands for that of the `candidates`, one of its
options, which does best in trials within the subset (`training.trials`), and the files of all of them are read.
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from ..faults import InputFault
from ..plugins import load_method, method_constant, method_options
from ._samples import SampleArrays, Samples, split_tables


def count_kept(n: int, rate: float) -> int:
    """Return how many of `n` samples are kept: n - round(rate * n); `rate` is the fraction removed."""
    return n - round(rate * n)


def check_kept(n: int, rate: float | None = None, n_kept: int | None = None) -> int:
    """Return how many of `n` samples are kept, by a rate as of `count_kept`, or `n_kept`.

    Raises
    ------
    InputFault
        Not one of both is given, the rate is not in [0, 1) or keeps none, or `n_kept` is not in 1..n - 1.
    """
    if rate is None and n_kept is not None:
        if not 0 < n_kept < n:
            raise InputFault(f"{n_kept} samples to keep are not 1 to {n - 1} of {n}; give another number")
        return n_kept
    if rate is None or n_kept is not None:
        raise InputFault("select: give either the rate, the fraction removed, or n_kept, the number to keep")
    if not 0 <= rate < 1:
        hint = f", write {rate / 100:g}" if 1 < rate < 100 else ""
        raise InputFault(f"rate = {rate} is not in [0, 1); a rate is the fraction removed{hint}")
    if count_kept(n, rate) == 0:
        raise InputFault(f"rate = {rate} keeps none of {n} samples; lower it")
    return count_kept(n, rate)


def select(
    scores,
    rate: float | None = None,
    method: str = "top",
    labels=None,
    seed: int = 0,
    doubts=None,
    n_kept: int | None = None,
    draws=None,
    tables: dict | None = None,
    **options,
) -> np.ndarray:
    """Return the rows of the samples to keep.

    Parameters
    ----------
    scores : (n,) float array
        Higher = more important = kept. A method that reads none takes only their number.
    rate : float, optional
        The fraction removed, in [0, 1). Either it is given or `n_kept`.
    method : str
        A file of ``selection/``, such as ``"chance"``, ``"top"``, ``"class_balanced"``, ``"ccs"`` or ``"random"``.
    labels : (n,) int array, optional
        For methods that balance classes or learn from them; ``"chance"`` does where they are given.
    seed : int
        For methods that draw.
    doubts : (n,) float array, optional
        Another score of the same samples, for methods one of whose options names it: ``dropped_by`` of ``"ccs"``,
        ``unsure_by`` of ``"beta"``.
    n_kept : int, optional
        How many are kept, in 1..n - 1.
    draws : (n, D) float array, optional
        Scores that each sample may have, drawn from what is predicted of it, for ``"chance"``; left out, scores are
        certain.
    tables : dict of str to dict, optional
        Tables that a method needs beside scores: arrays by the names of their columns, ``sample_id`` among them,
        increasing, which are rows of the scores. ``"neighbors/all"`` of ``"d2"``; ``"embeddings"``, with a column
        ``embedding`` (n, d), and ``"subset"``, the samples that were trained on, where a start or a share is ``"auto"``
        (of ``"chance"`` it is, and without them or without labels it passes over none of the highest).
    **options
        The method's own.

    Returns
    -------
    (n_kept,) int64
        Sorted; n - round(rate * n) of them by a rate.

    Raises
    ------
    InputFault
        Not one of rate and n_kept is given, it is out of range, a score is NaN, labels or doubts are missing that the
        method reads, nothing would be kept, or the method keeps no list.

    Examples
    --------
    >>> from score_extrapolation import select
    >>> select([0.1, 0.9, 0.8, 0.7], rate=0.5)
    array([1, 2])
    >>> select([0.1, 0.9, 0.8, 0.7], rate=0.5, method="class_balanced", labels=["cat", "dog", "dog", "cat"])
    array([1, 3])
    """
    classes = None if labels is None else np.unique(np.asarray(labels), return_inverse=True)[1]
    doubts = None if doubts is None else np.asarray(doubts, np.float64)
    if draws is not None:
        draws = np.asarray(draws, np.result_type(np.asarray(draws), np.float32))
    samples = SampleArrays(np.asarray(scores, np.float64), classes, doubts, draws, tables)
    amount = {"rate": rate, "n_kept": n_kept}
    return np.flatnonzero(np.concatenate(list(_kept(samples, amount, {"name": method, **options}, seed))))


def select_tables(
    samples_path,
    scores_path,
    amount: dict,
    method: dict,
    seed: int,
    doubts_path=None,
    n_pool: int | None = None,
    labelled: bool = True,
    tables: dict | None = None,
) -> Iterator[dict]:
    """Select by sample_id, with no more than a batch of samples in memory if the method allows it.

    Parameters
    ----------
    samples_path : path
        A table with the columns of `tables.SAMPLES`, or of `tables.SUBSET`.
    scores_path : path or None
        A table with columns sample_id and score, for the same samples, and draws where scores are extrapolated; None
        for a method that reads none.
    amount : dict
        ``{"rate": ...}`` or ``{"n_kept": ...}``, as in `select`.
    seed
        As in `select`.
    method : dict
        ``{"name": ..., **options}``.
    doubts_path : path, optional
        As `scores_path`, of the score that an option of the method names beside its own.
    n_pool : int, optional
        Only the last so many samples are pruned, the amount is of them, and all before them are kept. None: all.
    labelled : bool
        Whether labels may be read.
    tables : dict of str to path or list of paths, optional
        Those that the method's options say it needs, each whole or in shards.

    Returns
    -------
    iterator of dict
        Columns of `tables.KEPT`, block by block; score is null where the method read none. Of a subset there is no
        source.

    Raises
    ------
    InputFault
        As of `select`, and where the tables are not of the same samples.
    """
    own, samples = split_tables(samples_path, scores_path, doubts_path, n_pool, labelled, tables)
    masks = _kept(samples, amount, method, seed)
    kept = (block.filter(mask) for block, mask in zip(samples.blocks(), masks, strict=True))
    for block in chain(own.blocks(), kept):
        yield dict(zip(block.schema.names, block.columns, strict=True))


def _kept(samples: Samples, amount: dict, method: dict, seed: int) -> Iterator[np.ndarray]:
    """Yield a mask of what is kept for each of the batches of the samples."""
    n_kept = check_kept(samples.n, **amount)
    if method_constant("selection", method["name"], "REDRAWN"):
        raise InputFault(
            f"{method['name']} keeps no list: each epoch of the training draws other samples; train with `per_epoch` = "
            f"{n_kept} on all of them, or select by random for a list"
        )
    if method_constant("selection", method["name"], "TRIED"):
        raise InputFault(
            f"{method['name']} needs trainings, which are not made here; select by one of "
            "its candidates here, such as chance"
        )
    settings = {key: value for key, value in method.items() if key != "name"}
    module = load_method("selection", method["name"])
    kept = module.keep(method_options("selection", method["name"])(**settings), n_kept, samples, seed)
    n_found = 0
    for mask in samples.masks(kept) if isinstance(kept, np.ndarray) else kept:
        n_found += mask.sum()
        yield mask
    if n_found != n_kept:
        raise ValueError(f"{method['name']} keeps {n_found} samples, but was asked for {n_kept} different ones")
