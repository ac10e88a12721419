"""A store that is being written, in a folder beside it: what a killed job had done is not done again.

All files there only grow, in the order in which the data are read, so that how far a job is, is how long they are. That
is saved now and then and when the job is told to stop; the next start cuts off what came after and goes on. The
folder stays where the store itself is removed, as what a killed job was to write often is.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import PIL

from ...faults import Interrupted
from ...io.atomic import read_json, write_json
from ...progress import LOGGER
from ...stopping import Stoppable
from .. import Split
from .checksums import DIGEST, read_digests
from .npy_files import GrowingArray, npy_bytes

SAVE_S = 10.0  # between two saved states
WRONG = "wrong_labels.parquet"  # the file of a store whose labels were replaced by others

# What becomes of an image that is read, by number.
FATES = ("train", "test", "validation", "unused", "bad", "duplicate")
STORED = FATES[:3]
UNUSED, BAD, DUPLICATE = range(3, 6)

RECORD = np.dtype([("fate", np.int8), ("digest", DIGEST)])  # of each image, in the order of reading


class Unfinished(Stoppable):
    """The files of a store that is being written, and how far it is.

    Parameters
    ----------
    store : path
        Folder of the finished store; this one's has ``.unfinished`` behind its name.
    settings : str
        Digest of everything that the store depends on; what was begun with others is begun anew.
    targets : dict of (n,) int8
        Per source, a set that is read by itself, the fate of each image if it is neither bad nor a duplicate.
    sources : dict of sequence of str
        Where each comes from. What is begun is taken up only if these files have not changed since.
    row_shape : (height, width, channels)
    threads : int
        That compare what is there with its checksums, before it is taken up.

    Attributes
    ----------
    folder : Path
        What is in it when the store is finished, is the store.
    fates : dict of (n,) int8
        As targets, once an image has been read what became of it.
    digests : dict of (n,) digests
        Per source; see `_checksums`.
    read : dict of int
        Rows of each source that are done.
    arrays : dict of GrowingArray
        Per split.
    sums : (2, channels) int64
        Of the values and squares of the pixels that statistics are made of.

    Notes
    -----
    Holds 18 bytes an image.
    """

    def __init__(self, store: Path, settings: str, targets: dict, sources: dict, row_shape: tuple, threads: int):
        self.store, self.home = store, store.with_name(f"{store.name}.unfinished")
        self.folder = self.home / "store"
        self.settings, self.targets, self.sources = settings, targets, sources
        self.row_shape, self.threads = row_shape, threads
        self.splits = [
            name for code, name in enumerate(STORED) if any((target == code).any() for target in targets.values())
        ]
        self.last_save = time.monotonic()

    def __enter__(self):
        """Take up what is there, or begin anew; wait for the process of a killed run that has not ended yet."""
        self._lock = _lock_folder(self.home)
        self.begun, n = self._load() or self._begin()
        self.folder.mkdir(exist_ok=True)
        self.arrays = {name: GrowingArray(self.folder / f"{name}.npy", self.row_shape, n[name]) for name in self.splits}
        self.records = {source: _open_at(self._rows_path(source), self.read[source]) for source in self.targets}
        self.state = self._describe()
        return super().__enter__()

    def __exit__(self, kind, *error):
        super().__exit__(kind, *error)
        with suppress(OSError):  # of a full disk, which is what is being raised
            if kind is not None:
                self.save()
        for file in self._files():
            with suppress(OSError):
                file.close()
        os.close(self._lock)

    def note(self, source: str, stop: int) -> None:
        """Note that all rows of a source before `stop` are done, their fates and digests being set; save if it is time.

        Raises
        ------
        Interrupted
            A signal to stop has come; how far this is has been saved.
        """
        part = slice(self.read[source], stop)
        record = np.empty(stop - part.start, RECORD)
        record["fate"], record["digest"] = self.fates[source][part], self.digests[source][part]
        self.records[source].write(record)
        self.read[source] = stop
        self.state = self._describe()
        if self.told_to_stop():
            raise self.interrupted()
        if time.monotonic() - self.last_save >= SAVE_S:
            self.save()

    def interrupted(self) -> Interrupted:
        """Return what is raised when work stops here."""
        n, total = sum(self.read.values()), sum(map(len, self.targets.values()))
        return Interrupted(f"samples: told to stop after {n} of {total} images; the next start goes on there")

    def save(self) -> None:
        """Save how far the files are, as noted last."""
        for file in self._files():
            file.flush()
        write_json(self.home / "state.json", self.state)
        self.last_save = time.monotonic()

    def rows(self, fate: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each source and its rows, of those that are done, that had a fate; so they are in the store."""
        for source, fates in self.fates.items():
            yield source, np.flatnonzero(fates[: self.read[source]] == fate)

    def of_split(self, name: str, values: dict[str, np.ndarray]) -> np.ndarray:
        """Return the values of a split's samples in its order, from those of each source."""
        return np.concatenate([values[source][rows] for source, rows in self.rows(STORED.index(name))])

    def finish(self) -> None:
        """Give all files their names in the store, and remove this folder."""
        self.store.mkdir(parents=True, exist_ok=True)
        # An old summary would vouch for a mixture of old and new files, were we killed while renaming; old wrong labels
        # for labels that may be right now.
        for name in ("summary.json", WRONG):
            (self.store / name).unlink(missing_ok=True)
        for path in sorted(self.folder.iterdir(), key=lambda path: path.name == "summary.json"):
            os.replace(path, self.store / path.name)
        shutil.rmtree(self.home)

    def _files(self) -> list:
        """Return the files that are still open: finished arrays are not."""
        files = [*self.records.values(), *(array.file for array in self.arrays.values())]
        return [file for file in files if not file.closed]

    def _describe(self) -> dict:
        n = {name: array.n for name, array in self.arrays.items()}
        place = {"begun": self.begun, "read": dict(self.read), "n": n, "sums": self.sums.tolist()}
        return {"settings": self.settings, **place}

    def _rows_path(self, source: str) -> Path:
        return self.home / f"{source}.rows"

    def _clear(self) -> None:
        self.fates = {source: target.copy() for source, target in self.targets.items()}
        self.digests = {source: np.zeros(len(target), DIGEST) for source, target in self.targets.items()}
        self.read = dict.fromkeys(self.targets, 0)
        self.sums = np.zeros((2, self.row_shape[2]), np.int64)

    def _begin(self) -> tuple[float, dict[str, int]]:
        self._clear()
        for path in self.home.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return time.time(), dict.fromkeys(self.splits, 0)

    def _load(self) -> tuple[float, dict[str, int]] | None:
        """Take over what was saved; return when it was begun and the rows of each split, None where it does not fit."""
        self._clear()
        try:
            state = read_json(self.home / "state.json")
        except FileNotFoundError:
            return None
        if state["settings"] != self.settings:
            LOGGER.info("what was begun in %s is of other settings or data; starting from the beginning", self.home)
            return None
        self.read, self.sums = state["read"], np.array(state["sums"], np.int64)
        for source, n in self.read.items():
            changed = _first_changed(self.sources[source][:n], state["begun"])
            if changed:
                LOGGER.info("%s has changed since it was read; starting from the beginning", changed)
                return None
        if not self._is_whole(state["n"]):
            LOGGER.warning("samples: what was begun in %s is damaged; starting from the beginning", self.home)
            return None
        LOGGER.info("going on after %d images, which are as they were written", sum(self.read.values()))
        return state["begun"], state["n"]

    def _is_whole(self, n: dict[str, int]) -> bool:
        """Say whether the files are there as far as they were noted, every pixel as it was written."""
        for source, n_read in self.read.items():
            path = self._rows_path(source)
            if n_read * RECORD.itemsize > (path.stat().st_size if path.exists() else 0):
                return False
            record = np.fromfile(path, RECORD, n_read) if n_read else np.empty(0, RECORD)
            self.fates[source][:n_read], self.digests[source][:n_read] = record["fate"], record["digest"]
        for name in self.splits:
            path, expected = self.folder / f"{name}.npy", self.of_split(name, self.digests)
            if not path.exists() or path.stat().st_size < npy_bytes(n[name], self.row_shape):
                return False
            found = list(read_digests(path, n[name], self.row_shape, self.threads, f"check {name}"))
            if not np.array_equal(np.concatenate([np.empty(0, DIGEST), *found]), expected):
                return False
        return True


