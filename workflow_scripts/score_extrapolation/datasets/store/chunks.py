"""All images of a split, decoded chunk after chunk in its order, by several processes.

Threads do not do: most of the time of a small image is PIL's Python code, and two threads that hand the GIL to each
other were measured at 0.6 times the speed of one on 32x32 JPEGs. The parent reads the encoded images, so that the
reader is used by one process alone, and hands them out; pixels come back through memory that is shared.
"""

import math
import mmap
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...faults import InputFault
from ...progress import Progress
from .. import Split
from .checksums import hash_images
from .decoding import BadImage, Form, decode_image
from .npy_files import sum_channels

# A chunk is what is decoded at a time: enough images that handing them over costs nothing, few enough bytes, encoded
# and decoded, that two for each process fit into memory whatever the images' size.
CHUNK_IMAGES = 256
CHUNK_BYTES = 4 * 2**20

Found = tuple[dict[int, str], np.ndarray, np.ndarray]  # of a chunk: why rows are bad, digests, sums


class OtherSize(Exception):
    """An image has another size than the first: its row, and its shape."""


class Ended(Exception):
    """A process that decodes was ended from outside."""


@dataclass(frozen=True)
class Chunk:
    """Decoded images of consecutive rows of a split.

    Attributes
    ----------
    stop : int
        All rows before this one have now been decoded, as far as they are wanted.
    rows : (k,) int64
        Of the split, counted from 0.
    images : (k, height, width, channels) uint8
        Theirs, until the next chunk is asked for; what a bad one holds is undefined.
    bad : dict of int to str
        Why a row cannot be decoded.
    digests : (k,) digests
        See `_checksums`; those of bad rows say nothing.
    sums : (k, 2, channels) int64
        Of each image's values and of their squares.
    """

    stop: int
    rows: np.ndarray
    images: np.ndarray
    bad: dict[int, str]
    digests: np.ndarray
    sums: np.ndarray


def decode_split(
    name: str, split: Split, form: Form, wanted: np.ndarray, processes: int, start: int = 0
) -> Generator[Chunk, None, None]:
    """Decode the wanted images of a split, in its order; the images do not depend on chunks and processes.

    Parameters
    ----------
    name : str
        Of the split, for progress and the sentence of a fault.
    split : Split
        Read by the calling thread, in order; where no row of a chunk is wanted it is passed over.
    form : Form
    wanted : (n,) bool
    processes : int
        That decode, forks of this one, at most two chunks each ahead of who takes them. With 1, and of arrays, which
        need no decoding, the calling thread does it all.
    start : int
        The first row.

    Raises
    ------
    InputFault
        An image has another size than the first, and no size is asked for.
    Ended
        One of the processes was killed.
    """
    (first,) = split.read(0, 1)
    most = max(1, min(CHUNK_IMAGES, CHUNK_BYTES // math.prod(form.shape)))
    chunks = read_chunks(split, wanted, start, most, _encoded_bytes([first]))
    here = processes == 1 or isinstance(first, np.ndarray)
    decoded = _decode_here(chunks, form, most) if here else _decode_elsewhere(chunks, form, most, processes)
    total, done = int(np.count_nonzero(wanted)), int(np.count_nonzero(wanted[:start]))
    try:
        with Progress(total, f"decode {name}", "images", done) as progress, closing(decoded):
            for chunk in decoded:
                yield chunk
                progress.update(len(chunk.rows))
    except OtherSize as other:
        row, (height, width, _) = other.args
        first_height, first_width, _ = form.shape
        raise InputFault(
            f"samples.{name}: {split.sources[row]} is {height} x {width} (height x width), but the first image of "
            f"samples.train is {first_height} x {first_width}; set samples.image_size to bring all to one size"
        ) from None


def read_chunks(
    split: Split, wanted: np.ndarray, start: int, most: int, image_bytes: int
) -> Iterator[tuple[int, np.ndarray, list]]:
    """Yield (stop, rows, undecoded images) of consecutive parts of a split that have a wanted row.

    Parameters
    ----------
    split, wanted, start
        As of `decode_split`.
    most : int
        Rows that are read at a time.
    image_bytes : int
        What an encoded image takes in memory: where these are large, fewer rows are read.
    """
    while start < len(wanted):
        stop = min(start + max(1, min(most, CHUNK_BYTES // max(1, image_bytes))), len(wanted))
        rows = start + np.flatnonzero(wanted[start:stop])
        if len(rows):
            images = split.read(start, stop)
            image_bytes = _encoded_bytes(images) // len(images)
            yield stop, rows, [images[place] for place in (rows - start).tolist()]
        start = stop


def _encoded_bytes(images: Sequence) -> int:
    """Return the memory of images that are encoded and in memory: a path's are in a file."""
    return sum(len(image) for image in images if isinstance(image, bytes))


def _decode_into(images: np.ndarray, rows: np.ndarray, encoded: list[bytes | Path | np.ndarray], form: Form) -> Found:
    """Decode into the first of the images."""
    bad = {}
    for i, (row, raw) in enumerate(zip(rows.tolist(), encoded, strict=True)):
        try:
            image = decode_image(raw, form.shape[2], form.size, form.fit)
        except BadImage as error:
            bad[row] = str(error)
            continue
        if image.shape != form.shape:
            raise OtherSize(row, image.shape)
        images[i] = image
    decoded = images[: len(rows)]
    return bad, hash_images(decoded), sum_channels(decoded)


def _decode_here(chunks: Iterator, form: Form, most: int) -> Generator[Chunk, None, None]:
    images = np.empty((most, *form.shape), np.uint8)
    for stop, rows, encoded in chunks:
        yield Chunk(stop, rows, images[: len(rows)], *_decode_into(images, rows, encoded, form))


def _decode_elsewhere(chunks: Iterator, form: Form, most: int, processes: int) -> Generator[Chunk, None, None]:
    """Decode in forks of this process, each into one of the slots that they share with it."""
    # Anonymous maps: no name, nothing to remove after a kill, no limit of /dev/shm.
    maps = [mmap.mmap(-1, most * math.prod(form.shape)) for _ in range(2 * processes)]
    slots = [np.frombuffer(memory, np.uint8).reshape(most, *form.shape) for memory in maps]
    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(processes, fork, _begin_process, (slots, form, os.getpid()))
    waiting: deque[tuple] = deque()

    def finished(stop: int, rows: np.ndarray, images: np.ndarray, found: Future) -> Chunk:
        return Chunk(stop, rows, images[: len(rows)], *found.result())

    try:
        for number, (stop, rows, encoded) in enumerate(chunks):
            slot = number % len(slots)
            if len(waiting) == len(slots):  # the oldest is in this slot, and has been used when we go on
                yield finished(*waiting.popleft())
            waiting.append((stop, rows, slots[slot], pool.submit(_decode_in_slot, slot, rows, encoded)))
        while waiting:
            yield finished(*waiting.popleft())
    except BrokenProcessPool as error:
        raise Ended from error
    finally:
        pool.shutdown(cancel_futures=True)


# In a process that decodes

_shared: tuple[list[np.ndarray], Form]  # set once, when the process begins


def _begin_process(slots: list[np.ndarray], form: Form, parent: int) -> None:
    global _shared
    _shared = (slots, form)
    # Who presses Ctrl-C, or a cluster before its limit, means the parent, which first takes what is decoded.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=[parent], daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent is gone, killed: nobody would hand it work or tell it to end."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _decode_in_slot(slot: int, rows: np.ndarray, encoded: list) -> Found:
    slots, form = _shared
    return _decode_into(slots[slot], rows, encoded, form)
