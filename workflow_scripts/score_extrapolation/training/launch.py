"""A training in one process or several: start it, and take part in it as one of them."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist

from ..faults import InputFault, Interrupted
from ..io.atomic import read_json, write_json
from ..progress import LOGGER, log_to
from ..stopping import STOP_SIGNALS
from .runs import train_here
from .task import TrainingTask

LIBRARY = Path(__file__).parents[2]  # where Python finds score_extrapolation


def train_on(task: TrainingTask, n_processes: int = 1) -> dict:
    """Train a fresh network on the samples of a table, in one process or in several, each with a GPU of its own.

    Parameters
    ----------
    task : TrainingTask
    n_processes : int
        On several, a device of ``auto`` without GPUs is still one process: more would only share its cores.

    Returns
    -------
    dict
        As of `runs.train_here`.
    """
    alone = n_processes == 1 or (task.device == "auto" and not torch.cuda.is_available())
    return train_here(task) if alone else launch(task, n_processes)


def launch(task: TrainingTask, n_processes: int) -> dict:
    """Train in several processes, started by torchrun; return what process 0 reports.

    A signal to stop is passed on; if this process dies, torchrun is told to stop.

    Raises
    ------
    InputFault, Interrupted
        As the processes did.
    """
    with tempfile.TemporaryDirectory() as folder:
        logs = [handler.baseFilename for handler in LOGGER.handlers if isinstance(handler, logging.FileHandler)]
        (Path(folder) / "task.json").write_text(task.to_json(), encoding="utf-8")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
        paths = os.pathsep.join([str(LIBRARY), *filter(None, [os.environ.get("PYTHONPATH")])])
        started = subprocess.Popen(
            [*command, "--module", __name__, folder, *logs],
            env={**os.environ, "PYTHONPATH": paths},
            preexec_fn=_end_with_parent,
        )
        previous = {s: signal.signal(s, lambda *_: started.terminate()) for s in STOP_SIGNALS}
        try:
            returncode = started.wait()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
        report = Path(folder) / "report.json"
        told = read_json(report) if report.exists() else {}
    if "fault" in told:
        raise InputFault(told["fault"])
    if "interrupted" in told:
        raise Interrupted(told["interrupted"])
    if returncode or "metrics" not in told:
        raise RuntimeError(f"torchrun ended with exit code {returncode}; the processes' messages stand above")
    return told["metrics"]


def _end_with_parent() -> None:
    """Have the kernel send this process SIGTERM when the one that started it dies."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def take_part(folder: Path, logs: list[str]) -> None:
    """Do the work of one of the processes that `launch` has started and, as process 0, report how it ended."""
    task = TrainingTask.from_json((folder / "task.json").read_text(encoding="utf-8"))
    on_gpu = task.device != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    if dist.get_rank() == 0:
        for path in logs:
            log_to(path)
    try:
        report: dict = {"metrics": train_here(task)}
    except InputFault as fault:
        report = {"fault": str(fault)}
    except Interrupted as stop:
        report = {"interrupted": str(stop)}
    if dist.get_rank() == 0:
        write_json(folder / "report.json", report)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    take_part(Path(sys.argv[1]), sys.argv[2:])
