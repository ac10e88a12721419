"""What `snakemake plan` forecasts, beside what the experiment then takes.

python tests/benchmarks/plan.py --results results/cifar10_small -- --configfile config/cifar10_small.yaml \
    --config 'samples={train: cifar10-train.parquet, test: cifar10-test.parquet}'

Plans, runs the target, and prints, stage by stage, the seconds of all jobs as forecast and as the jobs noted them, and
their ratio; then the clock, the memory and the disk. Nothing else should run on the machine. Results
that are there already, and the plan, are taken as they are: begin with an empty folder.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

CHECKOUT = Path(__file__).parents[2]


def snakemake(target: str, settings: list[str]) -> float:
    """Run a target; return its seconds."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "snakemake", target, "--snakefile", CHECKOUT / "Snakefile", "--quiet", *settings],
        check=True,
    )
    return time.perf_counter() - began


def measured(folder: Path) -> pd.DataFrame:
    """Return seconds and the largest memory of each stage's jobs, and the bytes that they wrote."""
    rows = []
    for path in (folder / "lineage").rglob("*.json"):
        noted = json.loads(path.read_text(encoding="utf-8"))
        rows.append({key: noted[key] for key in ("stage", "seconds", "memory_mb")})
    table = pd.DataFrame(rows).groupby("stage").agg({"seconds": "sum", "memory_mb": "max"})
    table["disk_bytes"] = [sum(path.stat().st_size for path in (folder / stage).rglob("*")) for stage in table.index]
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="results/<experiment> of this config")
    parser.add_argument("--target", choices=["kept", "report"], default="report")
    parser.add_argument("settings", nargs="*", help="what else Snakemake is given, after --")
    chosen = parser.parse_args()
    settings = chosen.settings
    planning_s = snakemake("plan", settings)
    plan = pd.read_csv(chosen.results / "plan/plan.csv")
    plan = plan[plan["target"] == chosen.target].set_index("stage")
    clock_s = snakemake(chosen.target, settings)
    truth = measured(chosen.results)
    print(f"{'stage':14}{'jobs':>6}{'forecast, s':>13}{'range, s':>18}{'truth, s':>10}{'ratio':>7}{'GB':>12}{'MB':>18}")
    for stage in plan.index.drop("all"):
        row, true = plan.loc[stage], truth.loc[stage]
        span = f"{row['low_s']:.0f} to {row['high_s']:.0f}"
        memory = f"{row['memory_mb'] / 1e3:.1f} / {true['memory_mb'] / 1e3:.1f}"
        disk = f"{row['disk_bytes'] / 1e6:,.0f} / {true['disk_bytes'] / 1e6:,.0f}"
        ratio = row["seconds"] / true["seconds"]
        print(
            f"{stage:14}{row['jobs']:6}{row['seconds']:13.1f}{span:>18}{true['seconds']:10.1f}{ratio:7.2f}{memory:>12}"
            f"{disk:>18}"
        )
    total = truth.loc[plan.index.drop("all"), "seconds"].sum()
    print(f"all: {plan.loc['all', 'seconds']:.0f} s forecast, {total:.0f} s in truth")
    print(f"clock: {plan.loc['all', 'clock_s']:.0f} s forecast, {clock_s:.0f} s in truth; planning: {planning_s:.0f} s")


if __name__ == "__main__":
    main()
