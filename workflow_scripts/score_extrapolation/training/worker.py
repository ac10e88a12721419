"""One of the processes of `processes.launch`: take part in a training and, as process 0, report how it ended."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
import torch.distributed as dist

from score_extrapolation.atomic import write_json
from score_extrapolation.faults import InputFault, Interrupted
from score_extrapolation.progress import log_to
from score_extrapolation.training.runs import train_here

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    logs = task.pop("logs")
    on_gpu = task["device"] != "cpu" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    if dist.get_rank() == 0:
        for path in logs:
            log_to(path)
    try:
        report = {"metrics": train_here(**task)}
    except InputFault as fault:
        report = {"fault": str(fault)}
    except Interrupted as stop:
        report = {"interrupted": str(stop)}
    if dist.get_rank() == 0:
        write_json(folder / "report.json", report)
    dist.barrier()
    dist.destroy_process_group()
