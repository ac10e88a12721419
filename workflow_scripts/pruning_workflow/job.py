"""What every script of a rule needs around its work: threads, log, file metadata, faults without a traceback."""

import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
import shutil
import signal
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import psutil

from .lock import run_is_over

LOGGER = logging.getLogger("score_extrapolation")
SECONDS_TO_SAVE = 60
ROOM_BYTES = 2**16  # a disk with less is full
SHELLS = ("bash", "sh", "dash", "zsh")
SECONDS_TO_LOOK = 15  # whether the run still goes on, on file systems that many jobs share
VERSIONS = ("numpy", "pyarrow", "torch")


@contextmanager
def job(snakemake, warns: bool = True):
    """Run a script's work; yield the metadata for its tables.

    Warnings go to the log and, where the job `warns`, to the terminal too.

    Threads are limited through the environment before numpy or torch are imported, which is why scripts import the
    library inside the block. A user's fault becomes its sentence, in the log and on the terminal, and exit code 1.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(snakemake.threads)
    # Threads that spin while they wait take the processor from those they wait for where other work runs beside.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    folder = Path(snakemake.config["results"], snakemake.config["experiment"])
    threading.Thread(target=_end_with_run, args=[folder], daemon=True).start()
    from score_extrapolation.faults import InputFault, Interrupted
    from score_extrapolation.progress import log_to

    Path(snakemake.log[0]).write_text("", encoding="utf-8")
    log_to(snakemake.log[0])
    number = os.environ.get("SLURM_JOB_ID")
    LOGGER.info("%s on %s%s", snakemake.rule, platform.node(), f", Slurm's job {number}" if number else "")
    if warns:
        on_terminal = logging.StreamHandler()
        on_terminal.setFormatter(logging.Formatter("\n%(message)s\n"))
        on_terminal.addFilter(lambda record: record.levelno == logging.WARNING)  # faults are printed below
        LOGGER.addHandler(on_terminal)
    try:
        yield table_metadata(snakemake)
    except (InputFault, Interrupted) as fault:
        LOGGER.error("%s", fault)
        print(f"\n{fault}\n", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if sentence := disk_fault(error, folder):
            print(f"\n{sentence}\n", file=sys.stderr)
            sys.exit(1)
        LOGGER.exception("%s failed", snakemake.rule)
        raise


def disk_fault(error: Exception, folder: Path) -> str | None:
    """Return the sentence for what the disk of the results is to blame for; None where it is not.

    Libraries wrap the system's error into their own, and some say no more than that they could not write.
    """
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or shutil.disk_usage(folder).free < ROOM_BYTES:
        return f"results: the disk of {folder} is full; make room and give the same command again: what is done stays"
    ours = folder.resolve() in Path(getattr(error, "filename", None) or "").resolve().parents
    if number == errno.EROFS or (number in (errno.EACCES, errno.EPERM) and ours):
        return f"results: {folder} cannot be written to on {platform.node()} ({error.strerror}); make it writable there"
    return None


def _end_with_run(folder: Path) -> None:
    """End this job when the Snakemake that started it is gone, or the run; a training may save where it stands first.

    A killed Snakemake leaves its jobs running, those on a cluster too, where each has a Snakemake of its own; the next
    run would start the same jobs beside these orphans.
    """
    # A shell that Snakemake started may outlive it and must be seen to change hands. Where the shell became this job,
    # the parent is Snakemake itself, and its own parent may well end before it: a terminal that is closed.
    parent = os.getppid()
    starter = _shell_parent(parent)
    looked = time.monotonic()
    while os.getppid() == parent and _shell_parent(parent) == starter:
        time.sleep(1)
        if time.monotonic() - looked >= SECONDS_TO_LOOK:
            if run_is_over(folder):
                break
            looked = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_SAVE)
    os._exit(1)


def _shell_parent(pid: int) -> int | None:
    """Return the parent of a process that is a shell, or None."""
    process = psutil.Process(pid)
    return process.ppid() if process.name() in SHELLS else None


def table_metadata(snakemake) -> dict:
    """Return what is kept in the metadata of every file that a rule writes; no time, so that bytes repeat."""
    params = json.dumps(dict(snakemake.params.items()), sort_keys=True, default=str)
    return {
        "stage": snakemake.params.stage,
        **{name: value for name, value in snakemake.wildcards.items()},
        "config_digest": hashlib.sha256(params.encode()).hexdigest()[:16],
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS if importlib.util.find_spec(name)},
    }
