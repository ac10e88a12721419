"""Rows that lie in blocks, of which one is in memory: those of archives, of Parquet files."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any


class Blocks:
    """Blocks of rows as one sequence, which is read from its beginning to its end.

    Parameters
    ----------
    lengths : list of int
        Rows of each block; may be 0.
    load : callable
        block -> its rows, anything that can be sliced. Each is loaded once where rows are asked for in order.
    """

    def __init__(self, lengths: list[int], load: Callable[[int], Any]):
        self.starts = list(accumulate(lengths, initial=0))
        self.load = load
        self.block = -1  # the one in memory
        self.rows: Any = None

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Yield (block, rows) of the blocks that hold the rows start..stop - 1, in order."""
        while start < stop:
            block = bisect_right(self.starts, start) - 1  # the last that starts here: empty ones are passed over
            end = min(stop, self.starts[block + 1])
            if block != self.block:
                self.rows = None  # so that no two are in memory
                self.block, self.rows = block, self.load(block)
            yield block, self.rows[start - self.starts[block] : end - self.starts[block]]
            start = end
