"""Scores of samples from training dynamics, one file each; higher = more important = kept.

A score is a file of this folder with

- ``RECORD = "probability"``: the record it reads (a file of ``records/``), a literal,
- ``class Options(Section)``: its settings, with ``needed_epochs()``, the fewest epochs it can be computed from,
- ``class Accumulator``: ``Accumulator(options, n_samples)``, ``update(values)`` once an epoch, ``finish()`` after as
  many epochs as are needed or more, which changes nothing; where that is a mean of the record, a
  `_mean.MeanOverEpochs`. Its attributes are the options, arrays, numbers and None: a checkpoint keeps them.
"""

import numpy as np

from ..faults import InputFault
from ..plugins import Section, load_method, method_constant, method_options


def score_dynamics(name: str, probabilities: np.ndarray, labels: np.ndarray, **options) -> np.ndarray:
    """Score samples from a stored history of softmax outputs.

    Parameters
    ----------
    name : str
        A file of ``scores/``, such as ``"du"``, ``"dual"``, ``"tdds"``, ``"el2n"``, ``"aum"``, ``"forgetting"``.
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

    Examples
    --------
    >>> from score_extrapolation import score_dynamics
    >>> of_label = np.array([0.5, 0.9, 0.5])  # of one sample, in three epochs
    >>> probabilities = np.stack([of_label, 1 - of_label], axis=1)[:, None]  # (3, 1, 2)
    >>> score_dynamics("du", probabilities, [0], window=2).round(4)
    array([0.2828])
    """
    # Only this entry point computes records; the scores stage reads them from disk.
    import torch

    from ..records import Observer

    probabilities, labels = np.asanyarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 3 or labels.shape != probabilities.shape[1:2]:
        raise ValueError(f"probabilities {probabilities.shape} and labels {labels.shape} are not (K, m, C) and (m,)")
    rows, label_tensor = torch.arange(len(labels)), torch.from_numpy(labels.astype(np.int64))
    # What is given in float64 is scored in float64.
    dtype = torch.promote_types(torch.float32, torch.from_numpy(np.empty(0, probabilities.dtype)).dtype)
    score = StreamedScore({"name": name, **options}, len(labels))
    _, n_samples, n_classes = probabilities.shape
    observer = Observer([score.record], n_samples, n_classes, "cpu", dtype, dtype)

    for epoch in probabilities:
        # A probability of 0 has no logarithm; the least number above it stands in.
        logarithms = torch.from_numpy(np.array(epoch)).to(dtype).clamp(min=torch.finfo(dtype).tiny).log()
        observer.observe(rows, logarithms, label_tensor)
        observer.end_epoch()
        score.update(observer.values[score.record].numpy())
    return score.finish()


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

    sample_ids = read_sample_ids(dynamics_path)
    streamed = StreamedScore({key: value for key, value in score.items() if key != "training"}, len(sample_ids))
    for values in read_epochs(dynamics_path, streamed.record):
        streamed.update(values)
    scores = streamed.finish()
    check_finite(str(dynamics_path), streamed.name, sample_ids, scores)
    return sample_ids, scores


class StreamedScore:
    """One score of n samples, fed their record epoch by epoch.

    Parameters
    ----------
    score : dict
        ``{"name": ..., **options}``; the name is a file of this folder.
    n_samples : int

    Attributes
    ----------
    name : str
    record : str
        The file of ``records/`` that it is fed.
    n_epochs : int
        Fed so far.

    Raises
    ------
    InputFault
        No such score.
    ValueError
        An option is unknown or out of range.
    """

    def __init__(self, score: dict, n_samples: int):
        self.name = score["name"]
        self.settings = {option: value for option, value in score.items() if option != "name"}
        self.options = method_options("scores", self.name)(**self.settings)
        self.record = method_constant("scores", self.name, "RECORD")
        self.accumulator = load_method("scores", self.name).Accumulator(self.options, n_samples)
        self.n_epochs = 0

    def update(self, values: np.ndarray) -> None:
        """Take one epoch's record, (n,) float."""
        self.accumulator.update(values)
        self.n_epochs += 1

    def finish(self) -> np.ndarray:
        """Return the scores after the epochs so far, (n,) float64; InputFault where these are too few."""
        if self.n_epochs < (needed := self.options.needed_epochs()):
            settings = "".join(f", {option} = {value}" for option, value in self.settings.items())
            raise InputFault(f"{self.name}{settings}: needs at least {needed} epochs, found {self.n_epochs}")
        return self.accumulator.finish()

    def state_dict(self) -> dict:
        """Return all that changes, for a checkpoint: numbers, and arrays as tensors that share their memory."""
        import torch

        changing = {name: value for name, value in vars(self.accumulator).items() if not isinstance(value, Section)}
        tensors = {name: torch.from_numpy(value) for name, value in changing.items() if isinstance(value, np.ndarray)}
        return {"n_epochs": self.n_epochs, "accumulator": changing | tensors}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        self.n_epochs = state["n_epochs"]
        for name, value in state["accumulator"].items():
            setattr(self.accumulator, name, value.cpu().numpy().copy() if hasattr(value, "numpy") else value)


def check_finite(where: str, name: str, sample_ids: np.ndarray, scores: np.ndarray) -> None:
    """Raise an InputFault where a score is infinite or NaN, so that it cannot be ranked."""
    bad = sample_ids[~np.isfinite(scores)]
    if len(bad):
        raise InputFault(f"{where}: {len(bad)} {name} scores are not finite, the first of sample {bad[0]}")
