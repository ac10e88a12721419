"""What it costs Snakemake to plan many jobs, and how many jobs the experiments of config/ are.

python tests/benchmarks/jobs.py [--jobs 1000 10000] [--repetitions 3]

The default experiment with more seeds is planned (`--dry-run`), a job a file as on a cluster: seconds and memory of the
whole process, beside those of reading the rules alone. Then the jobs of each experiment, and how many of Slurm's they
are with the groups of profiles/slurm. Images that are not there are stood in for by empty files.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).parents[2]
JOBS_OF_A_SEED = 65  # of the default experiment, about


def run(folder: Path, *arguments: str) -> tuple[str, float, int]:
    """Run Snakemake; return what it printed, its seconds, and its peak memory in bytes."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", CHECKOUT / "Snakefile", *arguments]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, printed
    return printed, time.perf_counter() - began, usage.ru_maxrss * 1024


def planned(printed: str) -> dict[str, int]:
    """Return the number of jobs of each rule."""
    table = printed.rsplit("Job stats:", 1)[1].split("\n\n")[0]
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, re.M)}


def submitted(jobs: dict[str, int], profile: dict) -> int:
    """Return how many jobs of Slurm's they are: those of a group together, so many at a time."""
    group_of = dict(entry.split("=") for entry in profile["groups"])
    at_once = {group: int(n) for group, n in (entry.split("=") for entry in profile["group-components"])}
    in_groups: dict[str, int] = {}
    for rule, group in group_of.items():
        in_groups[group] = in_groups.get(group, 0) + jobs.get(rule, 0)
    alone = sum(n for rule, n in jobs.items() if rule not in (*group_of, "total"))
    return alone + sum(-(-n // at_once[group]) for group, n in in_groups.items())


def report_plans(folder: Path, wanted: list[int], repetitions: int) -> None:
    _, seconds, memory = run(folder, "--list-rules")
    print(f"rules read: {seconds:.1f} s, {memory / 1e6:.0f} MB")
    for n in wanted:
        seeds = f"seeds={list(range(max(1, n // JOBS_OF_A_SEED)))}"
        runs = [run(folder, "study", "--dry-run", "--cores", "1", "--config", seeds) for _ in range(repetitions)]
        seconds, memory = statistics.median(run[1] for run in runs), max(run[2] for run in runs)
        jobs = planned(runs[0][0])["total"]
        print(f"{jobs} jobs planned: {seconds:.1f} s, {1000 * seconds / jobs:.2f} ms a job, {memory / 1e6:.0f} MB")


def report_experiments(folder: Path, configs: list[Path]) -> None:
    profile = yaml.safe_load((CHECKOUT / "profiles/slurm/config.yaml").read_text())
    for config in configs:
        samples = yaml.safe_load(config.read_text())["samples"]
        for path in (samples["train"], samples["test"]):
            path = path["path"] if isinstance(path, dict) else path
            (folder / path.replace("*", "1")).mkdir(parents=True, exist_ok=True)
        jobs = planned(run(folder, "study", "--dry-run", "--cores", "1", "--configfile", str(config.resolve()))[0])
        models = jobs.get("train_subset", 0) + jobs.get("retrain_model", 0)
        print(
            f"{config.stem}: {jobs['total']} jobs, {models} trainings among them; {submitted(jobs, profile)} of Slurm's"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--configs", type=Path, nargs="*", default=sorted(CHECKOUT.glob("config/*.yaml")))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.yaml").symlink_to(CHECKOUT / "config.yaml")
        report_plans(Path(folder), options.jobs, options.repetitions)
        report_experiments(Path(folder), options.configs)


if __name__ == "__main__":
    main()
