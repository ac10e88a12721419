"""Checksums of a store: what of it is still as it was written.

An image's digest is the first 128 bits of the SHA-256 of its pixels; it also tells equal images. The checksum of a
block of rows is the SHA-256 of their digests, one after the other, so that pixels are hashed once. Of other files it is
the SHA-256 of their bytes.
"""

import hashlib
import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ...io.atomic import read_json
from ...progress import Progress
from .npy_files import HEADER_BYTES, npy_bytes, npy_header

DIGEST = np.dtype("S16")
BLOCK_ROWS = 1024  # that share a checksum
READ_BYTES = 4 * 2**20  # that are read at a time, as whole rows


def hash_images(images: np.ndarray) -> np.ndarray:
    """Return the digest of each image, (k,) of 16 bytes, of (k, H, W, C) uint8 in C order."""
    return np.array([hashlib.sha256(image).digest()[:16] for image in images], DIGEST)


def read_digests(path: Path, n: int, row_shape: tuple[int, ...], threads: int, label: str) -> Iterator[np.ndarray]:
    """Yield the digests of the first n rows of a .npy file as it is now, piece by piece in order.

    Parameters
    ----------
    path : path
    n : int
    row_shape : (height, width, channels)
    threads : int
        That read and hash, at most one piece each ahead.
    label : str
        Of the progress.
    """
    step = max(1, READ_BYTES // math.prod(row_shape))

    def hash_rows(start: int) -> np.ndarray:
        count = (min(start + step, n) - start) * math.prod(row_shape)
        rows = np.fromfile(path, np.uint8, count, offset=npy_bytes(start, row_shape))
        return hash_images(rows[: len(rows) // math.prod(row_shape) * math.prod(row_shape)].reshape(-1, *row_shape))

    with Progress(n, label, "images") as progress, ThreadPoolExecutor(threads) as pool:
        for first in range(0, n, threads * step):
            for digests in pool.map(hash_rows, range(first, min(first + threads * step, n), step)):
                yield digests
                progress.update(len(digests))


def list_checksums(digests: dict[str, np.ndarray], row_shape: tuple[int, ...], files: list[Path]) -> dict:
    """Return what ``checksums.json`` says of a store.

    Parameters
    ----------
    digests : dict of (n,) digests
        Per split, in the order of its rows.
    row_shape : (height, width, channels)
    files : list of path
        All other files.
    """
    images = {
        f"{name}.npy": {"shape": [len(of_rows), *row_shape], "blocks": _hash_blocks(of_rows)}
        for name, of_rows in digests.items()
    }
    return {"rows_in_a_block": BLOCK_ROWS, "images": images, "files": {path.name: _hash_file(path) for path in files}}


def verify_store(folder: Path, threads: int = 1) -> list[str]:
    """Compare a store with its checksums.

    Parameters
    ----------
    folder : path
        With a ``checksums.json``.
    threads : int
        That read and hash.

    Returns
    -------
    list of str
        A sentence for each file, and each range of rows, that is not as it was written.

    Notes
    -----
    Reads all of it once; holds 16 bytes an image.
    """
    folder = Path(folder)
    try:
        expected = read_json(folder / "checksums.json")
        wrong = [name for name, checksum in expected["files"].items() if _hash_file(folder / name) != checksum]
        found = [f"{folder / name} is not as it was written" for name in wrong]
        for name, of_images in expected["images"].items():
            found += _verify_array(folder / name, tuple(of_images["shape"]), of_images["blocks"], threads)
    except (KeyError, TypeError, ValueError):
        return [f"{folder / 'checksums.json'} is damaged, so that nothing can be said of the other files"]
    return found


def _verify_array(path: Path, shape: tuple[int, ...], blocks: list[str], threads: int) -> list[str]:
    n, row_shape = shape[0], shape[1:]
    if not path.exists():
        return [f"{path} is missing"]
    if path.stat().st_size != npy_bytes(n, row_shape):
        return [f"{path} has {path.stat().st_size} bytes, but was written with {npy_bytes(n, row_shape)}"]
    with open(path, "rb") as file:
        header = file.read(HEADER_BYTES)
    found = [] if header == npy_header(shape) else [f"{path}: its header is not as it was written"]
    now = _hash_blocks(np.concatenate(list(read_digests(path, n, row_shape, threads, f"verify {path.name}"))))
    for block, (is_now, was) in enumerate(zip(now, blocks, strict=True)):
        if is_now != was:
            first, last = block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, n) - 1
            found.append(f"{path}: of the images {first} to {last} one or more are not as they were written")
    return found


def _hash_blocks(digests: np.ndarray) -> list[str]:
    starts = range(0, len(digests), BLOCK_ROWS)
    return [hashlib.sha256(np.ascontiguousarray(digests[s : s + BLOCK_ROWS])).hexdigest() for s in starts]


def _hash_file(path: Path) -> str | None:
    if not path.exists():
        return None
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
