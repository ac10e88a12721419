"""MNIST's own file format: ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-...``, gzipped or not."""

import gzip
import os
import struct
import zlib

import numpy as np

from ...faults import InputFault
from ...plugins import Section
from .. import Split
from ._files import expand

SPLITS = ("train", "test")
NEEDS_PATH = True

PREFIXES = {"train": "train", "test": "t10k"}
IMAGES_MAGIC, LABELS_MAGIC = 0x0803, 0x0801  # unsigned bytes in three dimensions, in one


class Options(Section):
    """No settings."""


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Read images (n, height, width) and labels (n,); both are held in memory.

    Parameters
    ----------
    split : str
        Which part of a folder: ``train-*`` or, for test, ``t10k-*``.
    paths : list of str
        A folder with the four files of MNIST's names, or exactly two files: images, labels.
    options : Options

    Raises
    ------
    InputFault
        A file is missing, is no such file, is cut short, or the two files differ in length.
    """
    images_path, labels_path = _find_pair(split, expand(split, paths))
    images = _read_array(split, images_path, IMAGES_MAGIC)
    labels = _read_array(split, labels_path, LABELS_MAGIC)
    if len(images) != len(labels):
        raise InputFault(
            f"samples.{split}: {images_path} has {len(images)} images, but {labels_path} has {len(labels)} labels; "
            "give two files that belong together"
        )
    sources = [f"{images_path}#{row}" for row in range(len(images))]
    return Split(labels.astype(np.int64), sources, read=lambda start, stop: list(images[start:stop]))


def _find_pair(split: str, paths: list[str]) -> tuple[str, str]:
    if len(paths) == 2 and not any(os.path.isdir(path) for path in paths):
        return paths[0], paths[1]
    if len(paths) != 1 or not os.path.isdir(paths[0]) or split not in PREFIXES:
        raise InputFault(
            f"samples.{split}: found {', '.join(paths)}; give two files, images and labels"
            + (", or one folder that has both" if split in PREFIXES else "")
        )
    pair = []
    for name in (f"{PREFIXES[split]}-images-idx3-ubyte", f"{PREFIXES[split]}-labels-idx1-ubyte"):
        candidates = [os.path.join(paths[0], name), os.path.join(paths[0], name + ".gz")]
        existing = [path for path in candidates if os.path.exists(path)]
        if not existing:
            raise InputFault(
                f"samples.{split}: {paths[0]} has no {name} or {name}.gz; put it there, or give two files, "
                "images and labels"
            )
        pair.append(existing[0])
    return pair[0], pair[1]


def _read_array(split: str, path: str, magic: int) -> np.ndarray:
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] == b"\x1f\x8b":  # gzip, whatever the file is called
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputFault(f"samples.{split}: {path} cannot be decompressed ({error}); get it again") from error
    n_dimensions = magic & 0xFF
    header = 4 + 4 * n_dimensions
    found = int.from_bytes(content[:4], "big")
    if found != magic:
        raise InputFault(
            f"samples.{split}: {path} begins with 0x{found:08x}, but an IDX file of bytes in {n_dimensions} dimensions "
            f"with 0x{magic:08x}; give images (3 dimensions) first, labels (1) second"
        )
    if len(content) < header:
        raise InputFault(f"samples.{split}: {path} is cut short inside its header; get the file again")
    shape = struct.unpack(f">{n_dimensions}I", content[4:header])
    expected = int(np.prod(shape, dtype=object))
    if len(content) - header != expected:
        raise InputFault(
            f"samples.{split}: {path} has {len(content) - header} bytes of data, but its header says {expected} "
            f"({' x '.join(map(str, shape))}); get the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
