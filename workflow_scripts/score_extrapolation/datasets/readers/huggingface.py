"""Hugging Face data sets on disk, as ``Dataset.save_to_disk`` and ``DatasetDict.save_to_disk`` write them."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import Field

from ...faults import InputFault
from ...plugins import Section
from .. import Split
from ._blocks import Blocks
from ._columns import check_layout, choose_column, class_names, encoded_images, label_values
from ._files import expand
from ._sources import Sources

SPLITS = ("train", "test", "validation")
NEEDS_PATH = True

STATE, DICT = "state.json", "dataset_dict.json"
END = b"\xff\xff\xff\xff\0\0\0\0"  # of an Arrow stream


class Options(Section):
    """The names of the two columns."""

    image_column: str | None = Field(None, description="struct of bytes and path, or binary; null: the only one")
    label_column: str | None = Field(None, description="integers or strings; null: label, labels ... or the only one")


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Read the labels, and leave the images in the files until they are asked for.

    Parameters
    ----------
    split : {"train", "test", "validation"}
        Which one of a folder that has several.
    paths : list of str
        Folders of a ``Dataset``, or of a ``DatasetDict``, which has a folder for each split; read one after the other.
    options : Options

    Returns
    -------
    Split
        Sources are ``FILE#row``, in the Arrow files. Class names are those of a ClassLabel. The files are mapped into
        memory: what was read of them counts as the process's until the system needs the space for something else.

    Raises
    ------
    InputFault
        A folder is no such data set or lacks the split, a file cannot be read, a column is missing, ambiguous or of
        another type, or a label is null.
    """
    return _read(split, paths, options, labelled=True)


def read_unlabelled(split: str, paths: list[str], options: Options) -> Split:
    """Do the same without labels; there need be no column of them."""
    return _read(split, paths, options, labelled=False)


def _read(split: str, paths: list[str], options: Options, labelled: bool) -> Split:
    files = [file for folder in expand(split, paths) for file in _find_files(split, Path(folder))]
    tables = [_map(split, file) for file in files]
    schema = tables[0].schema
    image = choose_column(split, files[0], schema, "image", options.image_column)
    label = choose_column(split, files[0], schema, "label", options.label_column) if labelled else None
    for file, table in zip(files, tables, strict=True):
        check_layout(split, file, table.schema, files[0], schema, image, label)
    lengths = [len(table) for table in tables]
    sources, images = Sources(files, list(map(range, lengths))), _Images(split, files, lengths, image)
    if label is None:
        return Split(None, sources, images.read)
    labels = [label_values(split, file, label, table[label]) for file, table in zip(files, tables, strict=True)]
    return Split(np.concatenate(labels), sources, images.read, class_names(schema, label))


class _Images:
    """The image column of several files as one sequence, of which a few are mapped into memory."""

    def __init__(self, split: str, files: list[str], lengths: list[int], column: str):
        self.files = files
        self.blocks = Blocks(lengths, lambda file: _map(split, files[file])[column])

    def read(self, start: int, stop: int) -> list[bytes | Path]:
        images = []
        for file, rows in self.blocks.pieces(start, stop):
            images += encoded_images(rows, Path(self.files[file]).parent)
        return images


def _find_files(split: str, folder: Path) -> list[str]:
    """Return the Arrow files of a data set, or of the split of several, in their order."""
    if (folder / DICT).is_file():
        splits = _read_note(split, folder / DICT, "splits")
        if split not in splits:
            raise InputFault(
                f"samples.{split}: {folder} has the splits {', '.join(splits)}, but no {split}; give a fraction, or "
                "the path of one of them"
            )
        folder = folder / split
    if not (folder / STATE).is_file():
        raise InputFault(
            f"samples.{split}: {folder} has no {STATE}; give a folder that save_to_disk wrote, or use dataset: parquet "
            "for files of the hub"
        )
    return [str(folder / file["filename"]) for file in _read_note(split, folder / STATE, "_data_files")]


def _read_note(split: str, path: Path, key: str) -> list:
    try:
        return json.loads(path.read_text(encoding="utf-8"))[key]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputFault(
            f"samples.{split}: {path} is not as save_to_disk writes it ({error!r}); save it again"
        ) from error


def _map(split: str, file: str) -> pa.Table:
    """Return an Arrow stream whose columns stay in the file."""
    try:
        mapped = pa.memory_map(file)
        with pa.ipc.open_stream(mapped) as stream:
            table = stream.read_all()
        # Arrow takes one that was cut short between two batches for a whole one.
        if mapped.read_at(len(END), mapped.size() - len(END)) != END:
            raise pa.ArrowInvalid("it has no end")
        return table
    except (pa.ArrowException, OSError) as error:
        raise InputFault(f"samples.{split}: {file} is not a readable Arrow stream ({error}); save it again") from error
