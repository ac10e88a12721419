"""Where samples come from, put together when it is asked for: two million strings in a list are 300 MB."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

BLOCK = 1024  # of an iteration


class Sources(Sequence):
    """The sources of the samples of several files, one after the other.

    Parameters
    ----------
    files : list of str
    names : list of sequence
        Of each file in turn what its samples are called in it: ``range(n)`` for rows, or an Arrow array of strings.
    join : callable
        file, name -> source; ``FILE#name`` by default.
    """

    def __init__(self, files: list[str], names: list[Sequence], join: Callable[[str, str], str] = "{}#{}".format):
        self.files, self.names, self.join = files, names, join
        self.starts = list(accumulate(map(len, names), initial=0))

    def __len__(self) -> int:
        return self.starts[-1]

    def __getitem__(self, rows):
        if not isinstance(rows, slice):
            row = range(len(self))[rows]  # negative ones, and the IndexError that ends an iteration
            return self[row : row + 1][0]
        start, stop, step = rows.indices(len(self))
        if step != 1:
            return [self[row] for row in range(start, stop, step)]
        found = []
        while start < stop:
            file = bisect_right(self.starts, start) - 1
            end = min(stop, self.starts[file + 1])
            names: Any = self.names[file][start - self.starts[file] : end - self.starts[file]]
            names = names if isinstance(names, range) else names.to_pylist()
            found += [self.join(self.files[file], name) for name in names]
            start = end
        return found

    def __iter__(self):
        for start in range(0, len(self), BLOCK):
            yield from self[start : start + BLOCK]
