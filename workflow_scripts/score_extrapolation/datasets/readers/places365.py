"""Places365-Standard at 256x256, in the layout of torchvision's ``Places365(root, small=True)``.

A folder with ``categories_places365.txt``, ``places365_train_standard.txt``, ``places365_val.txt`` and the images in
``data_256_standard/`` and ``val_256/``. The labels of the published test set are secret: like everybody, we test on the
validation set. torchvision's own class asks for the checksums of the complete lists; here a part of them will do.
"""

import os
from pathlib import Path

import numpy as np

from ...faults import InputFault
from ...plugins import Section
from .. import Split
from ._files import expand

SPLITS = ("train", "test")
NEEDS_PATH = True

CATEGORIES = "categories_places365.txt"
LISTS = {"train": "places365_train_standard.txt", "test": "places365_val.txt"}
FOLDERS = {"train": "data_256_standard", "test": "val_256"}


class Options(Section):
    """No settings."""


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """List the images of one split in the order of its list.

    Parameters
    ----------
    split : {"train", "test"}
    paths : list of str
        One folder, torchvision's ``root``.
    options : Options

    Returns
    -------
    Split
        Sources are the images' paths; whether each is there shows when it is decoded. Class names are those of the
        categories file, such as ``/a/airfield``.

    Raises
    ------
    InputFault
        A file or folder of that layout is missing, or a line of a file is not as published.
    """
    if split not in SPLITS:
        raise InputFault(f"samples.{split}: Places365 has only a train and a test split; give a fraction")
    roots = expand(split, paths)
    if len(roots) != 1 or not os.path.isdir(roots[0]):
        raise InputFault(f"samples.{split}: found {', '.join(roots)}; give one folder, which has {CATEGORIES}")
    folder = os.path.join(roots[0], FOLDERS[split])
    if not os.path.isdir(folder):
        raise InputFault(
            f"samples.{split}: {roots[0]} has no folder {FOLDERS[split]}; unpack Places365's 256x256 images there, as "
            "torchvision does"
        )
    categories = os.path.join(roots[0], CATEGORIES)
    names, indices = _read_lines(split, categories)
    if sorted(indices) != list(range(len(names))):
        raise InputFault(
            f"samples.{split}: the classes of {categories} are not numbered 0..{len(names) - 1}, each once; get the "
            "file again"
        )
    images, labels = _read_lines(split, os.path.join(roots[0], LISTS[split]), n_classes=len(names))
    sources = [f"{folder}/{image.lstrip('/')}" for image in images]
    return Split(
        labels=np.array(labels, dtype=np.int64),
        sources=sources,
        read=lambda start, stop: [Path(source) for source in sources[start:stop]],
        class_names=[name for _, name in sorted(zip(indices, names, strict=True))],
    )


def _read_lines(split: str, path: str, n_classes: int | None = None) -> tuple[list[str], list[int]]:
    """Return both columns of a file of lines ``NAME CLASS``."""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputFault(
            f"samples.{split}: {path} cannot be read ({error.strerror}); put it there from Places365's "
            "filelist_places365-standard.tar"
        ) from error
    if not lines:
        raise InputFault(f"samples.{split}: {path} is empty; get the file again")
    names, classes = [], []
    for number, line in enumerate(lines, 1):
        name, _, label = line.rstrip().rpartition(" ")
        if not name or not label.isdecimal() or (n_classes is not None and int(label) >= n_classes):
            wanted = "a name and its number" if n_classes is None else f"a path and a class below {n_classes}"
            raise InputFault(
                f"samples.{split}: line {number} of {path} is {line[:60]!r}, but should be {wanted}, with a space "
                "between them; get the file again"
            )
        names.append(name)
        classes.append(int(label))
    return names, classes
