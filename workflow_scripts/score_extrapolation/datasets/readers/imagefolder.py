"""A folder per class, images anywhere below it: ``ROOT/cat/1.jpg``, ``ROOT/dog/kennel/2.png``.

Of images without labels, a folder that has some anywhere below it.
"""

import os
from pathlib import Path

from ...faults import InputFault
from ...plugins import Section
from .. import Split
from ._files import expand

SPLITS = ("train",)
NEEDS_PATH = True

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
ENDINGS = " ".join(suffix[1:] for suffix in SUFFIXES)


class Options(Section):
    """No settings."""


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """List the images below every class folder, in the order of roots, classes and paths.

    Parameters
    ----------
    split : str
        For the sentence of a fault; the folders of a split are those of its own path.
    paths : list of str
        Root folders; class folders of one name in several roots are one class.
    options : Options

    Returns
    -------
    Split
        Labels are the names of the class folders, sources the files' paths. Hidden files and files without an
        image's suffix are passed over. Costs one walk over the tree.

    Raises
    ------
    InputFault
        A root is no folder or has no class folders, or a class folder has no image.
    """
    labels, sources = [], []
    for root in expand(split, paths):
        if not os.path.isdir(root):
            raise InputFault(f"samples.{split}: {root} is a file; give a folder that has one folder per class")
        classes = sorted(e.name for e in os.scandir(root) if e.is_dir() and not e.name.startswith("."))
        if not classes:
            raise InputFault(f"samples.{split}: {root} has no class folders; give a folder that has one per class")
        for name in classes:
            images = _find_images(os.path.join(root, name))
            if not images:
                raise InputFault(
                    f"samples.{split}: the class folder {os.path.join(root, name)} has no image "
                    f"({ENDINGS}); add images or remove the folder"
                )
            sources += images
            labels += [name] * len(images)
    return Split(labels, sources, read=lambda start, stop: [Path(source) for source in sources[start:stop]])


def read_unlabelled(split: str, paths: list[str], options: Options) -> Split:
    """List the images anywhere below each root, in the order of roots and paths.

    Raises
    ------
    InputFault
        A root is no folder or has no image.
    """
    sources = []
    for root in expand(split, paths):
        if not os.path.isdir(root):
            raise InputFault(f"samples.{split}: {root} is a file; give a folder of images")
        images = _find_images(root)
        if not images:
            raise InputFault(
                f"samples.{split}: {root} has no image ({ENDINGS}) anywhere below it; give a folder that has"
            )
        sources += images
    return Split(None, sources, read=lambda start, stop: [Path(source) for source in sources[start:stop]])


def _find_images(folder: str) -> list[str]:
    images = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images += [
            os.path.join(parent, name) for name in files if name.lower().endswith(SUFFIXES) and not name.startswith(".")
        ]
    return sorted(images)
