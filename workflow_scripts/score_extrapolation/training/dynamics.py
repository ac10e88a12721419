"""Training dynamics: each record of each sample in each epoch, written epoch by epoch."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from ..atomic import replacing
from ..plugins import load_method


class DynamicsRecorder:
    """Collect an epoch's records on the device; write them as one row group of a Parquet file at its end.

    Memory: one number per sample and record, whatever the number of epochs and classes.

    Parameters
    ----------
    path : path
        Columns epoch (int32), sample_id (int64) and one float32 column per record; whole or absent.
    sample_ids : (m,) int64 array
        Increasing; row i of the training tensors is sample_ids[i].
    records : list of str
        Files of ``records/``.
    device : torch.device
    """

    def __init__(self, path, sample_ids: np.ndarray, records: list[str], device: torch.device):
        self.sample_ids = pa.array(sample_ids)
        self.observers = {name: load_method("records", name).observe for name in records}
        self.values = {name: torch.zeros(len(sample_ids), device=device) for name in records}
        self.n_seen = torch.zeros(len(sample_ids), dtype=torch.int32, device=device)
        self.n_epochs = 0
        columns = [("epoch", pa.int32()), ("sample_id", pa.int64()), *((name, pa.float32()) for name in records)]
        self.schema = pa.schema(columns)
        self._replacing = replacing(path)

    def __enter__(self):
        encodings = {name: "BYTE_STREAM_SPLIT" for name in self.values} | {"sample_id": "DELTA_BINARY_PACKED"}
        self.writer = pq.ParquetWriter(
            self._replacing.__enter__(),
            self.schema,
            compression="zstd",
            use_dictionary=["epoch"],
            column_encoding=encodings,
        )
        return self

    def __exit__(self, *error):
        self.writer.close()
        return self._replacing.__exit__(*error)

    @torch.no_grad()
    def observe(self, rows: np.ndarray, probabilities: torch.Tensor, labels: torch.Tensor) -> None:
        """Note the softmax (b, C) of training rows (b,)."""
        rows = torch.from_numpy(rows).to(self.n_seen.device)
        self.n_seen.index_add_(0, rows, torch.ones_like(rows, dtype=torch.int32))
        for name, observe in self.observers.items():
            self.values[name][rows] = observe(probabilities, labels).float()

    def end_epoch(self) -> None:
        """Write the epoch; every sample must have been observed exactly once in it."""
        if not bool((self.n_seen == 1).all()):
            raise RuntimeError(f"epoch {self.n_epochs}: {int((self.n_seen != 1).sum())} samples not seen exactly once")
        epoch = pa.array(np.full(len(self.sample_ids), self.n_epochs, np.int32))
        columns = [epoch, self.sample_ids, *(pa.array(v.cpu().numpy()) for v in self.values.values())]
        # By default a row group ends after 1,048,576 rows.
        table = pa.Table.from_arrays(columns, schema=self.schema)
        self.writer.write_table(table, row_group_size=len(self.sample_ids))
        self.n_seen.zero_()
        self.n_epochs += 1


def read_sample_ids(path) -> np.ndarray:
    """Return the (m,) int64 sample ids of a dynamics file, increasing."""
    return pq.ParquetFile(path).read_row_group(0, columns=["sample_id"])["sample_id"].to_numpy()


def read_epochs(path, record: str) -> Iterator[np.ndarray]:
    """Yield one record epoch by epoch, (m,) float32 each, in the order of `read_sample_ids`."""
    file = pq.ParquetFile(path)
    for epoch in range(file.metadata.num_row_groups):
        yield file.read_row_group(epoch, columns=[record])[record].to_numpy()
