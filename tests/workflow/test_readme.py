"""The README's commands, configs and examples, each run as it stands there."""

import json
import os
import re
import shlex
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from PIL import Image
from torch.nn.functional import cross_entropy

from score_extrapolation import ScoreRecorder
from score_extrapolation.io.tables import read_table
from score_extrapolation.models import build_model
from score_extrapolation.rng import derive_seed
from score_extrapolation.training.augmentation import augment_array, draw_augmentation
from score_extrapolation.training.epochs import Epochs
from score_extrapolation.training.recipe import Training

from .conftest import CHECKOUT, SMALL, environment

README = (CHECKOUT / "README.md").read_text()
COMMANDS = [block.replace("\\\n", " ").strip() for block in re.findall(r"```bash\n(.*?)```", README, re.S)]
YAML = re.findall(r"```yaml\n(.*?)```", README, re.S)
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)


def run(command: str, folder, *arguments: str) -> str:
    """Run one of the README's snakemake commands with this environment's Snakemake."""
    words = shlex.split(command)
    assert words[0] == "snakemake"
    started = subprocess.run(
        [sys.executable, "-m", *words, *arguments], cwd=folder, capture_output=True, text=True, env=environment()
    )
    assert started.returncode == 0, started.stdout + started.stderr
    return started.stdout + started.stderr


def command_with(*words: str) -> str:
    """Return the one command that has all these words."""
    (command,) = (command for command in COMMANDS if all(word in command for word in words))
    return command


@pytest.fixture
def photos(fresh):
    """Class folders of PNG and JPEG images of odd sizes, as the README's own-data config reads them."""
    rng = np.random.default_rng(0)
    for label, name in enumerate(("cats", "dogs", "birds")):
        (fresh.folder / "photos" / name).mkdir(parents=True)
        for i in range(100):
            height, width = rng.integers(24, 48, 2)
            pixels = rng.normal(80 * label + 40, 30, (height, width, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(fresh.folder / "photos" / name / f"{i}.{('png', 'jpg')[i % 2]}")
    (fresh.folder / "my.yaml").write_text(YAML[0])
    return fresh


def test_own_images_in_five_lines(photos):
    assert len(YAML[0].strip().splitlines()) == 5
    run(command_with("kept", "my.yaml"), photos.folder)
    for path in re.findall(r"`(results/my_images\S+?rate-30\.parquet)`", README):
        kept = pq.read_table(photos.folder / path)
        assert kept.num_rows == round(0.7 * 270)
        assert all((photos.folder / source).is_file() for source in kept["source"].to_pylist())
    report = command_with("report", "my.yaml")
    smaller = ["seeds=[0]", "retraining={epochs: 2}", "evaluation={full_data_scores: false, estimates: []}"]
    run(report, photos.folder, "--config", *smaller)
    assert (photos.folder / "results/my_images/report/report.html").stat().st_size > 100_000


def test_a_single_file_can_be_asked_for(copied):
    command = command_with("snakemake results/digits")
    target = command.split()[-1]
    (copied.folder / target).unlink()
    run(command, copied.folder, "--configfile", "small.yaml")
    assert (copied.folder / target).is_file()


def test_dry_runs_list_jobs(fresh):
    for name in ("cifar10-train.parquet", "cifar10-test.parquet"):
        pq.write_table(pa.table({"label": [0]}), fresh.folder / name)
    tested = 0
    for command in COMMANDS:
        if command.startswith("snakemake") and ("--dry-run" in command or "cifar10_" in command):
            printed = run(command, fresh.folder, "--dry-run")
            assert "train_unsupervised" in printed or "train_subset" in printed
            tested += 1
    assert tested >= 2


def test_every_command_is_run_by_a_test():
    # test_demo.py runs the first; this is the second; the third is tests/cluster; test_study.py, test_unsupervised.py
    # and test_adversarial.py run the digits, test_unlabelled.py images without
    # labels; test_package.py installs, test_reference.py writes the reference, test_ingestion.py verifies.
    own = {
        "make demo",
        "make test",
        "make test-all",
        "make test-cluster",
        "make reference",
        "pip install .",
        "snakemake verify",
        "source .venv/bin/activate",
    }
    for command in COMMANDS:
        tested = (
            "my.yaml",
            "unlabelled.yaml",
            "results/digits",
            "--dry-run",
            "cifar10",
            "benchmarks",
            "digits_study",
            "digits_unsupervised",
            "digits_adversarial",
        )
        assert command in own or any(word in command for word in tested), command


def test_the_example_of_another_data_set_runs():
    (code,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "docs/extrapolation.md").read_text(), re.S)
    shapes = "\nassert of_both.shape == (1300,) and of_synthetic.shape == (1000,) and np.isfinite(of_both).all()"
    path = {"PYTHONPATH": str(CHECKOUT / "workflow_scripts")}
    subprocess.run([sys.executable, "-c", code + shapes], check=True, env=environment() | path)


def test_the_example_of_the_library_runs():
    path = os.pathsep.join([str(CHECKOUT / "workflow_scripts")])
    (example,) = (code for code in PYTHON if "KNNExtrapolator" in code)
    code = example + "\nassert len(kept) == 500 and (np.diff(kept) > 0).all()"
    subprocess.run([sys.executable, "-c", code], check=True, env={**environment(), "PYTHONPATH": path})


def test_the_three_lines_in_a_plain_loop_give_the_scores_that_the_workflow_writes(finished):
    samples, subset = finished.results / "samples", read_table(finished.results / "subset/fraction-20/seed-0.parquet")
    images, summary = np.load(samples / "train.npy"), json.loads((samples / "summary.json").read_text())
    settings = yaml.safe_load((CHECKOUT / "config.yaml").read_text())["training"] | SMALL["training"]
    model = {"name": settings["model"]}
    recipe = Training(
        **{key: settings[key] for key in ("epochs", "batch_size", "optimizer", "augmentation")}, model=model
    )
    # The same initial weights, batches and crops as the workflow's at seed 0; the rest is a loop as anybody writes it.
    torch.manual_seed(derive_seed(0, "training/initialisation"))
    network = build_model(model, images.shape[1:], len(summary["classes"]), summary["mean"], summary["std"])
    chosen = recipe.optimizer
    optimizer = torch.optim.Adam(
        network.parameters(), lr=chosen.learning_rate, weight_decay=chosen.weight_decay, fused=True
    )
    rng, ids, labels = np.random.default_rng(derive_seed(0, "training/batches")), *subset.values()
    epochs, targets = Epochs(len(ids), recipe, 0, "training"), torch.from_numpy(labels.copy())
    network.train()
    recorder = ScoreRecorder("du", sample_ids=ids, window=10)
    for epoch in range(recipe.epochs):
        batches, seen = epochs.batches(epoch, rng), 0
        drawn = draw_augmentation(rng, len(ids), images.shape[1:3], recipe.augmentation)
        for rows in batches:
            crops = (values[seen : seen + len(rows)] for values in drawn)
            inputs, seen = augment_array(images[ids[rows]], *crops, recipe.augmentation), seen + len(rows)
            logits = network(torch.from_numpy(inputs))
            recorder.record(ids[rows], logits, targets[rows])
            optimizer.zero_grad()
            (cross_entropy(logits, targets[rows], reduction="sum") / len(rows)).backward()
            optimizer.step()
    written = read_table(finished.results / "scores/fraction-20/seed-0/du.parquet")
    np.testing.assert_array_equal(written["sample_id"], ids)
    np.testing.assert_array_equal(written["score"], recorder.scores().astype(np.float32))  # to the bit
