"""The examples of CONTRIBUTING.md: one file each in a copy of the checkout, and nothing else touched."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from score_extrapolation.io.tables import read_table

from .conftest import CHECKOUT, SMALL, copy_checkout, environment

TEXT = (CHECKOUT / "CONTRIBUTING.md").read_text()
EXAMPLES = dict(re.findall(r"`([\w/]+/\w+\.py)`, used by.*?```python\n(.*?)```", TEXT, re.S))
ITEMS = dict(re.findall(r"`(study/\w+\.py)`, made by.*?```python\n(.*?)```", TEXT, re.S))
SETTINGS = [yaml.safe_load(line) for line in re.findall(r"used by `(.+?)`[,:]", TEXT)]


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the checkout with the five files, and the config that uses them."""
    workflow = copy_checkout(tmp_path_factory.mktemp("extended"))
    for name, code in EXAMPLES.items():
        (workflow.folder / "workflow_scripts/score_extrapolation" / name).write_text(code)
    for name, code in ITEMS.items():
        (workflow.folder / "workflow_scripts/pruning_workflow" / name).write_text(code)
    used = {key: value for settings in SETTINGS for key, value in settings.items()}
    name = "class_mean-towards_0.1"
    used["selection"] |= {"rates": [0.5], "extrapolators": [name]}
    used["experiment"] = "stripes"
    (workflow.folder / "small.yaml").write_text(yaml.safe_dump(SMALL | used))
    return workflow


def test_there_are_five():
    assert list(ITEMS) == ["study/figure_9.py"]
    assert [Path(name).parts[0] for name in EXAMPLES] == ["scores", "extrapolators", "datasets", "selection"]
    assert [list(settings) for settings in SETTINGS] == [["scores"], ["extrapolation"], ["samples"], ["selection"]]


def test_the_contracts_hold_for_them(extended):
    for part in ("tests", "pyproject.toml"):
        source = CHECKOUT / part
        copied = extended.folder / part
        if source.is_dir():
            shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copied)
    names = " or ".join(Path(name).stem for name in EXAMPLES | ITEMS)
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-o", "addopts=", "-v", "tests/contracts", "-k", names]
    done = subprocess.run(command, cwd=extended.folder, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout
    for name in EXAMPLES | ITEMS:
        assert re.search(rf"\[.*{Path(name).stem}.*\] PASSED", done.stdout), done.stdout


def test_they_run_from_the_images_to_the_kept_list_and_the_figure(extended):
    results, run = extended.folder / "results/stripes", "fraction-20/seed-0"
    extended.run("--cores", "2", "kept", "figure_9")
    assert (results / "study/figure_9.svg").stat().st_size
    extrapolated = read_table(results / f"extrapolation/{run}/mine/class_mean-towards_0.1.parquet")
    computed = extrapolated["computed"]
    assert 0 < computed.sum() < len(computed)
    assert len(set(extrapolated["score"][~computed].tolist())) == 2  # one of each class
    kept = read_table(results / f"selection/top/mine/class_mean-towards_0.1/{run}/rate-50.parquet")
    assert len(kept["sample_id"]) == len(computed) - round(0.5 * len(computed))
    assert all(source.startswith("stripes#") for source in kept["source"])
    path = results / f"selection/without_hardest/mine/class_mean-towards_0.1/{run}/rate-50.parquet"
    highest = np.argsort(-extrapolated["score"], kind="stable")[round(0.1 * len(computed)) :]
    np.testing.assert_array_equal(read_table(path)["sample_id"], np.sort(highest[: len(kept["sample_id"])]))


def test_a_fault_names_them_among_the_choices(extended):
    (extended.folder / "wrong.yaml").write_text(yaml.safe_dump({"scores": ["nine"]}))
    command = [*extended.command("--dry-run")]
    command[command.index("small.yaml")] = "wrong.yaml"
    done = subprocess.run(command, cwd=extended.folder, capture_output=True, text=True, env=environment())
    assert done.returncode != 0
    assert re.search(r'"nine".*mine', done.stdout + done.stderr)
