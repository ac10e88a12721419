"""What selection methods read: scores and labels of all samples, batch by batch, from arrays or from tables."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..faults import InputFault
from ..io.tables import SAMPLES, read_blocks
from ..progress import Progress

# What a method may read, by the word for it in sentences.
PLURALS = {"score": "scores", "doubt": "doubts", "label": "labels", "draws": "draws"}
# Tables that a method may read, with their columns beside sample_id, of a row for each sample.
TABLES: dict[str, tuple[str, ...]] = {
    "embeddings": ("embedding",),
    "neighbors/all": ("neighbor_ids", "neighbor_distances"),
    "subset": (),
}
BATCH = 2**17  # large enough that a batch's cost is that of its rows, small enough for the processor's cache


class Samples(ABC):
    """All samples, in order of sample_id; a row is a sample's place in that order.

    Attributes
    ----------
    n : int
        How many there are.
    score_type : numpy.dtype
        Of the scores: float32 or float64.
    labelled : bool
        Whether there are labels to read.
    tables : dict
        What `table` yields, by the names of tables.
    """

    n: int
    score_type: np.dtype
    labelled: bool
    tables: dict
    first: int = 0  # where these samples begin in files whose batches are read

    @abstractmethod
    def _batches(self, columns: tuple[str, ...]) -> Iterator[tuple[np.ndarray, ...]]: ...

    @abstractmethod
    def read_ids(self) -> np.ndarray:
        """Return the samples' ids, (n,) int64, increasing."""

    @abstractmethod
    def _table(self, name: str) -> Iterator[dict[str, np.ndarray]]: ...

    def table(self, name: str) -> Iterator[dict[str, np.ndarray]]:
        """Yield a table that the method's options say it needs, block by block, in order of sample_id.

        Only rows of these samples come, each with its `sample_id`; not every table has all of them.
        """
        ids = self.read_ids()
        for block in self._table(name):
            own = (block["sample_id"] >= ids[0]) & (block["sample_id"] <= ids[-1])
            yield block if own.all() else {column: values[own] for column, values in block.items()}

    def batches(self, *columns: str) -> Iterator[tuple[np.ndarray, ...]]:
        """Yield the columns batch by batch, from the first row on: a pass over the data, of one batch in memory.

        Parameters
        ----------
        *columns : {"score", "doubt", "label", "draws"}
            score: (b,), higher = more important; doubt: another score of the same samples, which only a method reads
            whose options name one; label: int64, the classes' numbers, from 0; draws: (b, D) scores that each may have,
            of certain scores these, (b, 1).

        Raises
        ------
        InputFault
            A score is NaN, or a column is asked for that is not there.
        """
        for batch in self._batches(columns):
            for column, values in zip(columns, batch, strict=True):
                if column != "label" and np.isnan(values).any():  # of a sample with a draw that is NaN, too
                    raise self._nan_fault(column)
            yield batch

    def read(self, column: str) -> np.ndarray:
        """Return a whole column, (n,) or (n, D), for methods that need all samples at once."""
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
        edges = range(BATCH - self.first % BATCH, self.n, BATCH)
        for start, stop in pairwise([0, *edges, self.n]):
            yield everywhere[start:stop]

    def _nan_fault(self, column: str) -> InputFault:
        n_nan, first, row = 0, None, self.first
        for (scores,) in self._batches((column,)):
            is_nan = np.isnan(scores.reshape(len(scores), -1)).any(axis=1)
            if first is None and is_nan.any():
                first = row + is_nan.argmax()
            n_nan, row = n_nan + is_nan.sum(), row + len(scores)
        return InputFault(f"{n_nan} {PLURALS[column]} are NaN, the first in row {first}; none can be ranked")


