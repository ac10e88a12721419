"""What a training notes of its samples while it runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..io.atomic import replacing
from ..records import Observer
from .dynamics import DynamicsWriter
from .processes import Group


class DynamicsRecorder:
    """Collect an epoch's records on the device; keep each finished epoch in a file of its own.

    The epochs become one dynamics file at the end: a Parquet file that is being written is lost when its writer is
    killed. With several processes, process 0 sees the samples of all.

    Parameters
    ----------
    folder : path
        Where the finished epochs are kept until `write`.
    records : list of str
        Files of ``records/``.
    labels : (m,) int64 tensor
        Of the training's samples, on the device.
    n_classes : int
    previous_dtype : torch.dtype
        As in `Observer`.
    group : Group
    """

    def __init__(
        self, folder, records: Sequence[str], labels: torch.Tensor, n_classes: int, previous_dtype, group: Group
    ):
        self.folder = Path(folder)
        self.records, self.labels, self.group = list(records), labels, group
        self.observer = None
        if group.rank == 0:
            settings = {"device": labels.device, "previous_dtype": previous_dtype}
            self.observer = Observer(self.records, len(labels), n_classes, **settings)

    def observe(self, batch: np.ndarray, log_probabilities: torch.Tensor) -> None:
        """Note a batch of rows, of which this process has computed the log-softmax (b, C) of its part."""
        whole = self.group.gather(len(batch), log_probabilities)
        if self.observer:
            rows = torch.from_numpy(batch).to(self.labels.device)
            self.observer.observe(rows, whole, self.labels[rows])

    def end_epoch(self) -> None:
        """Keep the epoch; every sample must have been observed exactly once in it."""
        if self.observer:
            epoch = self.observer.n_epochs
            self.observer.end_epoch()
            values = np.stack([self.observer.values[name].cpu().numpy() for name in self.records])
            with replacing(self._file(epoch)) as partial, open(partial, "wb") as file:
                np.save(file, values)

    def n_bytes(self) -> int:
        """Return what this process keeps on the device."""
        kept = [*self.observer.values.values(), self.observer.n_seen, self.observer.previous] if self.observer else []
        return sum(tensor.nbytes for tensor in kept)

    def write(self, path, sample_ids: np.ndarray) -> None:
        """Write all epochs as a dynamics file; row i of the training is sample_ids[i], increasing."""
        if self.observer:
            with DynamicsWriter(path, sample_ids, self.records) as writer:
                for epoch in range(self.observer.n_epochs):
                    writer.write_epoch(dict(zip(self.records, np.load(self._file(epoch)), strict=True)))

    def _file(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.npy"

    def state_dict(self) -> dict:
        """Return what is not yet in a file; of process 0, which alone saves."""
        return self.observer.state_dict() if self.observer else {}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        if self.observer:
            self.observer.load_state_dict(state)
