"""Parquet files in the layout of Hugging Face: a column of encoded images, a column of labels."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section
from . import Split
from ._blocks import Blocks
from ._files import find_files

SPLITS = ("train",)
NEEDS_PATH = True

LABEL_NAMES = ("label", "labels", "fine_label", "target", "class")


class Options(Section):
    """The names of the two columns."""

    image_column: str | None = Field(None, description="struct of bytes and path, or binary; null: the only one")
    label_column: str | None = Field(None, description="integers or strings; null: label, labels ... or the only one")


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Read the labels, and leave the images in the files until they are asked for.

    Parameters
    ----------
    split : str
        For the sentence of a fault; the files of a split are those of its own path.
    paths : list of str
        Files, folders or globs, read one after the other.
    options : Options

    Returns
    -------
    Split
        Sources are ``FILE#row``. Class names come from the schema's ``huggingface`` entry. Memory: the labels and
        one row group of encoded images.

    Raises
    ------
    InputFault
        A file is not Parquet, a column is missing, ambiguous or of another type, or a label is null.
    """
    files = find_files(split, paths, ".parquet")
    with _open(split, files[0]) as first:
        schema = first.schema_arrow
    image = _choose(split, files[0], schema, "image", options.image_column)
    label = _choose(split, files[0], schema, "label", options.label_column)
    metadata, labels, sources = [], [], []
    for file in files:
        with _open(split, file) as parquet:
            _check_layout(split, file, parquet.schema_arrow, files[0], schema, (image, label))
            metadata.append(parquet.metadata)
            labels.append(_read_labels(split, file, parquet, label))
        sources += [f"{file}#{row}" for row in range(len(labels[-1]))]
    images = _Images(list(zip(files, metadata, strict=True)), image)
    return Split(np.concatenate(labels), sources, images.read, _class_names(schema, label))


class _Images:
    """The image column of several files as one sequence, of which one row group is in memory."""

    def __init__(self, files: list[tuple[str, pq.FileMetaData]], column: str):
        self.column = column
        self.groups = [(file, data, group) for file, data in files for group in range(data.num_row_groups)]
        self.blocks = Blocks([data.row_group(group).num_rows for _, data, group in self.groups], self._load)

    def read(self, start: int, stop: int) -> list[bytes | Path]:
        images = []
        for group, rows in self.blocks.pieces(start, stop):
            images += _encoded_images(rows, Path(self.groups[group][0]).parent)
        return images

    def _load(self, group: int) -> pa.ChunkedArray:
        file, metadata, index = self.groups[group]
        with pq.ParquetFile(file, metadata=metadata) as parquet:
            return parquet.read_row_group(index, columns=[self.column], use_threads=False).column(0)


def _encoded_images(rows: pa.ChunkedArray, folder: Path) -> list[bytes | Path]:
    """Return the bytes of each row or, where they are null, the path it names; ``b""`` where both are."""
    if not pa.types.is_struct(rows.type):
        return [image or b"" for image in rows.to_pylist()]
    images = pc.struct_field(rows, "bytes").to_pylist()
    if None in images:
        named = "path" in [field.name for field in rows.type]
        paths = pc.struct_field(rows, "path").to_pylist() if named else [None] * len(images)
        pairs = zip(images, paths, strict=True)
        images = [(folder / path if path else b"") if image is None else image for image, path in pairs]
    return images


def _open(split: str, file: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputFault(f"samples.{split}: {file} is not a readable Parquet file ({error})") from error


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_image(kind.field("bytes").type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_label(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _choose(split: str, file: str, schema: pa.Schema, role: str, asked: str | None) -> str:
    """Return the name of the image or label column: the one asked for, or the only one that it can be."""
    fits, sort = (_is_image, "struct with bytes, or binary") if role == "image" else (_is_label, "integers or strings")
    names = [field.name for field in schema if fits(field.type)]
    if asked:
        names = [name for name in names if name == asked]
    elif role == "label":
        names = [name for name in names if name in LABEL_NAMES] or names
    if len(names) != 1:
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        found = f"{asked} is no" if asked else f"{' and '.join(names)} could each be the" if names else "there is no"
        raise InputFault(
            f"samples.{split}: {found} {role} column ({sort}) among the columns {columns} of {file}; "
            f"name it in samples.options.{role}_column"
        )
    return names[0]


def _check_layout(split: str, file: str, schema: pa.Schema, first: str, wanted: pa.Schema, columns: tuple) -> None:
    for name in columns:
        kind = wanted.field(name).type
        if name not in schema.names or schema.field(name).type != kind:
            raise InputFault(
                f"samples.{split}: {file} has no column {name} of type {kind} as {first} has; give files of one layout"
            )
    if _class_names(schema, columns[1]) != _class_names(wanted, columns[1]):
        raise InputFault(
            f"samples.{split}: {file} names the classes otherwise than {first}; give files of one data set"
        )


def _read_labels(split: str, file: str, parquet: pq.ParquetFile, column: str) -> np.ndarray:
    labels = parquet.read(columns=[column]).column(0)
    if labels.null_count:
        raise InputFault(
            f"samples.{split}: the column {column} of {file} has {labels.null_count} nulls; give each sample a label"
        )
    if pa.types.is_dictionary(labels.type):
        labels = labels.cast(labels.type.value_type)
    values = labels.to_numpy()
    return values if pa.types.is_integer(labels.type) else values.astype(str)


def _class_names(schema: pa.Schema, label: str) -> list[str] | None:
    note = json.loads((schema.metadata or {}).get(b"huggingface", "{}"))
    return note.get("info", {}).get("features", {}).get(label, {}).get("names")
