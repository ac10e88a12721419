"""One run at a time writes to a folder of results, and its jobs end with it, wherever they run.

Snakemake's own lock is a file that survives a kill and then stops every later run until it is removed by hand. This one
belongs to the process: the system drops it when the process ends, however it ends. Jobs on a cluster outlive a killed
Snakemake, and the next run would start the same jobs beside them. So the run writes its id into the file that it locks,
its jobs are given that id, and a job finds out there whether the run that it belongs to is still going on. On file
systems of several machines the lock holds among all of them.
"""

import fcntl
import os
import sys
import time
import uuid
from pathlib import Path

from score_extrapolation.faults import InputFault

VARIABLE = "SCORE_EXTRAPOLATION_RUN"  # of the environment, which executors hand on to their jobs
PATIENCE_S = 1.0  # a job that looks holds the lock for a moment

_held: list = []


def lock_results(folder: Path) -> None:
    """Lock a folder of results, made if it is not there, for as long as this process lives.

    Where the file system has no locks, that is said, and nothing is done.

    Raises
    ------
    InputFault
        Another run has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / ".lock", "r+" if (folder / ".lock").exists() else "w+", encoding="utf-8")  # noqa: SIM115 - held
    end = time.monotonic() + PATIENCE_S
    try:
        while not _try(lock, fcntl.LOCK_EX):
            if time.monotonic() > end:
                raise InputFault(f"results: another run is writing to {folder}; wait for its end or stop it")
            time.sleep(PATIENCE_S / 10)
    except OSError as error:
        print(f"results: {folder} cannot be locked ({error.strerror}); start no second run on it", file=sys.stderr)
        return
    run = uuid.uuid4().hex
    lock.truncate()
    lock.write(run)
    lock.flush()
    os.environ[VARIABLE] = run
    _held.append(lock)


def run_is_over(folder: Path) -> bool:
    """Say whether the run that this job belongs to has ended; False where it cannot be told."""
    run = os.environ.get(VARIABLE)
    if run is None:
        return False
    try:
        with open(folder / ".lock", encoding="utf-8") as lock:
            return lock.read() != run or _try(lock, fcntl.LOCK_SH)
    except OSError:
        return False


def _try(lock, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
