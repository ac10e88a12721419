"""Progress of long work: a bar in a terminal, plain lines in the log."""

import logging
import sys
import time

from tqdm import tqdm

LOGGER = logging.getLogger("score_extrapolation")
LINE_INTERVAL_S = 10.0


class Progress:
    """Count work done, and say done, total, rate and time left.

    A terminal on stderr shows a bar; the package's logger gets a line every ten seconds and one at the end,
    so that a log file tells the same story without control characters.

    Parameters
    ----------
    total : int
        Units of work.
    label : str
        What is being done, e.g. ``"decode train"``.
    unit : str
        Name of one unit, e.g. ``"images"``.
    """

    def __init__(self, total: int, label: str, unit: str):
        self.total, self.label, self.unit = total, label, unit
        self.done = 0
        self.started = self.last_line = time.monotonic()
        self.bar = tqdm(total=total, desc=label, unit=f" {unit}", disable=not sys.stderr.isatty(), leave=False)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.bar.close()
        if kind is None:
            self._line("")

    def update(self, n: int, note: str = "") -> None:
        """Add `n` units; `note` (e.g. a loss) goes beside them."""
        self.done += n
        self.bar.set_postfix_str(note, refresh=False)
        self.bar.update(n)
        if time.monotonic() - self.last_line >= LINE_INTERVAL_S and self.done < self.total:
            self._line(note)

    def _line(self, note: str) -> None:
        self.last_line = time.monotonic()
        elapsed = self.last_line - self.started
        meter = tqdm.format_meter(self.done, self.total, elapsed, ncols=0, prefix=self.label, unit=f" {self.unit}")
        LOGGER.info("%s%s", meter, f" {note}" if note else "")
