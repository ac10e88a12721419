"""A kept list as formats are written from it: its rows in batches, and its images as they were."""

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..io.tables import BLOCK, KEPT
from ..progress import Progress
from ._reading import Reading, encode

IMAGES = 64  # asked of a reader at a time, at most
EXPORTED = KEPT.insert(2, pa.field("class", pa.string()))  # the columns of a batch


class Sample(NamedTuple):
    """One kept sample; its image is undecoded: encoded bytes, a file, or a uint8 array (H, W) or (H, W, C)."""

    sample_id: int
    label: int  # -1: none
    class_name: str | None
    source: str
    score: float | None
    image: bytes | Path | np.ndarray


class Kept:
    """A kept list.

    Parameters
    ----------
    name : str
        Of the format, for progress.
    path : path
        A table with the columns of `tables.KEPT`.
    classes : list of str, (C,)
    samples : dict or None
        How the data set was read, see `Reading`; None where that is not asked for.

    Attributes
    ----------
    n : int
        Samples kept.
    """

    def __init__(self, name: str, path: str | os.PathLike, classes: list[str], samples: dict | None):
        self.name, self.path, self.classes, self.settings = name, path, classes, samples
        self.n = pq.read_metadata(path).num_rows

    def batches(self, size: int = BLOCK, order: np.ndarray | None = None) -> Iterator[pa.RecordBatch]:
        """Yield sample_id, label, class, source and score, `size` rows at a time.

        Rows are in order of sample_id, or in a given `order`, (n,), for which all are in memory. A sample without label
        has no class; its label stays as it is in the list.
        """
        names = pa.array(self.classes, pa.string())
        with pq.ParquetFile(self.path) as file:
            in_order = file.iter_batches(size, columns=KEPT.names)
            for batch in in_order if order is None else file.read(KEPT.names).take(order).to_batches(size):
                labels = batch["label"]
                named = names.take(pc.if_else(pc.greater_equal(labels, 0), labels, None))
                columns = {**dict(zip(KEPT.names, batch.columns, strict=True)), "class": named}
                yield pa.record_batch([columns[name] for name in EXPORTED.names], EXPORTED)

    @cached_property
    def _reading(self) -> Reading:
        assert self.settings is not None, "it was not said how the data set is read"
        return Reading(self.settings)

    @property
    def n_listed(self) -> int:
        """How many images the reader lists, the pool's among them."""
        return self._reading.n

    def rows(self) -> np.ndarray:
        """Return where the reader lists the kept samples, see `Reading`; (n,) int64, in order of sample_id."""
        return self._reading.find(pq.read_table(self.path, columns=["source"])["source"])

    def samples(self, order: np.ndarray | None = None) -> Iterator[Sample]:
        """Yield every kept sample with its image, in order of sample_id or in a given one, and show progress."""
        rows, done = self.rows() if order is None else self.rows()[order], 0
        with Progress(self.n, f"export {self.name}", "images") as progress:
            for batch in self.batches(IMAGES, order):
                images = self._reading.read(rows[done : done + len(batch)])
                for row, image in zip(batch.to_pylist(), images, strict=True):
                    label = -1 if row["label"] is None else row["label"]
                    yield Sample(row["sample_id"], label, row["class"], row["source"], row["score"], image)
                done += len(batch)
                progress.update(len(batch))

    def encoded(self, shard_bytes: int, order: np.ndarray | None = None) -> Iterator[tuple[int, Sample, bytes, str]]:
        """Yield the number of its shard, the sample, its image's bytes and their suffix (`encode`) of every sample.

        A shard has images of at most `shard_bytes`, or one that is larger.
        """
        shard = size = 0
        for sample in self.samples(order):
            raw, suffix = encode(sample.image, sample.source)
            if size and size + len(raw) > shard_bytes:
                shard, size = shard + 1, 0
            size += len(raw)
            yield shard, sample, raw, suffix
