"""What every script of a rule needs around its work: threads, log, file metadata, faults without a traceback."""

import errno
import hashlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import platform
import resource
import shutil
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from .lock import run_is_over
from .record import FOLDER, Record

LOGGER = logging.getLogger("score_extrapolation")
SECONDS_TO_SAVE = 60
ROOM_BYTES = 2**16  # a disk with less is full
SHELLS = ("bash", "sh", "dash", "zsh")
SECONDS_TO_LOOK = 15  # whether the run still goes on, on file systems that many jobs share
VERSIONS = ("numpy", "pyarrow", "torch")


class Job:
    """A job while it runs.

    Attributes
    ----------
    folder : Path
        Of the experiment's results.
    metadata : dict
        For its tables.
    """

    def __init__(self, snakemake):
        self.folder = Path(snakemake.config["results"], snakemake.config["experiment"])
        self.metadata = table_metadata(snakemake)
        self._images: dict[str, Any] = {}
        self._seconds_before = 0.0
        self._children_bytes = 0

    def note_images(self, trained: float | None = 0, predicted: float = 0) -> None:
        """Note how many images a network saw, as of `lineage.Record`."""
        self._images = {"images_trained": trained, "images_predicted": predicted}

    def note_seconds_before(self, seconds: float) -> None:
        """Note how long that took which this job has not done anew, but goes on from."""
        self._seconds_before = seconds

    def look(self) -> None:
        """Look how much memory its children have."""
        held = 0
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                held += child.memory_info().rss
        self._children_bytes = max(self._children_bytes, held)

    def write_record(self, snakemake) -> None:
        """Write what it read, wrote and cost beside its results; a job that writes none has no record."""
        from score_extrapolation.io.atomic import write_json

        path = snakemake.output.get("lineage")
        if path is None:
            return
        reads, sources = self._below(snakemake.input, snakemake.input.get("sources") or ())
        writes, _ = self._below(snakemake.output)
        own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        record = Record(
            rule=snakemake.rule,
            stage=snakemake.params.stage,
            wildcards=dict(snakemake.wildcards.items()),
            reads=reads,
            writes=writes,
            sources=sources,
            threads=snakemake.threads,
            seconds=round(seconds_of_process() + self._seconds_before, 3),
            memory_mb=round((1024 * own_kib + self._children_bytes) / 1e6, 1),
            **self._images,
        )
        write_json(path, record.to_json())

    def _below(self, paths, users=()) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return files of the experiment, below its folder, and other files, as they are named; records are neither.

        The user's are other files below its folder too.
        """
        start, paths = f"{os.path.normpath(self.folder)}/", list(dict.fromkeys(map(os.path.normpath, paths)))
        others = set(map(os.path.normpath, users)) | {path for path in paths if not path.startswith(start)}
        inside = (path.removeprefix(start) for path in paths if path not in others)
        results = tuple(path for path in inside if not path.startswith(f"{FOLDER}/"))
        return results, tuple(path for path in paths if path in others)


def seconds_of_process() -> float:
    """Return how long this process has run, to a hundredth of a second.

    Where the system does not tell, psutil does, up to a second too much: it adds whole seconds of the machine's start.
    """
    own = Path("/proc/self/stat")
    if not own.exists():
        return time.time() - psutil.Process().create_time()
    started = int(own.read_text(encoding="utf-8").rpartition(")")[2].split()[19])  # man 5 proc
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started / os.sysconf("SC_CLK_TCK")


@contextmanager
def job(snakemake, warns: bool = True):
    """Run a script's work; yield the `Job`, whose record is written at the end.

    Warnings go to the log and, where the job `warns`, to the terminal too.

    Threads are limited through the environment before numpy or torch are imported, which is why scripts import the
    library inside the block. A user's fault becomes its sentence, in the log and on the terminal, and exit code 1.
    """
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(snakemake.threads)
    # Threads that spin while they wait take the processor from those they wait for where other work runs beside.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    ran = Job(snakemake)
    threading.Thread(target=_watch, args=[ran], daemon=True).start()
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
        yield ran
        ran.write_record(snakemake)
    except (InputFault, Interrupted) as fault:
        LOGGER.error("%s", fault)
        print(f"\n{fault}\n", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if sentence := disk_fault(error, ran.folder):
            print(f"\n{sentence}\n", file=sys.stderr)
            sys.exit(1)
        LOGGER.exception("%s failed", snakemake.rule)
        raise


def disk_fault(error: Exception, folder: Path) -> str | None:
    """Return the sentence for what the disk of the results is to blame for; None where it is not.

    Libraries wrap the system's error into their own, and some say no more than that they could not write.
    """
    number, why = getattr(error, "errno", None), getattr(error, "strerror", None)
    if number in (errno.ENOSPC, errno.EDQUOT) or shutil.disk_usage(folder).free < ROOM_BYTES:
        return f"results: the disk of {folder} is full; make room and give the same command again: what is done stays"
    ours = folder.resolve() in Path(getattr(error, "filename", None) or "").resolve().parents
    if number == errno.EROFS or (number in (errno.EACCES, errno.EPERM) and ours):
        return f"results: {folder} cannot be written to on {platform.node()} ({why}); make it writable there"
    return None


def _watch(ran: Job) -> None:
    """Look at the job's memory, and end it when the Snakemake that started it is gone, or the run.

    A training may save where it stands first.

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
        ran.look()
        if time.monotonic() - looked >= SECONDS_TO_LOOK:
            if run_is_over(ran.folder):
                break
            looked = time.monotonic()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_SAVE)
    os._exit(1)


def _shell_parent(pid: int) -> int | None:
    """Return the parent of a process that is a shell, or None, also where the process has just ended."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return process.ppid() if process.name() in SHELLS else None
    return None


def table_metadata(snakemake) -> dict:
    """Return what is kept in the metadata of every file that a rule writes; no time, so that bytes repeat."""
    params = json.dumps(dict(snakemake.params.items()), sort_keys=True, default=str)
    return {
        "stage": snakemake.params.stage,
        **{name: value for name, value in snakemake.wildcards.items()},
        "config_digest": hashlib.sha256(params.encode()).hexdigest()[:16],
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS if importlib.util.find_spec(name)},
    }