class SampleArrays(Samples):
    """Scores and doubts, (n,) float64, labels, (n,) int64, and draws, (n, D) float, in memory; all but scores optional.

    `tables` has columns by the names of tables, whose ids are rows.

    Raises
    ------
    InputFault
        There are more or fewer labels, doubts or draws than scores, draws are not (n, D), or a table is none that a
        method reads, or not of these samples.
    """

    def __init__(
        self,
        scores: np.ndarray,
        labels: np.ndarray | None,
        doubts: np.ndarray | None = None,
        draws: np.ndarray | None = None,
        tables: dict | None = None,
    ):
        for name, column in (("labels", labels), ("doubts", doubts)):
            if column is not None and len(column) != len(scores):
                raise InputFault(f"there are {len(column)} {name} for {len(scores)} scores; give one per score")
        if draws is None:
            draws = scores[:, None]
        elif draws.ndim != 2 or len(draws) != len(scores) or not draws.shape[1]:
            raise InputFault(f"draws are {draws.shape}; give a row for each of the {len(scores)} scores, (n, D)")
        self.n, self.score_type, self.labelled = len(scores), scores.dtype, labels is not None
        self.columns = {"score": scores, "doubt": doubts, "label": labels, "draws": draws}
        self.tables = {name: _checked(name, table, self.n) for name, table in (tables or {}).items()}

    def read_ids(self):
        return np.arange(self.n)

    def _table(self, name):
        if name not in self.tables:
            raise InputFault(f"the table {name} is missing; give it in tables, or select by a method that reads none")
        yield self.tables[name]

    def _batches(self, columns):
        arrays = []
        for name in columns:
            if (values := self.columns[name]) is None:
                raise _missing(name)
            arrays.append(values)
        for start in range(0, self.n, BATCH):
            yield tuple(values[start : start + BATCH] for values in arrays)


class SampleTables(Samples):
    """The files of the samples and of their scores, all in order of sample_id.

    Parameters
    ----------
    samples_path : path
        Columns of `tables.SAMPLES`.
    scores_path : path or None
        Columns sample_id and score, for the same samples; None for a method that reads no scores.
    doubts_path : path or None
        The same of another score; None for a method that reads no other.
    first, n : int, optional
        Only n samples, from this row of the files on; all from there by default.
    labelled : bool
        Whether the labels of the samples may be read.
    tables : dict of str to path or list of paths, optional
        Those that the method needs, whole or in shards.

    Raises
    ------
    InputFault
        There are more or fewer scores than samples.
    """

    score_type = np.dtype(np.float32)

    def __init__(
        self,
        samples_path,
        scores_path=None,
        doubts_path=None,
        first: int = 0,
        n: int | None = None,
        labelled: bool = True,
        tables: dict | None = None,
    ):
        self.tables = tables or {}
        self.samples_path, self.scores_path, self.doubts_path = samples_path, scores_path, doubts_path
        self.labelled = labelled
        n_rows = pq.read_metadata(samples_path).num_rows
        self.first, self.n = first, n_rows - first if n is None else n
        for path in filter(None, (scores_path, doubts_path)):
            if (n_scores := pq.read_metadata(path).num_rows) != n_rows:
                raise InputFault(f"{path}: has {n_scores} samples, {samples_path} has {n_rows}; make it anew")

    def _batches(self, columns):
        passes = [self._column(name) for name in columns]
        with Progress(self.n, f"read {' and '.join(columns)}", "samples") as progress:
            for batch in zip(*passes, strict=True):
                yield tuple(_as_array(values) for values in batch)
                progress.update(len(batch[0]))

    def read_ids(self):
        return np.concatenate([batch["sample_id"] for batch in self._read(self.samples_path, ["sample_id"])])

    def _table(self, name):
        return read_blocks(self.tables[name])

    def _column(self, name: str) -> Iterator[pa.Array]:
        if name == "label":
            if not self.labelled:
                raise _missing(name)
            return (batch["label"] for batch in self._read(self.samples_path, ["label"]))
        path = self.doubts_path if name == "doubt" else self.scores_path
        if not path:
            raise _missing(name)
        if name == "draws" and name not in pq.read_schema(path).names:
            return (_single(batch["score"]) for batch in self._read(path, ["score"]))
        if name != "doubt":  # whose ids are compared once, by `blocks`
            return (batch[name] for batch in self._read(path, [name]))
        return (batch["score"] for batch in self._with_scores(["sample_id"], path))

    def blocks(self) -> Iterator[pa.RecordBatch]:
        """Yield the columns of `tables.KEPT` in the batches of `batches`; scores are null where there are none.

        Of samples whose table has no sources there are none here.

        Raises
        ------
        InputFault
            A score is that of another sample than the one in its row.
        """
        there = pq.read_schema(self.samples_path).names
        columns = [name for name in SAMPLES.names if name in there]
        if self.scores_path:
            yield from self._with_scores(columns, self.scores_path)
        else:
            for samples in self._read(self.samples_path, columns):
                yield samples.append_column("score", pa.nulls(len(samples), pa.float32()))

    def _with_scores(self, columns: list[str], path) -> Iterator[pa.RecordBatch]:
        """Yield columns of the samples, sample_id first, and beside them the scores of a table, by the same ids."""
        start, scored = self.first, self._read(path, ["sample_id", "score"])
        for samples, scores in zip(self._read(self.samples_path, columns), scored, strict=True):
            sample_ids, scored_ids = samples["sample_id"].to_numpy(), scores["sample_id"].to_numpy()
            if (other := sample_ids != scored_ids).any():
                row = other.argmax()
                raise InputFault(
                    f"{path}: row {start + row} is sample {scored_ids[row]}, but in {self.samples_path} it is "
                    f"sample {sample_ids[row]}; make it anew"
                )
            yield samples.append_column("score", scores["score"])
            start += len(samples)

    def _read(self, path, columns: list[str]) -> Iterator[pa.RecordBatch]:
        if not self.n:
            return
        row, last = 0, self.first + self.n
        # What is buffered ahead would be held to the end of the file.
        for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(BATCH, columns=columns):
            start, stop = max(row, self.first), min(row + len(batch), last)
            if start < stop:
                yield batch.slice(start - row, stop - start).select(columns)  # the file's order may be another
            row += len(batch)
            if row >= last:
                break