def settings_digest(settings: dict, splits: dict[str, Split], labels: dict[str, np.ndarray]) -> str:
    """Return a digest of JSON values, of what was read of the data, and of the version of what decodes them."""
    combined = hashlib.sha256(json.dumps([settings, PIL.__version__], sort_keys=True, default=str).encode())
    for name, split in splits.items():
        combined.update(f"{name} {len(split.sources)}".encode())
        combined.update(np.ascontiguousarray(labels[name]))
        for start in range(0, len(split.sources), 2**16):
            combined.update("\n".join(split.sources[start : start + 2**16]).encode(errors="surrogateescape"))
    return combined.hexdigest()


def bytes_there(store: Path) -> int:
    """Return what the disk already holds of a store that is being written."""
    files = (store.with_name(f"{store.name}.unfinished") / "store").glob("*")
    return sum(path.stat().st_size for path in files)


def _lock_folder(folder: Path) -> int:
    """Lock a folder, made if it is not there; return what holds the lock while it is open.

    The job of a killed run goes on until it finds out, and the next run must not write into its files.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY)
        with suppress(OSError):  # of a file system without locks
            fcntl.flock(held, fcntl.LOCK_EX)
        if folder.exists() and os.path.samestat(os.fstat(held), os.stat(folder)):
            return held
        os.close(held)  # who held it has finished the store and removed the folder


def _open_at(path: Path, n: int):
    """Open the records of a source, cut off after n."""
    file = open(path, "r+b" if n else "wb")  # noqa: SIM115 - open until all is read
    file.truncate(n * RECORD.itemsize)
    file.seek(n * RECORD.itemsize)
    return file


def _first_changed(sources: Sequence[str], begun: float) -> str | None:
    """Return the first file that was written or replaced after a time, None where there is none.

    A source is a file, or a place in one, FILE#row; what is no file cannot be looked at. The time that the system
    itself notes (ctime) is not set back by copying and unpacking.
    """
    files = dict.fromkeys(source.rpartition("#")[0] or source for source in sources)
    for file in files:
        with suppress(OSError):
            if os.stat(file).st_ctime > begun:
                return file
    return None
