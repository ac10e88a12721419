"""What is taken from inside Snakemake, and read from its output, checked against the Snakemake that is installed."""

import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pruning_workflow.snakemake_internals import (
    SUBMISSIONS_BY_DEFAULT,
    ListedJob,
    lift_submission_limit,
    parse_dry_run,
    parse_rule_graph,
)

CHECKOUT = Path(__file__).parents[2]
HOLDS_FOR = "9.27.1"

SNAKEFILE = """
import json
import sys

# The two that rules/common.smk takes itself: the first finds the module that has all others.
sys.path.insert(0, str(workflow.current_basedir.join("../workflow_scripts").get_path_or_uri(secret_free=False)))
from pruning_workflow import snakemake_internals as internals


configfile: "config.yaml"


onstart:
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    seen = {
        "main": workflow.is_main_process,
        "files": [str(path) for path in internals.config_files(workflow)],
        "given": internals.config_given(workflow),
        "executor": internals.executor_name(workflow),
        "here": internals.runs_here(workflow),
        "cores": internals.cores(workflow),
        "deployment": internals.deployment_methods(workflow),
        "limit": [limit.max_jobs, limit.timespan],
        "limited": workflow.scheduler.job_rate_limiter is not None,
    }
    internals.lift_submission_limit(workflow)
    seen["still_limited"] = workflow.scheduler.job_rate_limiter is not None
    with open("seen.json", "w") as file:
        json.dump(seen, file)


localrules:
    study,


rule study:
    input:
        "out, 1/d/model-2.5",


rule prepare:
    input:
        "x, y.txt",
    output:
        "out, 1/d/train.npy",
        "out, 1/d/train.parquet",
        lineage="out, 1/d/lineage/samples.json",
    threads: 2
    resources:
        mem_mb=2000,
    shell:
        "touch {output:q}"


rule train:
    input:
        rules.prepare.output[:2],
    output:
        "out, 1/d/model-{fraction}",
        lineage="out, 1/d/lineage/training/{fraction}.json",
    log:
        "out, 1/d/logs/{fraction}.log",
    resources:
        gpu=0,
        gpu_shards=1,
    shell:
        "touch {output:q}"
"""


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory):
    """A function that runs Snakemake in a folder with a small workflow; it returns what was printed, and the folder."""
    folder = tmp_path_factory.mktemp("small") / "rules"
    folder.mkdir()
    (folder.parent / "workflow_scripts").symlink_to(CHECKOUT / "workflow_scripts")
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "config.yaml").write_text("a: 1\n")
    (folder / "more.yaml").write_text("b: 2\n")
    (folder / "x, y.txt").touch()

    def run(*arguments):
        command = [sys.executable, "-m", "snakemake", "--nocolor", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr, folder

    return run


def test_they_hold_for_the_version_that_is_pinned():
    pinned = re.search(r"^snakemake\S*==(\S+)", (CHECKOUT / "envs/requirements.txt").read_text(), re.M).group(1)
    assert HOLDS_FOR == pinned == importlib.metadata.version("snakemake"), (
        f"snakemake_internals.py holds for Snakemake {HOLDS_FOR}, and {pinned} is pinned: install it, run the tests of "
        "this file, look in its job_scheduler.py whether job_rate_limiter still has a look follow each look, and in "
        "its changelog for what dry runs print; then set HOLDS_FOR"
    )


def test_a_dry_run_is_read(snakemake):
    printed, _ = snakemake("--dry-run", "--cores", "2")
    images = ["out, 1/d/train.npy", "out, 1/d/train.parquet"]
    jobs = parse_dry_run(printed, "out, 1/d/")
    assert sorted(jobs) == [
        ListedJob("samples", "prepare", {}, [], images, 2, None),
        ListedJob("training/2.5", "train", {"fraction": "2.5"}, images, ["out, 1/d/model-2.5"], 1, 1.0),
    ]


def test_a_graph_of_rules_is_read(snakemake):
    printed, _ = snakemake("--rulegraph", "dot", "--quiet")
    assert parse_rule_graph(printed) == {("prepare", "train"), ("train", "study")}


def test_a_run_has_the_attributes_that_are_read_and_set(snakemake):
    _, folder = snakemake("--cores", "2", "--configfile", "more.yaml", "--config", "given={d: 3}")
    seen = json.loads((folder / "seen.json").read_text())
    assert [Path(path).name for path in seen.pop("files")] == ["more.yaml", "config.yaml", "more.yaml"]
    assert seen == {
        "main": True,
        "given": {"given": {"d": "3"}},
        "executor": "local",
        "here": True,
        "cores": 2,
        "deployment": [],
        "limit": list(SUBMISSIONS_BY_DEFAULT),
        "limited": True,
        "still_limited": False,
    }


@pytest.mark.parametrize(
    "here, limit, lifted", [(False, (5, 60), False), (False, (100, 1), True), (True, (5, 60), True)]
)
def test_a_limit_that_was_set_for_a_cluster_stays(here, limit, lifted):
    settings = SimpleNamespace(max_jobs_per_timespan=SimpleNamespace(max_jobs=limit[0], timespan=limit[1]))
    scheduler = SimpleNamespace(job_rate_limiter="a limiter")
    lift_submission_limit(SimpleNamespace(scheduling_settings=settings, local_exec=here, scheduler=scheduler))
    assert (scheduler.job_rate_limiter is None) == lifted
