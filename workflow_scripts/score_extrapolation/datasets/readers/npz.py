"""NumPy archives: one array of images, one of labels; several files are read one after the other."""

import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, Literal

import numpy as np
from pydantic import Field

from ...faults import InputFault
from ...plugins import Section
from .. import Split
from ._blocks import Blocks
from ._files import find_files

SPLITS = ("train",)
NEEDS_PATH = True

IMAGE_KEYS = ("image", "images", "x", "data")
LABEL_KEYS = ("label", "labels", "y")

BLOCK_ROWS = 4096  # that are decompressed at a time
SKIPPED_BYTES = 2**20  # that are read at a time on the way to a block

UNREADABLE = (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile, zlib.error)

WANTED = {
    "hwc": "(n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels, or set samples.options.layout: "
    "chw if the channels come first",
    "chw": "(n, channels, height, width) with 1, 3 or 4 channels or (n, 3 * side * side), or set "
    "samples.options.layout: hwc if the channels come last",
}


class Options(Section):
    """The names of the two arrays, and how an image lies in its row."""

    image_key: str | None = Field(None, description="array of images; null: image, images, x or data")
    label_key: str | None = Field(None, description="array of labels; null: label, labels or y")
    layout: Literal["hwc", "chw"] = Field("hwc", description="channels last, or first as in ImageNet 64x64's files")


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Read the labels, and leave the images in the files until they are asked for.

    Parameters
    ----------
    split : str
        For the sentence of a fault; the files of a split are those of its own path.
    paths : list of str
        Files, folders or globs; ``batch_2`` is read before ``batch_10``.
    options : Options
        Layout hwc: uint8 images (n, height, width) or (n, height, width, channels). Layout chw: (n, channels, height,
        width), or (n, 3 * side * side), RGB squares of which a row holds all red values, then green, then blue.

    Returns
    -------
    Split
        Labels are (n,) or (n, 1) in the file, integers (counted from 0, 1 or anything) or strings. Sources are
        ``FILE#row``. Memory: the labels and one block of 4,096 images, in an archive compressed or not.

    Raises
    ------
    InputFault
        A file is no archive, an array is missing or ambiguous, or has another type or shape.
    """
    files, labels, sources = [], [], []
    for path in find_files(split, paths, ".npz"):
        file, file_labels = _open_file(split, path, options)
        files.append(file)
        labels.append(file_labels)
        sources += [f"{path}#{row}" for row in range(len(file_labels))]
    return Split(np.concatenate(labels), sources, _Images(split, files).read)


@dataclass(frozen=True)
class _File:
    """Where the array of images lies in an archive, and the shape that an image has there."""

    path: str
    member: str
    offset: int  # of the first image in the member, after the header
    n: int
    shape: tuple[int, ...]
    channels_first: bool


class _Images:
    """The images of several files as one sequence, of which one block of rows is in memory."""

    def __init__(self, split: str, files: list[_File]):
        self.split = split
        ranges = [
            (file, start, min(start + BLOCK_ROWS, file.n)) for file in files for start in range(0, file.n, BLOCK_ROWS)
        ]
        self.blocks = Blocks(
            [stop - start for _, start, stop in ranges], lambda block: self._decompress(*ranges[block])
        )
        self.stream: IO[bytes]  # of the member that is open
        self.streamed: tuple[_File, int] | None = None  # its file and process

    def __del__(self):
        # An archive that is left open is a warning, in whatever runs when it is collected.
        if self.streamed:
            self.stream.close()

    def read(self, start: int, stop: int) -> list[np.ndarray]:
        return [image for _, rows in self.blocks.pieces(start, stop) for image in rows]

    def _decompress(self, file: _File, start: int, stop: int) -> np.ndarray:
        size = math.prod(file.shape)
        try:
            first = file.offset + start * size
            if self.streamed != (file, os.getpid()) or self.stream.tell() > first:
                self.stream = zipfile.ZipFile(file.path).open(file.member)  # noqa: SIM115 - the next block goes on in it
                self.streamed = file, os.getpid()
            # Not by a seek, after which Python 3.13 no longer checks the checksum of what is stored uncompressed.
            while (ahead := first - self.stream.tell()) and self.stream.read(min(ahead, SKIPPED_BYTES)):
                pass
            rows = np.frombuffer(self.stream.read((stop - start) * size), np.uint8).reshape(stop - start, *file.shape)
        except UNREADABLE as error:
            raise InputFault(
                f"samples.{self.split}: the images {start}..{stop - 1} of {file.path} cannot be read ({error}); "
                "get the file again"
            ) from error
        return rows.transpose(0, 2, 3, 1) if file.channels_first else rows


def _open_file(split: str, path: str, options: Options) -> tuple[_File, np.ndarray]:
    """Return where a file has its images, and its labels."""
    try:
        with np.load(path) as archive:
            image_key = _choose(split, path, archive.files, "image", options.image_key, IMAGE_KEYS)
            label_key = _choose(split, path, archive.files, "label", options.label_key, LABEL_KEYS)
            labels = archive[label_key]
            member = f"{image_key}.npy"
            with archive.zip.open(member) as stream:
                shape, fortran_order, dtype = _read_header(stream)
                offset = stream.tell()
    except UNREADABLE as error:
        # TypeError: a bare .npy array is no context manager. ValueError: objects, which would need pickle.
        raise InputFault(f"samples.{split}: {path} is not an .npz file of plain arrays ({error})") from error
    image_shape = _image_shape(shape, options.layout)
    if image_shape is None or dtype != np.uint8 or fortran_order:
        found = f"{dtype} in {'Fortran' if fortran_order else 'C'} order of shape {shape}"
        raise InputFault(
            f"samples.{split}: {image_key} in {path} is {found}; give uint8 images in C order of shape "
            f"{WANTED[options.layout]}"
        )
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind not in "iuU" or labels.shape != shape[:1]:
        raise InputFault(
            f"samples.{split}: {label_key} in {path} is {labels.dtype} of shape {labels.shape}; give one integer or "
            f"string for each of the {shape[0]} images"
        )
    return _File(path, member, offset, shape[0], image_shape, options.layout == "chw"), labels


def _image_shape(shape: tuple[int, ...], layout: str) -> tuple[int, ...] | None:
    """Return the shape that an image has in an array of this shape, None where it can hold no images."""
    if layout == "chw" and len(shape) == 2:
        side = math.isqrt(shape[1] // 3)
        return (3, side, side) if shape[1] == 3 * side * side else None
    if layout == "hwc" and len(shape) == 3:
        return shape[1:]
    channels = {"hwc": 3, "chw": 1}[layout]
    return shape[1:] if len(shape) == 4 and shape[channels] in (1, 3, 4) else None


def _read_header(stream) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return shape, Fortran order and type of the .npy array that begins here."""
    one = np.lib.format.read_magic(stream) == (1, 0)
    return np.lib.format.read_array_header_1_0(stream) if one else np.lib.format.read_array_header_2_0(stream)


def _choose(split: str, file: str, keys: list[str], kind: str, asked: str | None, known: tuple[str, ...]) -> str:
    candidates = [key for key in keys if (key == asked if asked else key in known)]
    if len(candidates) != 1:
        raise InputFault(
            f"samples.{split}: {file} has the arrays {', '.join(keys)}, of which {len(candidates)} are "
            f"{asked or ' or '.join(known)}; name the {kind} array in samples.options.{kind}_key"
        )
    return candidates[0]
