"""Where samples come from, put together when it is asked for: two million strings in a list are 300 MB."""

from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np


class Sources(Sequence):
    """The sources of the samples of several files, one after the other.

    Parameters
    ----------
    files : list of str
    names : list of sequence
        Of each file in turn what its samples are called in it: ``range(n)`` for rows, or strings, an Arrow array.
    join : callable
        file, name -> source; ``FILE#name`` by default.
    """

    def __init__(self, files: list[str], names: list[Sequence], join: Callable[[str, str], str] = "{}#{}".format):
        self.files, self.names, self.join = files, names, join
        self.starts = np.array(list(accumulate(map(len, names), initial=0)))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, row):
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        row = range(len(self))[row]  # negative ones, and the IndexError that ends an iteration
        file = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.join(self.files[file], str(self.names[file][row - int(self.starts[file])]))
