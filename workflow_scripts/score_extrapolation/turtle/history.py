"""What each epoch's encoder says of the samples, told when the training is over and the pseudo-labels are known.

A record is of a sample's label, and the pseudo-label is known only at the end. The probabilities of all classes until
then would be K m C numbers; the encoders that give them are K C (d + 2).
"""

from pathlib import Path

import numpy as np
import torch

from ..faults import Interrupted
from ..progress import Progress
from ..records import Observer
from ..training.dynamics import DynamicsWriter
from .encoder import TaskEncoder
from .features import take_rows

BLOCK = 4096  # rows that all encoders are asked about before the next are read


class History:
    """The encoder after each epoch, a file each, until `replay`.

    Parameters
    ----------
    folder : path
        Outside the outputs.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def keep(self, epoch: int, encoder: TaskEncoder) -> None:
        """Keep the encoder as it is after an epoch, counted from 0; a file of that epoch is replaced."""
        encoder.save(self.folder / f"epoch-{epoch}.safetensors")

    def load(self, epoch: int) -> TaskEncoder:
        """Return the encoder after an epoch."""
        return TaskEncoder.load(self.folder / f"epoch-{epoch}.safetensors")

    def replay(
        self,
        n_epochs: int,
        features: list[np.memmap],
        sample_ids: np.ndarray,
        labels: np.ndarray,
        records: list[str],
        dynamics_path,
        device: torch.device,
        checkpoints=None,
    ) -> None:
        """Write the records of each epoch of the final pseudo-labels, as `training.dynamics_recorder` those of labels.

        Parameters
        ----------
        n_epochs : int
        features : list of (m, d_s) float32 arrays
            As `features.gather_features` returns them.
        sample_ids : (m,) int64
            Increasing.
        labels : (m,) int64
            Of 0..C-1.
        records : list of str
            Files of ``records/``.
        dynamics_path : path
        device : torch.device
        checkpoints : Checkpoints, optional
            Tells when to stop.

        Raises
        ------
        Interrupted
            A signal said to stop. Nothing is saved: the next start replays from the beginning.

        Notes
        -----
        Cost: one pass over the features, K products of (C, d) and (d, m). Memory: a block of features and its records,
        and one encoder; the records of all epochs are K m numbers each, on the disk, as in the dynamics file.
        """
        m, size = len(sample_ids), np.dtype(np.float32).itemsize
        self.folder.mkdir(parents=True, exist_ok=True)
        # Blocks come one after the other, and epochs leave one after the other. A file, since a mapping's pages count
        # as this process's memory.
        with open(self.folder / "records.bin", "w+b") as file:
            with Progress(m, "records", "samples") as progress:
                for start in range(0, m, BLOCK):
                    if checkpoints and checkpoints.told_to_stop():
                        raise Interrupted("recording was told to stop; the next start records from the beginning")
                    rows = slice(start, min(start + BLOCK, m))
                    values = self._observe(n_epochs, take_rows(features, rows), labels[rows], records, device)
                    for line, of_epoch in enumerate(values.reshape(-1, values.shape[-1])):
                        file.seek((line * m + start) * size)
                        file.write(of_epoch)
                    progress.update(rows.stop - rows.start)
            with DynamicsWriter(dynamics_path, sample_ids, records) as writer:
                for epoch in range(n_epochs):
                    columns = {}
                    for i, name in enumerate(records):
                        file.seek((i * n_epochs + epoch) * m * size)
                        columns[name] = np.fromfile(file, np.float32, m)
                    writer.write_epoch(columns)

    def _observe(self, n_epochs, features, labels, records, device) -> np.ndarray:
        """Return the records of a block in all epochs, (R, K, b)."""
        labels, rows = torch.from_numpy(labels).to(device), torch.arange(len(labels), device=device)
        values = np.empty((len(records), n_epochs, len(labels)), np.float32)
        for epoch in range(n_epochs):
            encoder = self.load(epoch).to(device)
            if epoch == 0:
                phi = encoder.standardise(features)
                observer = Observer(records, len(labels), encoder.n_classes, device)
            observer.observe(rows, encoder.log_tau(phi), labels)
            observer.end_epoch()
            for i, name in enumerate(records):
                values[i, epoch] = observer.values[name].cpu().numpy()
        return values
