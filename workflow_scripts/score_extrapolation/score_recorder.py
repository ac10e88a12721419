"""Scores of a training loop of one's own: what a batch's forward pass says of its samples, streamed into scores."""

import hashlib

import numpy as np
import torch
from torch.nn.functional import log_softmax

from .faults import InputFault
from .records import Observer
from .scores import StreamedScore, check_finite


class ScoreRecorder:
    """Score the samples that a training loop trains on, while it does.

    Three lines go into the loop: make the recorder before it, call `record` after each forward pass, and `scores`
    after the loop. What is computed is what `training` and `scores` compute, by the same code.

    An epoch is n samples that follow each other, each of them once, in any order and any batches; the next sample
    begins the next epoch, within a batch too. If one of the n is missing because another came twice, that is a fault:
    set ``drop_last=False`` in a DataLoader, and draw without replacement.

    Parameters
    ----------
    scores : str, or list of str and dict
        A score such as ``"du"``, ``"dual"``, ``"tdds"``, ``"el2n"``, ``"aum"``; or several, those with
        options as ``{"name": "du", "window": 10}``.
    n_samples : int, optional
        n, of a data set whose samples are 0..n-1. Give this or `sample_ids`.
    sample_ids : (n,) int array, optional
        Of a subset: the ids that its samples are recorded by, in the order in which `scores` returns them.
    previous_dtype : {"float32", "float16"}
        Of the predictions that are kept from epoch to epoch for ``"tdds"``.
    **options
        Those of a single score, e.g. ``window=10``.

    Attributes
    ----------
    n_epochs : int
        Finished so far.

    Raises
    ------
    InputFault
        No such score.
    ValueError
        An option is unknown or out of range, a score is asked for twice, or the samples are not given in one way.

    Notes
    -----
    Memory on the device of the logits, for each sample: 4 bytes for what is noted of it (``"du"`` and ``"el2n"``, say,
    note one number each), 4 more, and with ``"tdds"`` 4 C, or 2 C in float16, for C classes. On the host: 4 window + 8
    bytes for ``"du"`` and ``"dual"``, 4 (trajectory - 1) for ``"tdds"``, 8 to 10 for the others, and 8 to 24 for the
    ids. The number of epochs does not matter.

    A batch costs a softmax and a few operations of its size on the device, and does not wait for the device; an epoch's
    end does, and copies 4 bytes for each number noted of a sample to the host. Of several processes, gather a batch's
    indices, logits and labels and record them in one.

    Examples
    --------
    >>> from score_extrapolation import ScoreRecorder
    >>> recorder = ScoreRecorder("entropy", n_samples=2)
    >>> for epoch in range(3):
    ...     recorder.record([1, 0], torch.tensor([[9.0, 0.0], [1.0, 1.0]]), [0, 1])
    >>> recorder.scores().round(3)
    array([0.693, 0.001])
    """

    def __init__(self, scores, n_samples=None, *, sample_ids=None, previous_dtype: str = "float32", **options):
        self._single = isinstance(scores, str)
        if options and not self._single:
            raise ValueError("options are of a single score; of several write each as {'name': 'du', 'window': 10}")
        if (n_samples is None) == (sample_ids is None):
            raise ValueError("give n_samples, of a data set whose samples are 0..n-1, or sample_ids, of a subset")
        given = [{"name": scores, **options}] if self._single else scores
        listed = [{"name": score} if isinstance(score, str) else dict(score) for score in given]
        names = [score.get("name") for score in listed]
        if not names or None in names or len(set(names)) < len(names):
            raise ValueError(f"scores = {listed}; name at least one, each once, such as {{'name': 'du', 'window': 10}}")
        ids = np.arange(n_samples) if sample_ids is None else np.asarray(sample_ids)
        if ids.ndim != 1 or ids.dtype.kind not in "iu" or not 0 < len(np.unique(ids)) == len(ids):
            raise ValueError("samples are one or more, and sample_ids are whole numbers, (n,), each once")
        if previous_dtype not in ("float32", "float16"):
            raise ValueError(f"previous_dtype = {previous_dtype!r} is neither 'float32' nor 'float16'")
        self._sample_ids = ids.astype(np.int64)
        self._scores = [StreamedScore(score, len(ids)) for score in listed]
        digest = hashlib.sha256(self._sample_ids.tobytes()).hexdigest()
        self._settings: dict = {
            "scores": listed,
            "previous_dtype": previous_dtype,
            "n_samples": len(ids),
            "ids": digest,
        }
        # Ids in order and the row of each, to look rows up in; left out where an id is its row.
        self._lookup: tuple[torch.Tensor, ...] = ()
        if sample_ids is not None:
            order = np.argsort(self._sample_ids)
            self._lookup = torch.from_numpy(self._sample_ids[order]), torch.from_numpy(order)
        self._observer: Observer | None = None  # made for the first batch, whose device and classes it has
        self._observer_state: dict | None = None  # of a checkpoint, until then
        self._n_recorded = 0  # in the epoch that has begun
        self._n_unknown = 0  # of these, on a GPU, where the number is a tensor
        self.n_epochs = 0

    @torch.no_grad()
    def record(self, indices, logits, labels) -> None:
        """Note a batch, after its forward pass.

        Parameters
        ----------
        indices : (b,) int tensor or array
            Which samples they are, as a data set hands them out beside each image; on any device.
        logits : (b, C) float tensor
            As the network gives them, before softmax, on any device; noted in float32.
        labels : (b,) int tensor or array
            In 0..C-1; on any device.

        Raises
        ------
        InputFault
            An index is of no sample, or an epoch is over in which some sample did not come. Of indices on a GPU, the
            first is told at the epoch's end too.
        ValueError
            The shapes do not fit.
        """
        indices, logits, labels = (torch.as_tensor(given) for given in (indices, logits, labels))
        if logits.ndim != 2 or not indices.shape == labels.shape == logits.shape[:1]:
            found = ", ".join(str(tuple(given.shape)) for given in (indices, logits, labels))
            raise ValueError(f"indices, logits and labels are {found}, not (b,), (b, C) and (b,)")
        log_probabilities = log_softmax(logits.float(), 1)
        observer = self._observer_of(log_probabilities)
        rows = self._rows(indices).to(logits.device, non_blocking=True)
        labels = labels.to(logits.device, torch.int64, non_blocking=True)
        done = 0
        while done < len(rows):
            # A batch may have the last samples of an epoch and the first of the next.
            part = slice(done, done + len(self._sample_ids) - self._n_recorded)
            observer.observe(rows[part], log_probabilities[part], labels[part])
            n_observed = len(rows[part])
            done, self._n_recorded = done + n_observed, self._n_recorded + n_observed
            if self._n_recorded == len(self._sample_ids):
                self._end_epoch(observer)

    def scores(self) -> np.ndarray | dict[str, np.ndarray]:
        """Return the scores after the epochs that are finished; recording can go on.

        An epoch that has begun does not count. So a loop that ends in the middle of an epoch gives the scores of those
        before it.

        Returns
        -------
        (n,) float64, or dict of str -> (n,) float64
            Finite; higher = more important = kept. In the order of the ids; a dict by name if a list was asked for.

        Raises
        ------
        InputFault
            Too few epochs are finished, or scores are not finite since the training diverged.
        """
        found = {score.name: score.finish() for score in self._scores}
        for name, scores in found.items():
            check_finite("the training diverged", name, self._sample_ids, scores)
        return found[self._scores[0].name] if self._single else found

    def state_dict(self) -> dict:
        """Return all that changes, for a checkpoint beside the network's, which ``torch.load`` reads as weights only.

        Tensors share the recorder's memory, as a network's do: save them before going on. A loop that goes on from the
        middle of an epoch must go on with the batches that were still to come.
        """
        observer = self._observer.state_dict() if self._observer else self._observer_state
        scores = {score.name: score.state_dict() for score in self._scores}
        counts = {"n_epochs": self.n_epochs, "n_recorded": self._n_recorded, "n_unknown": int(self._n_unknown)}
        return {"settings": self._settings, "scores": scores, "observer": observer, **counts}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned; ValueError where that is of other scores, options or samples."""
        if state["settings"] != self._settings:
            raise ValueError(f"the state is of a recorder with {state['settings']}, this one has {self._settings}")
        for score in self._scores:
            score.load_state_dict(state["scores"][score.name])
        self._observer, self._observer_state = None, state["observer"]
        self.n_epochs = state["n_epochs"]
        self._n_recorded, self._n_unknown = state["n_recorded"], state["n_unknown"]

    def _observer_of(self, log_probabilities: torch.Tensor) -> Observer:
        """Return what notes batches; the first one says on which device, and of how many classes."""
        if self._observer is None:
            records = list(dict.fromkeys(score.record for score in self._scores))
            dtype = getattr(torch, self._settings["previous_dtype"])
            shape = len(self._sample_ids), log_probabilities.shape[1]
            self._observer = Observer(records, *shape, log_probabilities.device, previous_dtype=dtype)
            if self._observer_state:
                self._observer.load_state_dict(self._observer_state)
                self._observer_state = None
        return self._observer

    def _rows(self, indices: torch.Tensor) -> torch.Tensor:
        """Return the row of each sample, (b,) int64, on the device of the indices."""
        if indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool:
            raise ValueError(f"indices are {indices.dtype}, not whole numbers")
        rows, n = indices.long(), len(self._sample_ids)
        known = (rows >= 0) & (rows < n)
        if self._lookup:
            ids, order = self._lookup = tuple(tensor.to(indices.device) for tensor in self._lookup)
            places = torch.searchsorted(ids, rows).clamp(max=n - 1)
            rows, known = order[places], ids[places] == rows
        if indices.is_cuda:
            # To look now would wait for the device: the epoch's end looks.
            self._n_unknown = self._n_unknown + (~known).sum()
            return rows.where(known, 0)
        if not known.all():
            raise self._unknown(f"index {int(indices[~known][0])}")
        return rows

    def _unknown(self, what: str) -> InputFault:
        allowed = "among sample_ids" if self._lookup else f"in 0..{len(self._sample_ids) - 1}"
        return InputFault(
            f"record: epoch {self.n_epochs + 1} has {what} not {allowed}; give the row in the data set of each sample, "
            "whatever the order of the batches"
        )

    def _end_epoch(self, observer: Observer) -> None:
        """Feed the scores an epoch that has every sample once."""
        if self._n_unknown:
            raise self._unknown(f"{int(self._n_unknown)} indices")
        missing = (observer.n_seen == 0).nonzero()[:, 0].cpu().numpy()
        if len(missing):
            raise InputFault(
                f"record: {len(missing)} of {len(self._sample_ids)} samples did not come in epoch {self.n_epochs + 1}, "
                f"the first of them {self._sample_ids[missing[0]]}, because others came twice; every epoch must have "
                "each once: set drop_last=False, and draw without replacement"
            )
        observer.end_epoch()
        for score in self._scores:
            score.update(observer.values[score.record].cpu().numpy())
        self.n_epochs, self._n_recorded = self.n_epochs + 1, 0
