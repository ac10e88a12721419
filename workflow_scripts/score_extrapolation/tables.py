"""Parquet tables keyed by sample_id: fixed schemas, file metadata, alignment."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .atomic import replacing

SAMPLES = pa.schema([("sample_id", pa.int64()), ("label", pa.int64()), ("source", pa.string())])
SUBSET = pa.schema([("sample_id", pa.int64()), ("label", pa.int64())])
SCORES = pa.schema([("sample_id", pa.int64()), ("score", pa.float32())])
EXTRAPOLATED = pa.schema(
    [("sample_id", pa.int64()), ("score", pa.float32()), ("computed", pa.bool_()), ("spread", pa.float32())]
)
KEPT = pa.schema([("sample_id", pa.int64()), ("label", pa.int64()), ("source", pa.string()), ("score", pa.float32())])


def _to_arrow(values, field: pa.Field) -> pa.Array:
    if pa.types.is_fixed_size_list(field.type):
        flat = pa.array(np.ascontiguousarray(values).reshape(-1), field.type.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, type=field.type)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values.cast(field.type)
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
    arrays = []
    for field in schema:
        values = columns[field.name]
        if not in_order:
            values = values.take(pa.array(order)) if isinstance(values, pa.ChunkedArray) else np.asarray(values)[order]
        arrays.append(_to_arrow(values, field))
    note = {"score_extrapolation": json.dumps(metadata, sort_keys=True)}
    table = pa.Table.from_arrays(arrays, schema=schema.with_metadata(note))
    # Split by byte position, floats compress by a fifth to a third; Arrow wants dictionaries off for it.
    floats = [f"{f.name}.list.element" if pa.types.is_fixed_size_list(f.type) else f.name for f in schema]
    kinds = [f.type.value_type if pa.types.is_fixed_size_list(f.type) else f.type for f in schema]
    split = {name: "BYTE_STREAM_SPLIT" for name, kind in zip(floats, kinds, strict=True) if pa.types.is_floating(kind)}
    dictionary = [name for name, kind in zip(floats, kinds, strict=True) if pa.types.is_string(kind)]
    with replacing(path) as partial:
        pq.write_table(table, partial, compression="zstd", use_dictionary=dictionary, column_encoding=split or None)


def write_vectors(path: str | os.PathLike, metadata: dict, **columns) -> None:
    """Write sample_id and fixed-width vectors, (n, d) numpy arrays whose dtype and width make the schema."""
    fields = [("sample_id", pa.int64())]
    for name, values in columns.items():
        if name != "sample_id":
            item = pa.field("item", pa.from_numpy_dtype(values.dtype), nullable=False)
            fields.append((name, pa.list_(item, values.shape[1])))
    write_table(path, pa.schema(fields), metadata, **columns)


def read_table(path: str | os.PathLike, columns: list[str] | None = None) -> dict[str, np.ndarray]:
    """Read a table as one numpy array per column: (n,), or (n, d) for vectors; strings as object arrays."""
    table = pq.read_table(path, columns=columns)
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
