"""CIFAR-10, CIFAR-100 and Fashion-MNIST in torchvision's layout, downloaded where they are missing."""

import http.client
from typing import Literal

import numpy as np
from pydantic import Field

from ...faults import InputFault
from ...plugins import Section
from .. import Split

SPLITS = ("train", "test")
NEEDS_PATH = True


class Options(Section):
    """Which data set, and whether the network may be used."""

    name: Literal["CIFAR10", "CIFAR100", "FashionMNIST"] = Field(description="as torchvision calls it")
    download: bool = Field(True, description="download what is not in the folder")


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Read one split; its images are held in memory.

    Parameters
    ----------
    split : {"train", "test"}
    paths : list of str
        One folder, torchvision's ``root``; it is made when the data are downloaded.
    options : Options

    Raises
    ------
    InputFault
        The data are not there and may not or cannot be downloaded.
    """
    from ...torchvision_import import torchvision  # takes seconds to import

    if split not in SPLITS:
        raise InputFault(f"samples.{split}: {options.name} has only a train and a test split; give a fraction")
    if len(paths) != 1:
        raise InputFault(f"samples.{split}: {len(paths)} paths are given; give one folder, which has {options.name}")
    data = _load(getattr(torchvision.datasets, options.name), split, paths[0], options)
    images = np.asarray(data.data)  # (n, H, W[, C])
    return Split(
        labels=np.asarray(data.targets, dtype=np.int64),
        sources=[f"{paths[0]}/{options.name}/{split}#{row}" for row in range(len(images))],
        read=lambda start, stop: list(images[start:stop]),
        class_names=list(data.classes),
    )


def _load(dataset: type, split: str, root: str, options: Options):
    train = split == "train"
    try:
        return dataset(root, train=train, download=False)
    except RuntimeError as error:  # torchvision's word for absent or damaged
        if not options.download:
            raise InputFault(
                f"samples.{split}: {root} has no complete {options.name} in torchvision's layout; put it there, or "
                "set samples.options.download: true"
            ) from error
    try:
        return dataset(root, train=train, download=True)
    except (OSError, RuntimeError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split())
        raise InputFault(
            f"samples.{split}: {options.name} is not in {root} and cannot be downloaded ({reason}); "
            "put it there in torchvision's layout, or mend the network"
        ) from error
