"""`snakemake --profile slurm`: the default experiment through a real Slurm, with GPUs whole and shared."""

from itertools import combinations

import yaml

from ..workflow.conftest import copy_checkout
from .one_node import N_GPUS, N_SHARDS
from .runs import HERE, SLURM, Run

# Every rule of the default experiment; of what rules run for several only one: a seed, a rate, a k, an estimate.
ONCE = {
    "seeds": [0],
    "training": {"epochs": 12},
    "extrapolation": [{"name": "knn", "k": [10]}, {"name": "held_out", "k": 10, "step_up": True}],
    "selection": {"rates": [0.5], "methods": ["chance", {"name": "top", "extrapolators": ["knn-10"]}, "random"]},
    "retraining": {"epochs": 2},
    "evaluation": {"estimates": ["cross_validation"]},
}
# Whole GPUs and parts of them; the digits are computed on the CPU all the same.
ON_GPUS = {
    "resources": {
        "training": {"gpu": 1},
        "embeddings": {"gpu_shards": 1},
        "predictions": {"gpu_shards": 2},
        "retraining": {"gpu_shards": 1},
    },
    "slurm": {"partition": "cpu", "gpu_partition": "gpu"},
}
# What differs from run to run: times, and what is drawn from them.
TIMED = {f"evaluation/{name}.csv" for name in ("retraining", "retraining_summary")} | {
    f"study/{name}.csv" for name in ("table_1", "figure_3")
}


def compared(workflow) -> dict[str, bytes]:
    tables = {str(path.relative_to(workflow.results)): path.read_bytes() for path in workflow.results.rglob("*.csv")}
    return {name: data for name, data in (workflow.results_bytes() | tables).items() if name not in TIMED}


def test_the_default_experiment_has_the_local_results(slurm, fresh, tmp_path):
    local = copy_checkout(tmp_path / "local")
    (local.folder / "small.yaml").write_text(yaml.safe_dump(ONCE))
    (fresh.folder / "small.yaml").write_text(yaml.safe_dump(ONCE | ON_GPUS))
    # Beside each other: where Slurm's jobs wait for one, this machine has a core left.
    runs = [Run(fresh, *SLURM, "report"), Run(local, *HERE, "report")]
    for run in runs:
        run.end()
    assert compared(fresh) == compared(local)
    assert (fresh.results / "report/report.html").stat().st_size > 500_000
    # What Slurm gave to whom.
    tasks = slurm.given()
    assert all(devices for *_, partition, devices in tasks if partition == "gpu")
    assert not any(devices for *_, partition, devices in tasks if partition == "cpu")
    rules = {number: job.of for number, job in slurm.jobs().items()}
    whole = [task for task in tasks if "train_subset" in rules[task[2]]]
    shared = [task for task in tasks if any(rule in rules[task[2]] for rule in ("embed_samples", "retrain_model"))]
    assert whole and shared
    for task in whole:
        # A whole GPU is nobody else's meanwhile.
        others = [other for other in tasks if other[2] != task[2] and overlap(task, other)]
        assert not any(set(task[4]) & set(other[4]) for other in others)
    for task in shared:
        at_once = [other for other in shared if overlap(task, other) and set(task[4]) & set(other[4])]
        assert len({other[2] for other in at_once if other[0] <= task[0]}) <= N_SHARDS // N_GPUS
    assert any(overlap(*pair) for pair in combinations(shared, 2)), "nothing was shared"


def overlap(task, other) -> bool:
    return task[0] < other[1] and other[0] < task[1]
