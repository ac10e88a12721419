"""A folder for each class with links to its kept images, as readers of class folders take it."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from ..faults import InputFault
from ..plugins import Section
from ..progress import LOGGER
from ._reading import encode

SUFFIX = ""
REREADS = True

UNLABELLED = "_unlabeled"  # as FiftyOne calls the folder of what has no class


class Options(Section):
    """What is made of each image."""

    how: Literal["symlink", "hardlink", "copy"] = Field(
        "symlink", description="kind of link; a copy can be had of an image that is no file of its own too"
    )


def write(options, kept, folder):
    """Fill the folder; a file's name is its sample_id and the suffix of its format, so that none meets another.

    A class has its folder even if none of it is kept: readers number classes by their folders. Symbolic links lead to
    absolute paths.
    """
    folders = _class_folders(kept.classes)
    for name in folders:
        (folder / name).mkdir()
    filled = set()
    for sample in kept.samples():
        labelled = sample.class_name is not None
        of_class = folder / (folders[sample.label] if labelled else UNLABELLED)
        of_class.mkdir(exist_ok=True)
        filled.add(of_class.name)
        if options.how == "copy":
            raw, suffix = encode(sample.image, sample.source)
            (of_class / f"{sample.sample_id:09d}.{suffix}").write_bytes(raw)
        else:
            _link(options.how, sample, of_class)
    if empty := [name for name in folders if name not in filled]:
        LOGGER.warning(
            "export: no image of %d classes is kept, such as %s: torchvision's ImageFolder takes their empty "
            "folders with allow_empty=True",
            len(empty),
            empty[0],
        )


def _link(how: str, sample, folder: Path) -> None:
    if not isinstance(sample.image, Path):
        raise InputFault(
            f"export.formats: {sample.source} is no file of its own that links could lead to; write "
            "{name: links, how: copy}, which makes one, or ask for another format"
        )
    link = folder / f"{sample.sample_id:09d}{sample.image.suffix.lower()}"
    target = os.path.abspath(sample.image)
    if not os.path.exists(target):
        raise InputFault(f"export: {sample.image} is kept, but is not there; put it back")
    try:
        os.link(os.path.realpath(target), link) if how == "hardlink" else os.symlink(target, link)
    except OSError as error:
        raise InputFault(
            f"export.formats: no {how} to {sample.image} can be made ({error.strerror}); write "
            "{name: links, how: copy}, or symlink, which may lead to another disk"
        ) from error


def _class_folders(classes: list[str]) -> list[str]:
    """Return the classes' names without slashes, behind their labels where some would be one folder or none.

    What differs in case alone is one folder to some file systems, and readers pass over what begins with a dot.
    """
    names = [name.strip("/").replace("/", "-") for name in classes]
    taken = {name.casefold() for name in [*names, UNLABELLED]}
    if len(taken) > len(names) and all(name and not name.startswith(".") for name in names):
        return names
    width = len(str(len(names)))
    return [f"{label:0{width}d}-{name}" for label, name in enumerate(names)]