def split_tables(
    samples_path, scores_path, doubts_path, n_pool: int | None, labelled: bool, tables: dict | None = None
) -> tuple[SampleTables, SampleTables]:
    """Return the samples that are all kept, of which there are none without a pool, and those that are pruned."""
    n_own = 0 if n_pool is None else pq.read_metadata(samples_path).num_rows - n_pool
    paths = samples_path, scores_path, doubts_path
    return SampleTables(*paths, n=n_own), SampleTables(*paths, first=n_own, labelled=labelled, tables=tables)


def _checked(name: str, table: dict, n: int) -> dict[str, np.ndarray]:
    """Return a table as arrays, of as many rows each, whose ids are rows of n samples."""
    if name not in TABLES:
        raise InputFault(f"tables: {name} is none that a method reads; there are {', '.join(TABLES)}")
    columns = {column: np.asarray(values) for column, values in table.items()}
    for column in ("sample_id", *TABLES[name]):
        if column not in columns:
            raise InputFault(f"tables: {name} has no {column}; give it, and sample_id, the rows of the scores")
    ids = columns["sample_id"]
    sound = ids.dtype.kind in "iu" and ids.ndim == 1 and (np.diff(ids) > 0).all()
    if not sound or (len(ids) and not 0 <= ids[0] <= ids[-1] < n):
        raise InputFault(f"tables: sample_id of {name} is not of different rows of the {n} scores, increasing")
    for column in TABLES[name]:
        if columns[column].ndim != 2 or len(columns[column]) != len(ids):
            shape = columns[column].shape
            raise InputFault(f"tables: {column} of {name} is {shape}; give one row for each of its {len(ids)} samples")
    return columns


def _single(scores: pa.Array) -> pa.FixedSizeListArray:
    """Return certain scores as draws, one of each."""
    return pa.FixedSizeListArray.from_arrays(scores, 1)


def _as_array(values: pa.Array) -> np.ndarray:
    """Return (b,), or (b, D) of lists."""
    if not pa.types.is_fixed_size_list(values.type):
        return values.to_numpy(zero_copy_only=False)
    flat = values.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(-1, values.type.list_size)


def _missing(column: str) -> InputFault:
    each = "sample" if column == "score" else "score"
    return InputFault(f"{PLURALS[column]} are missing; give one per {each}, or select by a method that reads none")
