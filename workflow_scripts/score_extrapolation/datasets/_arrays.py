"""A .npy file of images that is written row by row and counts what its channel statistics need."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..atomic import replacing


class GrowingArray:
    """A .npy file of uint8 rows that are appended; see `growing_array`.

    Plain writes, no memory map: on a full disk a write raises an error, a store into a map kills the process.

    Attributes
    ----------
    n : int
        Rows so far.
    row_shape : (height, width, channels)
    """

    def __init__(self, file: BinaryIO, row_shape: tuple[int, int, int]):
        self.file, self.row_shape, self.n = file, row_shape, 0
        self.sums = np.zeros((2, row_shape[2]), dtype=np.int64)  # of values, and of their squares
        self.write_header()

    def append(self, rows: np.ndarray) -> None:
        """Add (k, height, width, channels) uint8, k at most 66,000 (sums of 32 bits)."""
        self.file.write(np.ascontiguousarray(rows))
        self.n += len(rows)
        values = rows.reshape(len(rows), math.prod(self.row_shape)).astype(np.uint16)  # 255**2 still fits
        for total, powers in zip(self.sums, (values, np.square(values)), strict=True):
            total += powers.sum(axis=0, dtype=np.uint32).reshape(-1, len(total)).sum(axis=0, dtype=np.int64)

    def write_header(self) -> None:
        """(Re)write the header, whose length does not depend on n: numpy pads it for arrays that grow."""
        self.file.seek(0)
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.n, *self.row_shape)}
        np.lib.format.write_array_header_1_0(self.file, header)

    def channel_statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation (ddof 0) of each channel over all pixels, in 0..1.

        Exact up to one rounding: Python's integers carry the sums to the division.
        """
        count = self.n * self.row_shape[0] * self.row_shape[1]
        sums = self.sums.T.tolist()
        mean = [values / (255 * count) for values, _ in sums]
        return mean, [math.sqrt(squares * count - values**2) / (255 * count) for values, squares in sums]


@contextmanager
def growing_array(path: Path, row_shape: tuple[int, int, int]) -> Iterator[GrowingArray]:
    """Open a new file under a temporary name; it gets its name if the block ends without an exception."""
    with replacing(path) as partial, open(partial, "wb") as file:
        array = GrowingArray(file, row_shape)
        yield array
        array.write_header()
