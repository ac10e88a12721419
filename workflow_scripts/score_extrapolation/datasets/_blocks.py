"""Rows that lie in blocks, of which a few are in memory: those of archives, of Parquet files."""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

# Threads work side by side on neighbouring chunks, of at most 512 rows: in one block, or in two at its end. With two of
# them in memory no thread finds its own thrown away by one that is ahead of it, and has to load it again.
CACHED_BLOCKS = 2


class Blocks:
    """Blocks of rows as one sequence; threads may share it.

    Parameters
    ----------
    lengths : list of int
        Rows of each block; may be 0.
    load : callable
        block -> its rows, anything that can be sliced; one call at a time.
    """

    def __init__(self, lengths: list[int], load: Callable[[int], Any]):
        self.starts = list(accumulate(lengths, initial=0))
        self.load = load
        self.cache: OrderedDict[int, Any] = OrderedDict()
        self.lock = threading.Lock()

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Yield (block, rows) of the blocks that hold the rows start..stop - 1, in order."""
        while start < stop:
            block = bisect_right(self.starts, start) - 1  # the last that starts here: empty ones are passed over
            end = min(stop, self.starts[block + 1])
            yield block, self._cached(block)[start - self.starts[block] : end - self.starts[block]]
            start = end

    def _cached(self, block: int):
        with self.lock:
            if block in self.cache:
                self.cache.move_to_end(block)
            else:
                if len(self.cache) == CACHED_BLOCKS:
                    self.cache.popitem(last=False)
                self.cache[block] = self.load(block)
            return self.cache[block]
