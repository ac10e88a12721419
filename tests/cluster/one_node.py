"""A real Slurm on this machine alone: munged, slurmctld and slurmd on loopback, with GPUs that are none.

Two character devices, twins of /dev/null, are what Slurm hands out as GPUs, whole or in shards. What a job was given is
noted by a prolog and an epilog of each task, the first and the last of a job's. Memory is watched without control
groups, by what processes use. A job that ends by itself just after its time counts as done or failed, as it ended: a
busy machine may be late.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
ETC = Path("/etc/slurm")  # srun within a job looks nowhere else
CLUSTER = "one_node"
N_GPUS, N_SHARDS, N_CPUS, MEM_MB = 2, 4, 4, 12_000  # shards of all GPUs together

CONF = """\
ClusterName={cluster}
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
SlurmctldPort=16817
SlurmdPort=16818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
TaskProlog={root}/begin.sh
TaskEpilog={root}/end.sh
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,bf_interval=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MinJobAge=36000
MpiDefault=none
ReturnToService=2
KillWait=20
OverTimeLimit=10
GresTypes=gpu,shard
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus},shard:{shards} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=600 State=UP
PartitionName=gpu Nodes={host} MaxTime=600 State=UP
"""
NOTE = """\
#!/bin/sh
echo "{what} $(date +%s.%N) $SLURM_JOB_ID $SLURM_JOB_PARTITION ${{CUDA_VISIBLE_DEVICES:--}}" >> {root}/devices.txt
"""


def missing() -> str | None:
    """Return why no Slurm can be started here, or None."""
    if os.getuid():
        return "needs root, to start Slurm's daemons"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    if absent:
        return f"needs {', '.join(absent)}: apt-get install slurm-wlm munge"
    if any((ETC / name).exists() for name in ("slurm.conf", "gres.conf")):
        return f"{ETC} has the configuration of another Slurm"
    return None


class Job(NamedTuple):
    state: str
    folder: str  # that its run is in
    of: str  # rule and wildcards


class OneNode:
    """Slurm in a folder of its own, from `start` to `stop`."""

    def __init__(self, root: Path):
        self.root = root
        self.host = socket.gethostname().split(".")[0]

    def start(self) -> None:
        """Start the daemons and wait until the node is idle."""
        for name in ("state", "spool"):
            (self.root / name).mkdir(parents=True)
        sizes = {"gpus": N_GPUS, "shards": N_SHARDS, "cpus": N_CPUS, "memory": MEM_MB}
        conf, gres = self.root / "slurm.conf", self.root / "gres.conf"
        conf.write_text(CONF.format(root=self.root, host=self.host, cluster=CLUSTER, **sizes))
        for i in range(N_GPUS):
            os.mknod(self.root / f"gpu{i}", 0o600 | 0o020000, os.makedev(1, 3))
        devices = f"{self.root}/gpu[0-{N_GPUS - 1}]"
        gres.write_text(f"Name=gpu File={devices}\nName=shard Count={N_SHARDS}\n")
        for what in ("begin", "end"):
            (self.root / f"{what}.sh").write_text(NOTE.format(what=what, root=self.root))
            (self.root / f"{what}.sh").chmod(0o755)
        ETC.mkdir(exist_ok=True)
        for path in (conf, gres):
            (ETC / path.name).unlink(missing_ok=True)
            (ETC / path.name).symlink_to(path)
        self.root.chmod(0o755)
        key = self.root / "munge.key"
        key.touch(0o600)
        key.write_bytes(os.urandom(1024))
        munge = ("key-file=munge.key", "socket=munge.socket", "pid-file=munged.pid", "seed-file=munged.seed")
        options = [f"--{name}={self.root}/{file}" for name, file in (pair.split("=") for pair in munge)]
        subprocess.run(["munged", "--force", f"--log-file={self.root}/munged.log", *options], check=True)
        subprocess.run(["slurmctld", "-c"], check=True, capture_output=True)
        self.start_node()

    def start_node(self) -> None:
        """Start the daemon of the node, and wait until it is idle."""
        subprocess.run(["slurmd"], check=True, capture_output=True)
        self.wait_until(lambda: self.ask("sinfo", "-h", "-o", "%T", check=False).split()[:1] == ["idle"])

    def stop_node(self) -> None:
        """Kill the daemon of the node and all that runs on it, as a node that loses its power."""
        pid = int((self.root / "slurmd.pid").read_text())
        steps = self.ask("pgrep", "-f", "slurmstepd", check=False).split()
        for process in [pid, *map(int, steps)]:
            _kill_tree(process)

    def stop(self) -> None:
        """Stop every job and daemon, and remove the links to the configuration."""
        self.ask("scancel", "--user=root", check=False)
        self.wait_until(lambda: not self.ask("squeue", "-h", check=False).strip())
        for daemon in ("slurmd", "slurmctld", "munged"):
            with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):  # it has not started
                process = psutil.Process(int((self.root / f"{daemon}.pid").read_text()))
                process.terminate()
                self.wait_until(lambda process=process: _has_ended(process))
        for name in ("slurm.conf", "gres.conf"):
            (ETC / name).unlink(missing_ok=True)
        # Without control groups Slurm loses sight of a Snakemake within a job that was cancelled.
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("SLURM_CLUSTER_NAME") == CLUSTER:
                    process.kill()

    def ask(self, *command: str, check: bool = True) -> str:
        """Return what a command of Slurm's prints."""
        return subprocess.run(command, check=check, capture_output=True, text=True, timeout=60).stdout

    def jobs(self) -> dict[str, Job]:
        """Return each job that Slurm remembers, by its id."""
        lines = self.ask("squeue", "-h", "--states=all", "-o", "%i|%T|%Z|%k").splitlines()
        return {number: Job(*of) for number, *of in (line.split("|", 3) for line in lines)}

    def jobs_of(self, folder: Path, state: str) -> list[str]:
        """Return the ids of the jobs in a state of the run in a folder."""
        return [number for number, job in self.jobs().items() if (Path(job.folder), job.state) == (folder, state)]

    def wait_until(self, happens, seconds: float = 600):
        """Return what a condition is once it is true; fail when it is not in time."""
        end = time.monotonic() + seconds
        while not (found := happens()):
            assert time.monotonic() < end, f"not within {seconds} s; in {self.root} are Slurm's logs"
            time.sleep(0.2)
        return found

    def given(self) -> list[tuple[float, float, str, str, list[str]]]:
        """Return (begin, end, job, partition, devices) of each job that has ended."""
        begun, found = {}, {}
        for line in (self.root / "devices.txt").read_text().splitlines():
            what, when, job, partition, devices = line.split()
            if what == "begin":
                begun.setdefault(job, float(when))
            else:
                found[job] = begun[job], float(when), job, partition, [d for d in devices.split(",") if d != "-"]
        return list(found.values())


def _kill_tree(process: int) -> None:
    children = Path(f"/proc/{process}/task/{process}/children")
    try:
        below = [int(child) for child in children.read_text().split()]
        os.kill(process, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in below:
        _kill_tree(child)


def _has_ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
