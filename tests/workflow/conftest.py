"""Real runs of the workflow in temporary copies of the checkout: no part of Snakemake is imitated."""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pruning_workflow import nested_run
from pruning_workflow.lineage import Lineage
from pruning_workflow.record import FOLDER
from pruning_workflow.snakemake_internals import ListedJob

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
PARTS = ("Snakefile", "rules", "workflow_scripts", "config.yaml", "config", "profiles", "slurm", "envs")

# Every stage for real, in seconds.
SMALL = {
    "seeds": [0],
    "training": {"epochs": 12, "batch_size": 128},
    "retraining": {"epochs": 2},
    "extrapolation": [{"name": "knn", "k": [5]}],
    "selection": {"rates": [0.5, 0.9], "extrapolators": ["knn-5"]},
    "evaluation": {"estimates": []},
}

# Left to `make test-all` but for these, which share the small experiment or start nothing.
FAST = ("test_small_run.py", "test_reruns.py", "test_architecture.py")


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name not in FAST:
            item.add_marker(pytest.mark.slow)


class Workflow:
    """A copy of the checkout in which Snakemake runs."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.results = folder / "results" / "digits"
        self.printed = ""  # by the run to the end, if there was one

    def write_config(self, **changes) -> None:
        """Write small.yaml: the small experiment, changed."""
        (self.folder / "small.yaml").write_text(yaml.safe_dump(SMALL | changes))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", "--nocolor", *arguments]

    def run(self, *arguments: str, fails: bool = False, timeout: float = 600) -> str:
        """Run Snakemake and return what it printed; its exit code must be as expected."""
        run = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=environment(),
            timeout=timeout,
        )
        printed = run.stdout + run.stderr
        assert (run.returncode != 0) == fails, printed
        return printed

    def planned(self, *arguments: str) -> dict[str, int]:
        """Return how many jobs of each rule a dry run lists."""
        printed = self.run("--dry-run", *arguments)
        if "Nothing to be done" in printed:
            return {}
        table = printed.rsplit("Job stats:", 1)[1].split("\n\n")[0]
        return {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", table, re.M) if name != "total"}

    def results_bytes(self) -> dict[str, bytes]:
        """Return the results that must not depend on when and how often they were made: all but what jobs cost."""
        kinds = ("parquet", "npy", "safetensors", "json")
        files = (path for kind in kinds for path in self.results.rglob(f"*.{kind}"))
        names = {path.relative_to(self.results): path for path in sorted(files)}
        return {str(name): path.read_bytes() for name, path in names.items() if name.parts[0] != FOLDER}


def listed_jobs(workflow: Workflow, targets, config: str = "small.yaml") -> list[ListedJob]:
    """Return all jobs that targets need, done or not, with files below the folder of results."""
    folder = f"{workflow.results.relative_to(workflow.folder)}/"
    with contextlib.chdir(workflow.folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(nested_run, "ROOT", workflow.folder)
        jobs = nested_run.list_jobs(config, folder, [*targets], everything=True)
    return [
        job._replace(
            inputs=[path.removeprefix(folder) for path in job.inputs],
            outputs=[path.removeprefix(folder) for path in job.outputs],
        )
        for job in jobs
    ]


# Rules whose jobs a network sees images in; of the unsupervised training images do not tell the cost.
OF_IMAGES = {"train_subset", "embed_samples", "embed_pretrained", "predict_samples", "retrain_model"}
OF_IMAGES |= {"try_selection", "try_without_score"}
OF_EMBEDDINGS = {"train_unsupervised", "try_classes"}


def assert_lineage_is_the_dag(workflow: Workflow, targets, config: str = "small.yaml") -> None:
    """Compare what the jobs of a finished run noted with what Snakemake says of the same targets: jobs and edges."""
    jobs = listed_jobs(workflow, targets, config)
    lineage = Lineage.of(workflow.results)
    records = {id(record): record for job in jobs for record in lineage.leading_to(job.outputs[0])}.values()
    listed = {frozenset(job.outputs): (job.rule, job.wildcards, job.stage) for job in jobs}
    noted = {frozenset(record.writes): (record.rule, record.wildcards, record.stage) for record in records}
    assert len(listed) == len(jobs) and len(noted) == len(records)
    assert noted == listed
    of_snakemake = {
        (frozenset(job.outputs), frozenset(jobs[other].outputs))
        for job, others in zip(jobs, nested_run.needs_of(jobs), strict=True)
        for other in others
    }
    of_records = {
        (frozenset(record.writes), frozenset(lineage.writer[path].writes))
        for record in records
        for path in record.reads
    }
    assert of_records == of_snakemake and of_records
    for record in records:
        assert record.seconds > 0 and record.memory_mb > 0
        counts = record.images_trained is None, bool(record.images_trained or record.images_predicted)
        if record.rule in OF_EMBEDDINGS:
            assert counts == (True, False)
        elif record.rule not in OF_IMAGES:
            assert counts == (False, False)
        elif record.rule != "predict_samples":  # without snapshots it asks no network, and a shard may be empty
            assert counts == (False, True) or "scatteritem" in record.wildcards


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def copy_checkout(folder: Path) -> Workflow:
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = CHECKOUT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    workflow = Workflow(folder)
    workflow.write_config()
    return workflow


def run_shipped(folder: Path, name: str, *changes: str) -> Workflow:
    """Run the README's command for a report of a config of ours, with changes, in a copy of the checkout."""
    workflow = copy_checkout(folder)
    (command,) = re.findall(rf"^snakemake (report --configfile config/{name}.yaml)$", README, re.M)
    shutil.copy2(workflow.folder / f"config/{name}.yaml", workflow.folder / "small.yaml")
    workflow.results = workflow.folder / "results" / name
    changed = ["--config", *changes] if changes else []
    started = [sys.executable, "-m", "snakemake", *command.split(), "--nocolor", *changed]
    done = subprocess.run(started, cwd=workflow.folder, capture_output=True, text=True, env=environment())
    workflow.printed = done.stdout + done.stderr
    assert done.returncode == 0, workflow.printed
    return workflow


