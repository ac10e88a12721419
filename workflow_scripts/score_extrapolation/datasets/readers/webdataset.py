"""WebDataset's tar shards: members of one name up to its first dot are a sample, ``0017.jpg`` and ``0017.cls``."""

import json
import os
import re
import tarfile
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import pyarrow as pa
from pydantic import Field

from ...faults import InputFault
from ...plugins import Section
from ...progress import Progress
from .. import Split
from ._columns import labels_of_texts
from ._files import find_files
from ._sources import Sources

SPLITS = ("train",)
NEEDS_PATH = True

IMAGES = ("jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "ppm", "pgm")
NAME = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)")  # key and ending, as WebDataset's own reader has them
META = re.compile(r"__[^/]*__($|/)")  # which it passes over
INTEGER = re.compile("[+-]?[0-9]+")
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip, bzip2, xz, zstd
BLOCK = 512  # bytes, of what a tar file is made


class Options(Section):
    """Which members of a sample are its image and its label."""

    image_key: str | None = Field(None, description="ending of the image; null: jpg, png, ..., whichever there is")
    label_key: str = Field("cls", min_length=1, description="ending of the label: cls, txt or json")
    label_field: str = Field("label", min_length=1, description="of a json, the key of the label")


def read_split(split: str, paths: list[str], options: Options) -> Split:
    """Read where the images lie and the labels, and leave the images in the shards until they are asked for.

    Parameters
    ----------
    split : str
        For the sentence of a fault; the shards of a split are those of its own path.
    paths : list of str
        Tar files, folders of them, globs or braces, read one after the other.
    options : Options
        A label is an integer or any text; of a member whose ending is json, what is under `label_field`.

    Returns
    -------
    Split
        Labels are integers if all are written as such, as those of a ``cls`` must be; otherwise strings. Sources are
        ``SHARD#key``. Memory: 16 bytes, the key and the label of each sample. Costs one pass over the headers, of
        some 30,000 members a second, and the reading of the labels.

    Raises
    ------
    InputFault
        A shard is compressed, cut short or no tar file, two of its samples have one key, or one has no image, several,
        or no label that can be read.
    """
    return _read(split, paths, options, labelled=True)


def read_unlabelled(split: str, paths: list[str], options: Options) -> Split:
    """Do the same without labels; there need be no members of them."""
    return _read(split, paths, options, labelled=False)


def _read(split: str, paths: list[str], options: Options, labelled: bool) -> Split:
    files, shards = find_files(split, paths, ".tar"), []
    with Progress(len(files), f"index {split}", "shards") as progress:
        for file in files:
            shards.append(_index(split, file, options, labelled))
            progress.update(1)
    sources = Sources(files, [shard.keys for shard in shards])
    labels = labels_of_texts([shard.labels for shard in shards]) if labelled else None
    return Split(labels, sources, _Images(files, shards).read)


@dataclass(frozen=True)
class _Shard:
    """The samples of a shard: keys and labels are texts, an image the bytes from its offset on."""

    keys: pa.Array
    labels: pa.Array
    offsets: array
    sizes: array


class _Images:
    """The images of all shards as one sequence.

    A shard is opened for each call that reads in it: a file that stayed open would be shared by forked processes, place
    and all.
    """

    def __init__(self, files: list[str], shards: list[_Shard]):
        self.files, self.shards = files, shards
        self.starts = list(accumulate((len(shard.offsets) for shard in shards), initial=0))

    def read(self, start: int, stop: int) -> list[bytes]:
        images = []
        while start < stop:
            number = bisect_right(self.starts, start) - 1
            shard, first, end = self.shards[number], self.starts[number], min(stop, self.starts[number + 1])
            with open(self.files[number], "rb") as file:
                images += [
                    os.pread(file.fileno(), shard.sizes[row], shard.offsets[row])
                    for row in range(start - first, end - first)
                ]
            start = end
        return images


