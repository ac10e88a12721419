"""NumPy archives: one array of images, one of labels; several files are read one after the other."""

import zipfile

import numpy as np
from pydantic import Field

from ..faults import InputFault
from ..plugins import Section
from . import Split
from ._files import find_files

SPLITS = ("train",)
NEEDS_PATH = True

IMAGE_KEYS = ("image", "images", "x", "data")
LABEL_KEYS = ("label", "labels", "y")


class Options(Section):
    """The names of the two arrays."""

    image_key: str | None = Field(None, description="array of images; null: image, images, x or data")
    label_key: str | None = Field(None, description="array of labels; null: label, labels or y")


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Read uint8 images (n, H, W) or (n, H, W, C) and labels (n,) or (n, 1); all are held in memory.

    Parameters
    ----------
    split : str
        For the sentence of a fault; the files of a split are those of its own path.
    paths : list of str
        Files, folders or globs.
    options : Options

    Raises
    ------
    InputFault
        A file is no archive, an array is missing or ambiguous, or has another type or shape.
    """
    images, labels, sources = [], [], []
    for file in find_files(split, paths, ".npz"):
        file_images, file_labels = _read_file(split, file, options)
        images += list(file_images)
        labels.append(file_labels)
        sources += [f"{file}#{row}" for row in range(len(file_images))]
    return Split(np.concatenate(labels), sources, read=lambda start, stop: images[start:stop])


def _read_file(split: str, file: str, options: Options) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(file) as archive:
            image_key = _choose(split, file, archive.files, "image", options.image_key, IMAGE_KEYS)
            label_key = _choose(split, file, archive.files, "label", options.label_key, LABEL_KEYS)
            images, labels = archive[image_key], archive[label_key]
    except (OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile) as error:
        # TypeError: a bare .npy array is no context manager. ValueError: objects, which would need pickle.
        raise InputFault(f"samples.{split}: {file} is not an .npz file of plain arrays ({error})") from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3, 4)):
        raise InputFault(
            f"samples.{split}: {image_key} in {file} is {images.dtype} of shape {images.shape}; give uint8 images of "
            "shape (n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels"
        )
    if labels.shape == (len(labels), 1):
        labels = labels[:, 0]
    if labels.dtype.kind not in "iuU" or labels.shape != (len(images),):
        raise InputFault(
            f"samples.{split}: {label_key} in {file} is {labels.dtype} of shape {labels.shape}; give one integer or "
            f"string for each of the {len(images)} images"
        )
    return images, labels


def _choose(split: str, file: str, keys: list[str], kind: str, asked: str | None, known: tuple[str, ...]) -> str:
    candidates = [key for key in keys if (key == asked if asked else key in known)]
    if len(candidates) != 1:
        raise InputFault(
            f"samples.{split}: {file} has the arrays {', '.join(keys)}, of which {len(candidates)} are "
            f"{asked or ' or '.join(known)}; name the {kind} array in samples.options.{kind}_key"
        )
    return candidates[0]
