"""A table that names the images, a CSV or Parquet file: a column of paths, a column of labels."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv
from pydantic import Field

from ...faults import InputFault
from ...plugins import Section
from .. import Split
from ._columns import labels_of_texts
from ._files import expand
from ._sources import Sources

SPLITS = ("train", "test", "validation")
NEEDS_PATH = True

# What a split may be called in its column.
SPLIT_NAMES = {"train": ["train"], "test": ["test"], "validation": ["validation", "valid", "val"]}


class Options(Section):
    """The names of the columns, and what stands between them."""

    path_column: str = Field("path", description="of the images, from the table's folder on")
    label_column: str = Field("label", description="integers or strings")
    split_column: str | None = Field(None, description="train, test or validation; null: all rows are of one set")
    delimiter: str = Field(",", min_length=1, max_length=1, description="one character, of a CSV file")


def read_split(split: str, paths: list[str], options: Options) -> Split:
    r"""Read the rows of a split, and leave the images in their files until they are asked for.

    Parameters
    ----------
    split : {"train", "test", "validation"}
        Which rows, where the table has a column of splits.
    paths : list of str
        Parquet files (``.parquet``) or CSV files (all others), read one after the other. A CSV file is UTF-8 and begins
        with the names of its columns; values may stand in quotes, those of a ``.tsv`` file between tabs.
    options : Options

    Returns
    -------
    Split
        Labels are integers if all are written as such, otherwise strings. Sources are the images' paths: as they are
        written if absolute, otherwise below the table's folder; whether each is there shows when it is decoded.
        Memory: the two columns.

    Raises
    ------
    InputFault
        A file cannot be read, a column is missing or has another type, a value is empty, or no row is of the split.
    """
    return _read(split, paths, options, options.label_column)


def read_unlabelled(split: str, paths: list[str], options: Options) -> Split:
    """Do the same without labels; there need be no column of them."""
    return _read(split, paths, options, label=None)


def _read(split: str, paths: list[str], options: Options, label: str | None) -> Split:
    files = expand(split, paths)
    named = {"path": options.path_column, "label": label, "split": options.split_column}
    columns = {role: name for role, name in named.items() if name}
    tables = [_read_table(split, file, columns, options.delimiter) for file in files]
    sources = Sources([os.path.dirname(file) for file in files], [table["path"] for table in tables], os.path.join)
    labels = labels_of_texts([table["label"] for table in tables]) if label else None
    return Split(labels, sources, read=lambda start, stop: [Path(source) for source in sources[start:stop]])


def _read_table(split: str, file: str, columns: dict[str, str], delimiter: str) -> pa.Table:
    """Return the rows of a split: texts, in columns that are called path, label and split."""
    if os.path.isdir(file):
        raise InputFault(
            f"samples.{split}: {file} is a folder; give a table, such as images.csv, that names its images"
        )
    try:
        if file.endswith(".parquet"):
            table = _read_parquet(split, file, columns)
        else:
            table = _read_csv(split, file, columns, "\t" if file.endswith(".tsv") else delimiter)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputFault(f"samples.{split}: {file} cannot be read as a table ({reason}); mend it") from error
    texts = [_as_texts(split, file, role, name, table[name]) for role, name in columns.items()]
    table = pa.table(texts, names=list(columns))
    if "split" not in columns:
        return table
    known = SPLIT_NAMES[split]
    rows = table.filter(pc.is_in(table["split"], pa.array(known)))
    if not len(rows):
        found = ", ".join(sorted(pc.unique(table["split"]).to_pylist())[:5])
        raise InputFault(
            f"samples.{split}: no row of {file} has {' or '.join(known)} in its column {columns['split']}, which has "
            f"{found}; write it there, or leave samples.options.split_column out"
        )
    return rows


def _read_parquet(split: str, file: str, columns: dict[str, str]) -> pa.Table:
    with pq.ParquetFile(file) as parquet:
        _check_names(split, file, columns, parquet.schema_arrow.names)
        return parquet.read(columns=list(columns.values()))


def _read_csv(split: str, file: str, columns: dict[str, str], delimiter: str) -> pa.Table:
    layout = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    with csv.open_csv(file, parse_options=layout) as opened:
        _check_names(split, file, columns, opened.schema.names)
    read = list(columns.values())
    types = csv.ConvertOptions(include_columns=read, column_types=dict.fromkeys(read, pa.string()))
    return csv.read_csv(file, parse_options=layout, convert_options=types)


def _check_names(split: str, file: str, columns: dict[str, str], names: list[str]) -> None:
    for role, name in columns.items():
        if names.count(name) != 1:
            found = "twice" if name in names else "not"
            raise InputFault(
                f"samples.{split}: the column {name} is {found} among the columns {', '.join(names)} of {file}; begin "
                f"the table with the columns' names, and name this one in samples.options.{role}_column"
            )


def _as_texts(split: str, file: str, role: str, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as strings, of which none is empty."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
        kinds = "integers or strings" if role == "label" else "strings"
        raise InputFault(f"samples.{split}: the column {name} of {file} is of {kind}; give {kinds}")
    texts = column.cast(kind).cast(pa.string())
    empty = pc.equal(pc.fill_null(texts, ""), "")
    if pc.any(empty).as_py():
        row = pc.index(empty, True).as_py()
        raise InputFault(
            f"samples.{split}: the column {name} of {file} is empty in row {row + 1}, counted from the first below the "
            "columns' names; fill it in, or remove the row"
        )
    return texts