def _index(split: str, file: str, options: Options, labelled: bool) -> _Shard:
    where = f"samples.{split}: {file}"
    keys, labels, offsets, sizes = [], [], array("q"), array("q")
    with open(file, "rb") as opened:
        for key, members in _samples(where, file):
            offset, size = _find_image(f"{where}#{key}", members, options.image_key)
            keys.append(key)
            offsets.append(offset)
            sizes.append(size)
            if labelled:
                labels.append(_read_label(f"{where}#{key}", members, options, opened.fileno()))
    if len(set(keys)) < len(keys):
        twice = next(key for key, n in Counter(keys).items() if n > 1)
        raise InputFault(
            f"{where}#{twice} is there twice, with others between; write the members of a sample one after the other, "
            "and give each sample a name of its own"
        )
    return _Shard(pa.array(keys, pa.string()), pa.array(labels, pa.string()), offsets, sizes)


def _samples(where: str, file: str) -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """Yield the key of each sample and its members, (offset, size) by their endings."""
    key = ""
    members: dict[str, tuple[int, int]] = {}
    for name, offset, size in _members(where, file):
        named = NAME.fullmatch(name)
        if named is None or META.match(name):
            continue
        ending = named[2].lower()
        if members and named[1] != key:
            yield key, members
            members = {}
        key = named[1]
        if ending in members:
            raise InputFault(f"{where} has the member {name} twice; write it once, or give samples names of their own")
        members[ending] = offset, size
    if members:
        yield key, members


def _members(where: str, file: str) -> Iterator[tuple[str, int, int]]:
    """Yield name, offset and size of each regular file in a shard."""
    with open(file, "rb", buffering=0) as opened:
        if opened.read(4).startswith(COMPRESSED):
            raise InputFault(f"{where} is compressed, so that no image in it can be read by itself; decompress it")
        opened.seek(0)
        try:
            # A name that is no UTF-8 is told apart from others, and can be written down.
            with tarfile.open(fileobj=opened, mode="r:", errors="backslashreplace") as tar:
                while member := tar.next():
                    tar.members.clear()  # type: ignore[attr-defined]  # else it keeps all; typeshed lacks it
                    if member.isreg():
                        yield member.name, member.offset_data, member.size
                end = os.pread(opened.fileno(), BLOCK, tar.offset)
        except tarfile.TarError as error:
            raise InputFault(f"{where} is no whole tar file ({error}); get it again") from error
        if end != bytes(BLOCK):
            raise InputFault(
                f"{where} has no end after {tar.offset} bytes, as a tar file that was cut short; get it again"
            )


def _find_image(sample: str, members: dict, asked: str | None) -> tuple[int, int]:
    images = [ending for ending in members if (ending == asked if asked else ending in IMAGES)]
    if len(images) != 1:
        what = f"{len(images)} images ({', '.join(images)})" if images else f"no image ({asked or ', '.join(IMAGES)})"
        raise InputFault(
            f"{sample} has {what} among the members {', '.join(members)}; name the ending of its image in "
            "samples.options.image_key, or mend the shard"
        )
    return members[images[0]]


def _read_label(sample: str, members: dict, options: Options, descriptor: int) -> str:
    """Return the label as a text: of integers in their one spelling."""
    key = options.label_key
    if key not in members:
        raise InputFault(
            f"{sample} has no label: there is no {key} among the members {', '.join(members)}; name its ending in "
            "samples.options.label_key, or set samples.labelled: false"
        )
    offset, size = members[key]
    text = os.pread(descriptor, size, offset).decode(errors="replace").strip()
    if key.split(".")[-1] == "json":
        return _read_field(f"{sample}.{key}", text, options.label_field)
    if key.split(".")[-1] == "cls":
        if not INTEGER.fullmatch(text):
            raise InputFault(f"{sample}.{key} has {text[:40]!r}, but a cls is an integer; mend it")
        return str(int(text))
    if not text:
        raise InputFault(f"{sample}.{key} is empty, but should have the label; mend it")
    return text


def _read_field(member: str, text: str, name: str) -> str:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise InputFault(f"{member} is no JSON ({error}); mend it") from error
    label = fields.get(name) if isinstance(fields, dict) else None
    if label == "" or not isinstance(label, str | int) or isinstance(label, bool):
        found = f"the fields {', '.join(fields)}" if isinstance(fields, dict) else f"{text[:40]!r}"
        raise InputFault(
            f"{member} has no integer or text called {name}, but {found}; name the label in "
            "samples.options.label_field, or mend the shard"
        )
    return str(label)
