"""What selection methods read: scores and labels of all samples, batch by batch, from arrays or from tables."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..faults import InputFault
from ..progress import Progress

BATCH = 2**17  # large enough that a batch's cost is that of its rows, small enough for the processor's cache


class Samples(ABC):
    """All samples, in order of sample_id; a row is a sample's place in that order.

    Attributes
    ----------
    n : int
        How many there are.
    score_type : numpy.dtype
        Of the scores: float32 or float64.
    """

    n: int
    score_type: np.dtype

    @abstractmethod
    def _batches(self, columns: tuple[str, ...]) -> Iterator[tuple[np.ndarray, ...]]: ...

    def batches(self, *columns: str) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the columns batch by batch, from the first row on: a pass over the data, of one batch in memory.

        Parameters
        ----------
        *columns : {"score", "label"}
            score: (b,), higher = more important; label: int64, the classes' numbers, from 0.

        Raises
        ------
        InputFault
            A score is NaN, or labels are asked for where there are none.
        """
        for batch in self._batches(columns):
            if "score" in columns and np.isnan(batch[columns.index("score")]).any():
                raise self._nan_fault()
            yield batch

    def read(self, column: str) -> np.ndarray:
        """Return a whole column, (n,), for methods that need all samples at once."""
        return np.concatenate([values for (values,) in self.batches(column)])

    def class_sizes(self) -> np.ndarray:
        """Return how many samples each class has, (C,) int64; a number that no sample has counts as a class of none."""
        sizes = np.zeros(0, np.int64)
        for (labels,) in self.batches("label"):
            found = np.bincount(labels, minlength=len(sizes))
            found[: len(sizes)] += sizes
            sizes = found
        return sizes

    def masks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yield for each batch which of its samples are among the rows."""
        everywhere = np.zeros(self.n, bool)
        everywhere[rows] = True
        for start in range(0, self.n, BATCH):
            yield everywhere[start : start + BATCH]

    def _nan_fault(self) -> InputFault:
        n_nan, first, row = 0, None, 0
        for (scores,) in self._batches(("score",)):
            is_nan = np.isnan(scores)
            if first is None and is_nan.any():
                first = row + is_nan.argmax()
            n_nan, row = n_nan + is_nan.sum(), row + len(scores)
        return InputFault(f"{n_nan} scores are NaN, the first in row {first}; none can be ranked")


class SampleArrays(Samples):
    """Scores, (n,) float64, and labels, (n,) int64 or None, in memory."""

    def __init__(self, scores: np.ndarray, labels: np.ndarray | None):
        self.n, self.score_type = len(scores), scores.dtype
        self.columns = {"score": scores, "label": labels}

    def _batches(self, columns):
        arrays = [self.columns[name] for name in columns]
        if any(values is None for values in arrays):
            raise InputFault("labels are missing; give one per score, or select by a method that reads none")
        for start in range(0, self.n, BATCH):
            yield tuple(values[start : start + BATCH] for values in arrays)


class SampleTables(Samples):
    """The files of the samples and of their scores, both in order of sample_id.

    Parameters
    ----------
    samples_path : path
        Columns of `tables.SAMPLES`.
    scores_path : path or None
        Columns sample_id and score, for the same samples; None for a method that reads no scores.

    Raises
    ------
    InputFault
        There are more or fewer scores than samples.
    """

    score_type = np.dtype(np.float32)

    def __init__(self, samples_path, scores_path=None):
        self.samples_path, self.scores_path = samples_path, scores_path
        self.n = pq.read_metadata(samples_path).num_rows
        if scores_path and (n_scores := pq.read_metadata(scores_path).num_rows) != self.n:
            raise InputFault(f"{scores_path}: has {n_scores} samples, {samples_path} has {self.n}; make it anew")

    def _batches(self, columns):
        passes = [self._read(self.scores_path if name == "score" else self.samples_path, [name]) for name in columns]
        with Progress(self.n, f"read {' and '.join(columns)}", "samples") as progress:
            for batch in zip(*passes, strict=True):
                yield tuple(part.column(0).to_numpy(zero_copy_only=False) for part in batch)
                progress.update(len(batch[0]))

    def blocks(self) -> Iterator[pa.RecordBatch]:
        """Yield all columns of `tables.KEPT` in the batches of `batches`; scores are null where there are none.

        Raises
        ------
        InputFault
            A score is that of another sample than the one in its row.
        """
        columns, start = ["sample_id", "label", "source"], 0
        scored = self._read(self.scores_path, ["sample_id", "score"]) if self.scores_path else None
        for samples in self._read(self.samples_path, columns):
            if scored is None:
                scores = pa.nulls(len(samples), pa.float32())
            else:
                batch = next(scored)
                self._check_ids(start, samples["sample_id"].to_numpy(), batch["sample_id"].to_numpy())
                scores = batch["score"]
            yield samples.append_column("score", scores)
            start += len(samples)

    def _read(self, path, columns: list[str]) -> Iterator[pa.RecordBatch]:
        # What is buffered ahead would be held to the end of the file.
        for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(BATCH, columns=columns):
            yield batch.select(columns)  # the file's order may be another

    def _check_ids(self, start: int, sample_ids: np.ndarray, scored_ids: np.ndarray) -> None:
        if (other := sample_ids != scored_ids).any():
            row = other.argmax()
            raise InputFault(
                f"{self.scores_path}: row {start + row} is sample {scored_ids[row]}, but in {self.samples_path} it is "
                f"sample {sample_ids[row]}; make it anew"
            )
