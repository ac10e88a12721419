"""The columns of Arrow tables that hold images and labels: which ones they are, and what is in them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...faults import InputFault

LABEL_NAMES = ("label", "labels", "fine_label", "target", "class")


def choose_column(split: str, file: str, schema: pa.Schema, role: str, asked: str | None) -> str:
    """Return the name of the image or label column: the one asked for, or the only one that it can be.

    Parameters
    ----------
    split, file : str
        For the sentence of a fault.
    schema : pyarrow.Schema
    role : {"image", "label"}
    asked : str or None
        The name in the options. None: of labels one of `LABEL_NAMES`, if any has such a name.

    Raises
    ------
    InputFault
        It is not there, is of another type, or could be one of several.
    """
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


def _is_image(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_image(kind.field("bytes").type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _is_label(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def check_layout(
    split: str, file: str, schema: pa.Schema, first: str, wanted: pa.Schema, image: str, label: str | None
) -> None:
    """Refuse a file whose image or label column is not as in the first one; `label` is None where none is read."""
    for name in filter(None, (image, label)):
        kind = wanted.field(name).type
        if name not in schema.names or schema.field(name).type != kind:
            raise InputFault(
                f"samples.{split}: {file} has no column {name} of type {kind} as {first} has; give files of one layout"
            )
    if label and class_names(schema, label) != class_names(wanted, label):
        raise InputFault(
            f"samples.{split}: {file} names the classes otherwise than {first}; give files of one data set"
        )


def label_values(split: str, file: str, name: str, column: pa.ChunkedArray) -> np.ndarray:
    """Return the labels of a column, (n,) integers or strings; nulls among them are a fault."""
    if column.null_count:
        raise InputFault(
            f"samples.{split}: the column {name} of {file} has {column.null_count} nulls; give each sample a label"
        )
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    values = column.to_numpy()
    return values if pa.types.is_integer(column.type) else values.astype(str)


def labels_of_texts(texts: list[pa.ChunkedArray | pa.Array]) -> np.ndarray:
    """Return the labels of several files, (n,): integers if all are written as one writes these, otherwise strings."""
    column = pa.chunked_array([chunk for part in texts for chunk in getattr(part, "chunks", [part])], pa.string())
    try:
        numbers = column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.to_numpy().astype(str)
    as_written = pc.all(pc.equal(numbers.cast(pa.string()), column)).as_py()
    return numbers.to_numpy() if as_written else column.to_numpy().astype(str)


def encoded_images(rows: pa.ChunkedArray, folder: Path) -> list[bytes | Path]:
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


def class_names(schema: pa.Schema, label: str) -> list[str] | None:
    """Return the names of label 0..C-1, where a schema's ``huggingface`` entry has them."""
    note = json.loads((schema.metadata or {}).get(b"huggingface", "{}"))
    return note.get("info", {}).get("features", {}).get(label, {}).get("names")
