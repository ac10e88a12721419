"""Scores of samples from training dynamics, one file each; higher = more important = kept.

A score is a file of this folder with

- ``RECORD = "probability"``: the record it reads (a file of ``records/``), a literal,
- ``class Options(Section)``: its settings, with ``needed_epochs()``, the fewest epochs it can be computed from,
- ``class Accumulator``: ``Accumulator(options, n_samples)``, ``update(values)`` once an epoch, ``finish()`` after as
  many epochs as are needed or more; where that is a mean of the record, a `_mean.MeanOverEpochs`.
"""

from collections.abc import Iterable

import numpy as np

from ..faults import InputFault
from ..plugins import load_method, method_constant, method_options


def score_dynamics(name: str, probabilities: np.ndarray, labels: np.ndarray, **options) -> np.ndarray:
    """Score samples from a stored history of softmax outputs.

    Parameters
    ----------
    name : str
        A file of this folder, e.g. ``"du"``.
    probabilities : (K, m, C) float array
        Softmax of each epoch; may be memory-mapped, one epoch is read at a time.
    labels : (m,) int array
        In 0..C-1.
    **options
        The score's own, e.g. ``window=10``.

    Returns
    -------
    (m,) float64
        Higher = more important = kept.

    Raises
    ------
    InputFault
        No such score, or too few epochs for its options.
    ValueError
        An option is unknown or out of range, or the shapes do not fit.
    """
    # Only this entry point computes records; the scores stage reads them from disk.
    import torch

    from ..records import Observer

    module = load_method("scores", name)
    probabilities, labels = np.asanyarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 3 or labels.shape != probabilities.shape[1:2]:
        raise ValueError(f"probabilities {probabilities.shape} and labels {labels.shape} are not (K, m, C) and (m,)")
    rows, label_tensor = torch.arange(len(labels)), torch.from_numpy(labels.astype(np.int64))
    # What is given in float64 is scored in float64.
    dtype = torch.promote_types(torch.float32, torch.from_numpy(np.empty(0, probabilities.dtype)).dtype)
    observer = Observer([module.RECORD], *probabilities.shape[1:], "cpu", dtype, dtype)

    def records():
        for epoch in probabilities:
            # A probability of 0 has no logarithm; the least number above it stands in.
            logarithms = torch.from_numpy(np.array(epoch)).to(dtype).clamp(min=torch.finfo(dtype).tiny).log()
            observer.observe(rows, logarithms, label_tensor)
            observer.end_epoch()
            yield observer.values[module.RECORD].numpy()

    return _accumulate(name, options, len(labels), records())


def score_file(score: dict, dynamics_path) -> tuple[np.ndarray, np.ndarray]:
    """Score the samples of a dynamics file, one epoch in memory at a time.

    Parameters
    ----------
    score : dict
        ``{"name": ..., **options}``; the name of its training, which a config adds, is passed over.
    dynamics_path : path
        As `DynamicsRecorder.write` wrote it.

    Returns
    -------
    sample_ids : (m,) int64
    scores : (m,) float64

    Raises
    ------
    InputFault
        Too few epochs, or a score is not finite, so that it cannot be ranked.
    """
    from ..training.dynamics import read_epochs, read_sample_ids

    name = score["name"]
    options = {key: value for key, value in score.items() if key not in ("name", "training")}
    sample_ids = read_sample_ids(dynamics_path)
    records = read_epochs(dynamics_path, method_constant("scores", name, "RECORD"))
    scores = _accumulate(name, options, len(sample_ids), records)
    if not np.isfinite(scores).all():
        bad = sample_ids[~np.isfinite(scores)]
        raise InputFault(f"{dynamics_path}: {len(bad)} {name} scores are not finite, the first of sample {bad[0]}")
    return sample_ids, scores


def _accumulate(name: str, options: dict, n_samples: int, records: Iterable[np.ndarray]) -> np.ndarray:
    """Return the scores, (n,) float64, of the values of each epoch, (n,) float."""
    chosen, n_epochs = method_options("scores", name)(**options), 0
    accumulator = load_method("scores", name).Accumulator(chosen, n_samples)
    for values in records:
        accumulator.update(values)
        n_epochs += 1
    if n_epochs < (needed := chosen.needed_epochs()):
        settings = "".join(f", {option} = {value}" for option, value in options.items())
        raise InputFault(f"{name}{settings}: needs at least {needed} epochs, found {n_epochs}")
    return accumulator.finish()
