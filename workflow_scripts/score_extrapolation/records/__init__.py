"""What a training notes of each sample once an epoch, one file each.

A record is a file of this folder with ``observe(log_probabilities, labels)``: (b, C) float log-softmax and (b,) int64
labels, both torch tensors on one device, to one number per sample, (b,). A record that compares with the epoch before
says ``PREVIOUS = True`` and is called ``observe(log_probabilities, labels, previous)`` from the second epoch on; in
the first epoch its value is NaN. A score names the record that it accumulates (``RECORD``); a training writes every
record that its scores name. Records are kept apart from scores so that a changed score is computed anew from what is
on disk, without training again.
"""

import torch

from ..plugins import load_method, method_constant


class Observer:
    """Compute an epoch's records batch by batch, in any order.

    Memory: one number per sample and record; n C more, the log-probabilities of the epoch before, if a record compares
    with them. Whatever the number of epochs, nothing of size n C K exists.

    Parameters
    ----------
    records : sequence of str
        Files of this folder.
    n_samples, n_classes : int
    device : torch.device
    dtype : torch.dtype
        Of the records.
    previous_dtype : torch.dtype
        Of the log-probabilities that are kept until the next epoch. float16 halves the memory; it moves the record
        ``divergence`` by at most 2^-11 of the cross entropy between the two predictions, 0.007 at worst and 0.0002 to
        0.0007 where they are close (tests/unit/test_records.py). That is little beside the other samples' values, not
        always beside its own: of a prediction that stands still the record is that noise.

    Attributes
    ----------
    values : dict of str -> (n,) tensor
        Of the current epoch, after every sample was observed.
    """

    def __init__(self, records, n_samples, n_classes, device, dtype=torch.float32, previous_dtype=torch.float32):
        self.observe_one = {name: load_method("records", name).observe for name in records}
        self.compares = [name for name in records if method_constant("records", name, "PREVIOUS")]
        self.values = {name: torch.full((n_samples,), torch.nan, dtype=dtype, device=device) for name in records}
        self.n_seen = torch.zeros(n_samples, dtype=torch.int32, device=device)
        shape = (n_samples if self.compares else 0, n_classes)
        self.previous = torch.zeros(shape, dtype=previous_dtype, device=device)
        self.n_epochs = 0

    @torch.no_grad()
    def observe(self, rows: torch.Tensor, log_probabilities: torch.Tensor, labels: torch.Tensor) -> None:
        """Note the log-softmax (b, C) of the samples in rows (b,)."""
        self.n_seen.index_add_(0, rows, torch.ones_like(rows, dtype=torch.int32))
        for name, observe in self.observe_one.items():
            if name not in self.compares:
                self.values[name][rows] = observe(log_probabilities, labels).to(self.values[name].dtype)
            elif self.n_epochs:
                previous = self.previous[rows].to(log_probabilities.dtype)
                self.values[name][rows] = observe(log_probabilities, labels, previous).to(self.values[name].dtype)
        if self.compares:
            # The least float16 stands for minus infinity; exp of either is 0.
            least = torch.finfo(self.previous.dtype).min
            self.previous[rows] = log_probabilities.clamp(min=least).to(self.previous.dtype)

    def end_epoch(self) -> None:
        """Begin the next epoch; every sample must have been observed exactly once in this one."""
        n_wrong = int((self.n_seen != 1).sum())
        if n_wrong:
            raise RuntimeError(f"epoch {self.n_epochs}: {n_wrong} samples not seen exactly once")
        self.n_seen.zero_()
        self.n_epochs += 1

    def state_dict(self) -> dict:
        """Return all that changes, for a checkpoint."""
        changing = {"values": self.values, "n_seen": self.n_seen, "previous": self.previous}
        return {**changing, "n_epochs": self.n_epochs}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        for name, values in self.values.items():
            values.copy_(state["values"][name])
        self.n_seen.copy_(state["n_seen"])
        self.previous.copy_(state["previous"])
        self.n_epochs = state["n_epochs"]
