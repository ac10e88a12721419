"""Progress of long work: a bar in a terminal, plain lines in the log."""

import logging
import sys
import time
from datetime import datetime, timedelta

from tqdm import tqdm

LOGGER = logging.getLogger("score_extrapolation")
LINE_INTERVAL_S = 10.0


def log_to(path) -> None:
    """Have the package's messages, from INFO up, appended to a file."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)


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
    done : int
        Units done before this work began; they do not count in the rate.

    Attributes
    ----------
    note : str
        Stands beside the numbers, e.g. a loss.
    """

    def __init__(self, total: int, label: str, unit: str, done: int = 0):
        self.total, self.label, self.unit = total, label, unit
        self.initial = self.done = done
        self.note = ""
        self.started = self.last_line = time.monotonic()
        hidden = not sys.stderr.isatty()
        self.bar = tqdm(total=total, initial=done, desc=label, unit=f" {unit}", disable=hidden, leave=False)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.bar.close()
        if kind is None:
            self._line()

    def update(self, n: int) -> None:
        """Add `n` units."""
        self.done += n
        self.bar.set_postfix_str(self.note, refresh=False)
        self.bar.update(n)
        if time.monotonic() - self.last_line >= LINE_INTERVAL_S and self.done < self.total:
            self._line()

    def outlook(self) -> str:
        """Return the rate so far, the time left at that rate and the time of day when it will be over."""
        if self.done == self.initial:
            return "speed not yet known"
        rate = (self.done - self.initial) / max(time.monotonic() - self.started, 1e-9)
        left = timedelta(seconds=round((self.total - self.done) / rate))
        return f"{rate:.0f} {self.unit}/s, {left} left, until {datetime.now() + left:%Y-%m-%d %H:%M}"

    def _line(self) -> None:
        self.last_line = time.monotonic()
        elapsed = self.last_line - self.started
        meter = tqdm.format_meter(
            self.done, self.total, elapsed, ncols=0, initial=self.initial, prefix=self.label, unit=f" {self.unit}"
        )
        LOGGER.info("%s%s", meter, f" {self.note}" if self.note else "")
