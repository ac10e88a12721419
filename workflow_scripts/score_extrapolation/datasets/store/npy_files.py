"""A .npy file of images that is written row by row, and the channel statistics of what is written."""

import io
import math
from pathlib import Path

import numpy as np

HEADER_BYTES = 128  # numpy pads the header for arrays that grow, so that its length does not depend on the rows
# Images whose powers are summed at a time: their 16-bit copies stay in the processor's cache.
SUMMED_BYTES = 2**17


class GrowingArray:
    """A .npy file of uint8 rows that are appended.

    Plain writes, no memory map: on a full disk a write raises an error, a store into a map kills the process.

    Parameters
    ----------
    path : path
    row_shape : (height, width, channels)
    n : int
        Rows that the file has and that stay; what lies behind them is cut off. 0: a new file.

    Attributes
    ----------
    n : int
        Rows so far.
    """

    def __init__(self, path: Path, row_shape: tuple[int, int, int], n: int = 0):
        self.row_shape, self.n = row_shape, n
        self.file = open(path, "r+b" if n else "wb")  # noqa: SIM115 - open until the array is whole
        self.file.truncate(npy_bytes(n, row_shape) if n else None)
        self.file.seek(npy_bytes(n, row_shape))

    def append(self, rows: np.ndarray) -> None:
        """Add (k, height, width, channels) uint8."""
        self.file.write(np.ascontiguousarray(rows))
        self.n += len(rows)

    def finish(self) -> None:
        """Write the header and close the file."""
        self.file.seek(0)
        self.file.write(npy_header((self.n, *self.row_shape)))
        self.file.close()


def npy_header(shape: tuple[int, ...]) -> bytes:
    """Return the first `HEADER_BYTES` of a .npy file of uint8 in C order."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def npy_bytes(n: int, row_shape: tuple[int, ...]) -> int:
    """Return how long a file of n rows is."""
    return HEADER_BYTES + n * math.prod(row_shape)


def sum_channels(images: np.ndarray) -> np.ndarray:
    """Return the sums of each image's values and of their squares, (k, 2, C) int64, of (k, H, W, C) uint8."""
    k, height, width, channels = images.shape
    lines = images.reshape(k, height, width * channels)
    sums = np.empty((k, 2, width * channels), np.uint32)  # 255**2 times 66,000 lines still fits
    step = max(1, SUMMED_BYTES // max(1, math.prod(images.shape[1:])))
    for start in range(0, k, step):
        part = slice(start, start + step)
        values = lines[part].astype(np.uint16)  # 255**2 still fits
        np.add.reduce(values, axis=1, dtype=np.uint32, out=sums[part, 0])
        np.square(values, out=values)
        np.add.reduce(values, axis=1, dtype=np.uint32, out=sums[part, 1])
    return sums.reshape(k, 2, width, channels).sum(axis=2, dtype=np.int64)


def channel_statistics(sums: np.ndarray, n_pixels: int) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation (ddof 0) of each channel over all pixels, in 0..1.

    Exact up to one rounding: Python's integers carry the sums, (2, C) int64, to the division.
    """
    sums = sums.T.tolist()
    mean = [values / (255 * n_pixels) for values, _ in sums]
    return mean, [math.sqrt(squares * n_pixels - values**2) / (255 * n_pixels) for values, squares in sums]
