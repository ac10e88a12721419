"""Parquet: the kept list with the names of its classes."""

import pyarrow.parquet as pq

from ..plugins import Section
from ._kept import EXPORTED

SUFFIX = ".parquet"


class Options(Section):
    """No settings."""


def write(options, kept, path):
    """Write sample_id, label, class, source and score, compressed as every reader of Parquet knows it (snappy)."""
    with pq.ParquetWriter(path, EXPORTED) as writer:
        for batch in kept.batches():
            writer.write_batch(batch)
