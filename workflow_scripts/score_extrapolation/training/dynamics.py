"""The file of training dynamics: each record of each sample in each epoch. Apart from torch, since scores read it."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..io.atomic import replacing


class DynamicsWriter:
    """Write one row group an epoch: columns epoch (int32), sample_id (int64), one float32 column per record.

    Parameters
    ----------
    path : path
        Whole after the ``with`` block, absent if that raises.
    sample_ids : (m,) int64 array
        Increasing.
    records : list of str
    """

    def __init__(self, path, sample_ids: np.ndarray, records: list[str]):
        self.sample_ids = pa.array(sample_ids)
        self.records = records
        self.n_epochs = 0
        columns = [("epoch", pa.int32()), ("sample_id", pa.int64()), *((name, pa.float32()) for name in records)]
        self.schema = pa.schema(columns)
        self._replacing = replacing(path)

    def __enter__(self):
        encodings = {name: "BYTE_STREAM_SPLIT" for name in self.records} | {"sample_id": "DELTA_BINARY_PACKED"}
        self._writer = pq.ParquetWriter(
            self._replacing.__enter__(),
            self.schema,
            compression="zstd",
            use_dictionary=["epoch"],
            column_encoding=encodings,
        )
        return self

    def __exit__(self, *error):
        self._writer.close()
        return self._replacing.__exit__(*error)

    def write_epoch(self, values: dict[str, np.ndarray]) -> None:
        """Write the next epoch: of each record (m,) float32, in the order of the sample ids."""
        epoch = pa.array(np.full(len(self.sample_ids), self.n_epochs, np.int32))
        columns = [epoch, self.sample_ids, *(pa.array(values[name]) for name in self.records)]
        table = pa.Table.from_arrays(columns, schema=self.schema)
        # By default a row group ends after 1,048,576 rows.
        self._writer.write_table(table, row_group_size=len(self.sample_ids))
        self.n_epochs += 1


def read_sample_ids(path) -> np.ndarray:
    """Return the (m,) int64 sample ids of a dynamics file, increasing."""
    return pq.ParquetFile(path).read_row_group(0, columns=["sample_id"])["sample_id"].to_numpy()


def read_epochs(path, record: str) -> Iterator[np.ndarray]:
    """Yield one record epoch by epoch, (m,) float32 each, in the order of `read_sample_ids`."""
    file = pq.ParquetFile(path)
    for epoch in range(file.metadata.num_row_groups):
        yield file.read_row_group(epoch, columns=[record])[record].to_numpy()
