"""Where a training stands, saved now and then and when it is told to stop, so that the next start goes on there."""

import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..io.atomic import replacing
from ..progress import LOGGER
from ..stopping import Stoppable


class Checkpoints(Stoppable):
    """Where one training stands, in a folder of its own.

    Parameters
    ----------
    folder : path
        Outside the results, which may be removed when a training fails.
    settings : str
        Digest of everything that the result depends on; a checkpoint of others is not taken up.
    minutes, epochs : float or int, optional
        Save when this much has passed since the last; None: not for that reason.
    writes : bool
        Whether this process is the one that saves.

    Attributes
    ----------
    seconds_before : float
        That the training had taken, by the clock, when what `load` returned was saved; 0 where it begins anew.
    """

    def __init__(self, folder, settings: str, minutes: float | None = 10, epochs: int | None = None, writes=True):
        self.folder = Path(folder)
        self.settings = settings
        self.minutes, self.epochs = minutes, epochs
        self.writes = writes
        self.last_save, self.last_epoch = time.monotonic(), 0
        self.began, self.seconds_before = self.last_save, 0.0

    def due(self, epoch: int) -> bool:
        """Say whether it is time to save, after this many finished epochs."""
        timed = self.minutes is not None and time.monotonic() - self.last_save >= 60 * self.minutes
        return timed or (self.epochs is not None and epoch - self.last_epoch >= self.epochs)

    def save(self, state: dict, epoch: int) -> None:
        """Replace the checkpoint by this state."""
        if self.writes:
            with replacing(self.folder / "state.pt") as partial:
                seconds = self.seconds_before + time.monotonic() - self.began
                torch.save({"settings": self.settings, "seconds": seconds, **state}, partial)
        self.last_save, self.last_epoch = time.monotonic(), epoch

    def load(self) -> dict | None:
        """Return the saved state, or None where there is none of these settings."""
        path = self.folder / "state.pt"
        if not path.exists():
            return None
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state.pop("settings") != self.settings:
            LOGGER.info("the checkpoint in %s belongs to other settings; starting from the beginning", self.folder)
            return None
        self.seconds_before = state.pop("seconds")
        return state

    def remove(self) -> None:
        """Remove the folder: the training is finished and its outputs are written."""
        if self.writes:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class CheckpointPlan:
    """Where a training saves where it stands, and when.

    Attributes
    ----------
    folder : path
        As of `Checkpoints`.
    code : str
        Digest of the code: a checkpoint of other code is not taken up.
    minutes, epochs : float or int, optional
        As of `Checkpoints`.
    """

    folder: str
    code: str = ""
    minutes: float | None = 10
    epochs: int | None = None

    def open(self, settings: str, writes: bool = True) -> Checkpoints:
        """Return the checkpoints of a training, given the digest of its settings, in which `code` must be."""
        return Checkpoints(self.folder, settings, self.minutes, self.epochs, writes)


def settings_digest(settings: dict, files: list, *arrays: np.ndarray) -> str:
    """Return a digest of JSON values, of the sizes and times of files, and of arrays' bytes."""
    combined = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for path in files:
        status = os.stat(path)
        combined.update(f"{os.path.abspath(path)} {status.st_size} {status.st_mtime_ns}".encode())
    for array in arrays:
        combined.update(np.ascontiguousarray(array).tobytes())
    return combined.hexdigest()
