"""Parquet files in the layout of Hugging Face: a column of encoded images, a column of labels."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from ...faults import InputFault
from ...plugins import Section
from .. import Split
from ._blocks import Blocks
from ._columns import check_layout, choose_column, class_names, encoded_images, label_values
from ._files import find_files
from ._sources import Sources

SPLITS = ("train",)
NEEDS_PATH = True


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
    return _read(split, paths, options, labelled=True)


def read_unlabelled(split: str, paths: list[str], options: Options) -> Split:
    """Do the same without labels; there need be no column of them."""
    return _read(split, paths, options, labelled=False)


def _read(split: str, paths: list[str], options: Options, labelled: bool) -> Split:
    files = find_files(split, paths, ".parquet")
    with _open(split, files[0]) as first:
        schema = first.schema_arrow
    image = choose_column(split, files[0], schema, "image", options.image_column)
    label = choose_column(split, files[0], schema, "label", options.label_column) if labelled else None
    metadata, labels = [], []
    for file in files:
        with _open(split, file) as parquet:
            check_layout(split, file, parquet.schema_arrow, files[0], schema, image, label)
            metadata.append(parquet.metadata)
            if label is not None:
                labels.append(label_values(split, file, label, parquet.read(columns=[label]).column(0)))
    images = _Images(list(zip(files, metadata, strict=True)), image)
    sources = Sources(files, [range(data.num_rows) for data in metadata])
    if label is None:
        return Split(None, sources, images.read)
    return Split(np.concatenate(labels), sources, images.read, class_names(schema, label))


class _Images:
    """The image column of several files as one sequence, of which one row group is in memory."""

    def __init__(self, files: list[tuple[str, pq.FileMetaData]], column: str):
        self.column = column
        self.groups = [(file, data, group) for file, data in files for group in range(data.num_row_groups)]
        self.blocks = Blocks([data.row_group(group).num_rows for _, data, group in self.groups], self._load)

    def read(self, start: int, stop: int) -> list[bytes | Path]:
        images = []
        for group, rows in self.blocks.pieces(start, stop):
            images += encoded_images(rows, Path(self.groups[group][0]).parent)
        return images

    def _load(self, group: int) -> pa.ChunkedArray:
        file, metadata, index = self.groups[group]
        with pq.ParquetFile(file, metadata=metadata) as parquet:
            return parquet.read_row_group(index, columns=[self.column], use_threads=False).column(0)


def _open(split: str, file: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputFault(f"samples.{split}: {file} is not a readable Parquet file ({error})") from error
