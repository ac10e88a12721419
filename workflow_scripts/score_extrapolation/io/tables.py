"""Parquet tables keyed by sample_id: fixed schemas, file metadata, alignment.

A table is one file, or its shards (see `shards`), each of which has the next of its rows.
"""

import json
import os
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .atomic import replacing

BLOCK = 65_536  # rows of a table that is read piece by piece
# The most of a row group, all of which is in memory while it is written: rows, and numbers of a column of vectors. A
# million vectors of 512 take 5 GB in one, and more than twice as long as in eight.
ROW_GROUP = 2**20
NUMBERS = 2**26

SAMPLES = pa.schema([("sample_id", pa.int64()), ("label", pa.int64()), ("source", pa.string())])
SUBSET = pa.schema([("sample_id", pa.int64()), ("label", pa.int64())])
SCORES = pa.schema([("sample_id", pa.int64()), ("score", pa.float32())])
DRAWS = 12  # scores that a sample may have, drawn from what is predicted of it
EXTRAPOLATED = pa.schema(
    [
        ("sample_id", pa.int64()),
        ("score", pa.float32()),
        ("computed", pa.bool_()),
        ("spread", pa.float32()),
        ("draws", pa.list_(pa.field("element", pa.float32(), nullable=False), DRAWS)),  # as read back
    ]
)
KEPT = pa.schema([("sample_id", pa.int64()), ("label", pa.int64()), ("source", pa.string()), ("score", pa.float32())])

Paths = str | os.PathLike | list  # of a file, or of shards in order


def _to_arrow(values, field: pa.Field) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(field.type)
    if pa.types.is_fixed_size_list(field.type):
        flat = pa.array(np.ascontiguousarray(values).reshape(-1), field.type.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, type=field.type)
    # A score that is not known is null in the file and NaN in memory.
    return pa.array(values, field.type, from_pandas=pa.types.is_floating(field.type))


def write_table(path: str | os.PathLike, schema: pa.Schema, metadata: dict, **columns) -> None:
    """Write one array per column of `schema` to a Parquet file, whole or not at all.

    Parameters
    ----------
    path : path
        Written under a temporary name and renamed.
    schema : pyarrow.Schema
        One of this module's; the columns' order and types.
    metadata : dict
        JSON values, kept in the file under the key ``score_extrapolation``.
    **columns : arrays
        (n,) per scalar column, (n, d) per vector column. Rows are sorted by sample_id here, so that every
        file of a stage has one row order whatever produced it.
    """
    order = np.argsort(np.asarray(columns["sample_id"]), kind="stable")
    in_order = bool((order == np.arange(len(order))).all())
    if not in_order:
        for name, values in columns.items():
            is_arrow = isinstance(values, pa.ChunkedArray)
            columns[name] = values.take(pa.array(order)) if is_arrow else np.asarray(values)[order]
    write_blocks(path, schema, metadata, [columns])


def write_blocks(path: str | os.PathLike, schema: pa.Schema, metadata: dict, blocks: Iterable[dict]) -> None:
    """Write a table of which only a part is in memory at a time; the bytes are those that `write_table` writes.

    Parameters
    ----------
    path, schema, metadata
        As of `write_table`.
    blocks : iterable of dict
        The columns of consecutive rows, in order of sample_id, of any number of rows each.

    Raises
    ------
    ValueError
        The ids do not increase.
    """
    note = {"score_extrapolation": json.dumps(metadata, sort_keys=True)}
    # Split by byte position, floats compress by a fifth to a third; Arrow wants dictionaries off for it.
    floats = [f"{f.name}.list.element" if pa.types.is_fixed_size_list(f.type) else f.name for f in schema]
    kinds = [f.type.value_type if pa.types.is_fixed_size_list(f.type) else f.type for f in schema]
    split = {name: "BYTE_STREAM_SPLIT" for name, kind in zip(floats, kinds, strict=True) if pa.types.is_floating(kind)}
    dictionary = [name for name, kind in zip(floats, kinds, strict=True) if pa.types.is_string(kind)]
    options = dict(compression="zstd", use_dictionary=dictionary, column_encoding=split or None)
    noted = schema.with_metadata(note)
    tables = (pa.Table.from_arrays([_to_arrow(block[f.name], f) for f in schema], schema=noted) for block in blocks)
    with replacing(path) as partial, pq.ParquetWriter(partial, noted, **options) as writer:
        for group in _row_groups(tables, noted):
            writer.write_table(group, row_group_size=max(1, len(group)))


