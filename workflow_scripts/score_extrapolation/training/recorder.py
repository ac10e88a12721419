"""What a training notes of its samples while it runs."""

import numpy as np
import torch

from ..plugins import load_method
from .dynamics import DynamicsWriter


class DynamicsRecorder:
    """Collect an epoch's records on the device; write them to the dynamics file at its end.

    Memory: one number per sample and record, whatever the number of epochs and classes.

    Parameters
    ----------
    path : path
        As `DynamicsWriter` writes it; whole or absent.
    sample_ids : (m,) int64 array
        Increasing; row i of the training tensors is sample_ids[i].
    records : list of str
        Files of ``records/``.
    device : torch.device
    """

    def __init__(self, path, sample_ids: np.ndarray, records: list[str], device: torch.device):
        self.writer = DynamicsWriter(path, sample_ids, records)
        self.observers = {name: load_method("records", name).observe for name in records}
        self.values = {name: torch.zeros(len(sample_ids), device=device) for name in records}
        self.n_seen = torch.zeros(len(sample_ids), dtype=torch.int32, device=device)

    def __enter__(self):
        self.writer.__enter__()
        return self

    def __exit__(self, *error):
        return self.writer.__exit__(*error)

    @torch.no_grad()
    def observe(self, rows: np.ndarray, probabilities: torch.Tensor, labels: torch.Tensor) -> None:
        """Note the softmax (b, C) of training rows (b,)."""
        rows = torch.from_numpy(rows).to(self.n_seen.device)
        self.n_seen.index_add_(0, rows, torch.ones_like(rows, dtype=torch.int32))
        for name, observe in self.observers.items():
            self.values[name][rows] = observe(probabilities, labels).float()

    def end_epoch(self) -> None:
        """Write the epoch; every sample must have been observed exactly once in it."""
        n_wrong = int((self.n_seen != 1).sum())
        if n_wrong:
            raise RuntimeError(f"epoch {self.writer.n_epochs}: {n_wrong} samples not seen exactly once")
        self.writer.write_epoch({name: values.cpu().numpy() for name, values in self.values.items()})
        self.n_seen.zero_()