def made_once(cache: pytest.Cache, name: str, make) -> Path:
    """Return a folder that the first test process to ask for it makes, for this code; the others wait and share it.

    It outlives this call of pytest: the next one finds it there as long as the code, Python and the processor's
    settings are the same. `make` is given the folder to fill.
    """
    folder = cache.mkdir(name) / code_state()
    with open(folder.with_name(f"{folder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            for outdated in folder.parent.glob("*/"):
                shutil.rmtree(outdated)
            make(unfinished := folder.with_name(f"{folder.name}.unfinished"))
            unfinished.rename(folder)
    return folder


def code_state() -> str:
    """Return a digest of all that results depend on: the code, Python, and what restricts the processor."""
    code = hashlib.sha256(sys.version.encode())
    for variable in ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"):
        code.update(os.environ.get(variable, "").encode())
    for part in PARTS:
        for path in sorted((CHECKOUT / part).rglob("*")) or [CHECKOUT / part]:
            if path.is_file() and "__pycache__" not in path.parts:
                code.update(str(path.relative_to(CHECKOUT)).encode() + path.read_bytes())
    return code.hexdigest()[:16]


@pytest.fixture(scope="session")
def finished(pytestconfig) -> Workflow:
    """The small experiment, run once to its report for all test processes; not to be changed."""

    def make(folder):
        workflow = copy_checkout(folder)
        printed = workflow.run("--cores", "2", "--verbose", "report")
        (folder / "printed.txt").write_text(printed, encoding="utf-8")

    workflow = Workflow(made_once(pytestconfig.cache, "finished", make))
    workflow.printed = (workflow.folder / "printed.txt").read_text(encoding="utf-8")
    return workflow


@pytest.fixture
def copied(finished, tmp_path) -> Workflow:
    """A copy of the finished experiment, times and Snakemake's notes included, to change at will."""
    shutil.copytree(finished.folder, tmp_path / "copy", symlinks=True)
    return Workflow(tmp_path / "copy")


@pytest.fixture
def fresh(tmp_path) -> Workflow:
    """A copy of the checkout in which nothing has run."""
    return copy_checkout(tmp_path / "fresh")