def _row_groups(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of tables in tables of one size, each in one piece, and the rest; of no rows, a table of none."""
    width = max(f.type.list_size if pa.types.is_fixed_size_list(f.type) else 1 for f in schema)
    n_rows = max(1, min(ROW_GROUP, NUMBERS // width))
    held, last_id, is_first = schema.empty_table(), None, True
    for table in tables:
        if table.num_rows == 0:
            continue  # a part of no rows may still hold the block that it is a part of
        ids = table["sample_id"].to_numpy()
        if (np.diff(ids) < 0).any() or (last_id is not None and ids[0] < last_id):
            raise ValueError("the blocks of a table are not in order of sample_id")
        last_id = ids[-1]
        held = pa.concat_tables([held, table])
        while held.num_rows >= n_rows:
            yield held.slice(0, n_rows).combine_chunks()  # pages end where chunks do
            held, is_first = held.slice(n_rows), False
    if held.num_rows or is_first:
        yield held.combine_chunks()


def gather_table(path: str | os.PathLike, metadata: dict, shards: list) -> None:
    """Write the rows of all shards to one file, whole or not at all: but for `metadata`, that of an unsharded table.

    Memory: the rows of one shard and of a row group.
    """
    tables = (_read_file(shard) for shard in shards)
    blocks = (dict(zip(table.column_names, table.columns, strict=True)) for table in tables)
    write_blocks(path, pq.read_schema(shards[0]).remove_metadata(), metadata, blocks)


def write_vectors(path: str | os.PathLike, metadata: dict, **columns) -> None:
    """Write sample_id and fixed-width vectors, (n, d) numpy arrays whose dtype and width make the schema."""
    fields = [("sample_id", pa.int64())]
    for name, values in columns.items():
        if name != "sample_id":
            item = pa.field("item", pa.from_numpy_dtype(values.dtype), nullable=False)
            fields.append((name, pa.list_(item, values.shape[1])))
    write_table(path, pa.schema(fields), metadata, **columns)


def read_table(paths: Paths, columns: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read a table as one numpy array per column: (n,), or (n, d) for vectors; strings as object arrays."""
    return _as_arrays(pa.concat_tables([_read_file(path, columns) for path in _listed(paths)]))


def read_blocks(paths: Paths, columns: list[str] | None = None) -> Iterator[dict[str, np.ndarray]]:
    """Yield a table's rows in order, `BLOCK` of a file at a time, each block as `read_table` returns a table."""
    for path in _listed(paths):
        # What is buffered ahead would be held to the end of the file.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            for rows in file.iter_batches(BLOCK, columns=columns):
                yield _as_arrays(pa.Table.from_batches([rows]))


def read_rows(paths: Paths, column: str, sample_ids: np.ndarray) -> np.ndarray:
    """Return some samples' values of a column, (q,) or (q, d), with no more of it in memory than these and a block.

    Parameters
    ----------
    paths : path or list of paths
    column : str
    sample_ids : (q,) int64
        Increasing.

    Raises
    ------
    KeyError
        An id is not in the table.
    """
    values, found = None, 0
    for path in _listed(paths):
        ids = read_table(path, ["sample_id"])["sample_id"]
        of_file = slice(*np.searchsorted(sample_ids, ids[[0, -1]] + [0, 1])) if len(ids) else slice(0, 0)
        for block in read_blocks(path, ["sample_id", column]) if of_file.start < of_file.stop else ():
            ids = block["sample_id"]
            wanted = sample_ids[slice(*np.searchsorted(sample_ids, ids[[0, -1]] + [0, 1]))]
            if values is None:
                values = np.empty((len(sample_ids), *block[column].shape[1:]), block[column].dtype)
            values[found : found + len(wanted)] = block[column][rows_of(ids, wanted)]
            found += len(wanted)
    if found < len(sample_ids):
        raise KeyError(f"{len(sample_ids) - found} of {len(sample_ids)} sample_ids are not in the table")
    return read_table(_listed(paths)[0], [column])[column][:0] if values is None else values


def _listed(paths: Paths) -> list:
    return list(paths) if isinstance(paths, list | tuple) else [paths]


def _read_file(path: str | os.PathLike, columns: list[str] | None = None) -> pa.Table:
    """Read a file as `pyarrow.parquet.read_table` does, which imports more for it than most jobs take."""
    with pq.ParquetFile(path) as file:
        return file.read(columns=columns)


def _as_arrays(table: pa.Table) -> dict[str, np.ndarray]:
    arrays = {}
    for name in table.column_names:
        column = table.column(name).combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            flat = column.flatten().to_numpy(zero_copy_only=True)
            arrays[name] = flat.reshape(-1, column.type.list_size)
        else:
            arrays[name] = column.to_numpy(zero_copy_only=False)
    return arrays


def read_metadata(path: str | os.PathLike) -> dict:
    """Return the metadata that `write_table` kept in the file."""
    return json.loads(pq.read_schema(path).metadata[b"score_extrapolation"])


def rows_of(sample_ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the row of each wanted id in a sorted id column; alignment is by id, never by position.

    Parameters
    ----------
    sample_ids : (n,) int64
        Strictly increasing, as `write_table` writes them.
    wanted : (q,) int64

    Returns
    -------
    (q,) int64
        ``sample_ids[rows] == wanted``.

    Raises
    ------
    KeyError
        An id is not in the table.
    """
    rows = np.searchsorted(sample_ids, wanted)
    found = rows < len(sample_ids)
    found[found] = sample_ids[rows[found]] == wanted[found]
    if not found.all():
        raise KeyError(f"sample_id {wanted[~found][0]} is not in the table ({(~found).sum()} ids are missing)")
    return rows
