"""The README's config for images that nobody has labelled, from a folder of images to the lists and the report."""

import csv
import itertools
import json
import re

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from score_extrapolation.class_matching import clustering_accuracy
from score_extrapolation.io.tables import read_table

from .conftest import README, copy_checkout
from .test_readme import command_with, run

FOLDER = "training/base/fraction-20/seed-0"
N = 500
QUICK = [
    "seeds=[0]",
    "embeddings={pretrained: {image_size: 32}}",
    "retraining={epochs: 15, batch_size: 32, optimizer: {learning_rate: 0.005}}",
]


def write_digits(folder):
    """Write N digits as PNG files in folders that say nothing of their classes; return the classes."""
    digits = load_digits()
    for row in range(N):
        path = folder / f"roll_{row % 3}" / f"{row:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[row] * 15).astype(np.uint8)).save(path)
    return digits.target


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    workflow = copy_checkout(tmp_path_factory.mktemp("unlabelled"))
    workflow.results = workflow.folder / "results/my_unlabelled"
    workflow.truth = write_digits(workflow.folder / "photos")
    (config,) = (text for text in re.findall(r"```yaml\n(.*?)```", README, re.S) if "labelled: false" in text)
    (workflow.folder / "unlabelled.yaml").write_text(config)
    workflow.command_line = command_with("unlabelled.yaml")
    workflow.printed = run(workflow.command_line, workflow.folder, "--config", *QUICK)
    return workflow


def test_lists_are_of_images_without_labels(unlabelled):
    summary = json.loads((unlabelled.results / "samples/summary.json").read_text())
    assert (summary["classes"], summary["n"]) == ([], {"train": N})
    for method, rate in itertools.product(("chance", "top"), (30, 50)):
        kept = read_table(unlabelled.results / f"selection/{method}/du/knn-10/fraction-20/seed-0/rate-{rate}.parquet")
        assert len(kept["sample_id"]) == N - round(rate / 100 * N)
        assert set(kept["label"]) == {-1}
        assert all((unlabelled.folder / source).is_file() for source in kept["source"])
        assert np.ptp(kept["score"]) > 0


def test_classes_are_found_without_any_label(unlabelled):
    assert f"`results/my_unlabelled/{FOLDER}/labels.parquet`" in README
    found = read_table(unlabelled.results / FOLDER / "labels.parquet")
    sources = read_table(unlabelled.results / "samples/train.parquet")["source"]
    truth = unlabelled.truth[[int(re.findall(r"(\d+)\.png", source)[0]) for source in sources]]
    assert len(np.unique(found["label"])) > 5
    assert clustering_accuracy(found["label"], truth) > 0.3


def test_the_report_tells_no_accuracy(unlabelled):
    (row,) = csv.DictReader((unlabelled.results / "evaluation/found_labels.csv").open())
    assert not [column for column in row if "accuracy" in column]
    assert float(row["probe_kappa"]) > 0
    assert not (unlabelled.results / "evaluation/retraining.csv").exists()
    assert (unlabelled.results / "report/report.html").stat().st_size > 100_000
    (chosen,) = (unlabelled.results / "report/images").rglob("*.csv")
    rows = list(csv.DictReader(chosen.open()))
    assert {row["label"] for row in rows} == {""}
    assert len(rows) > 10


def test_a_test_set_with_labels_gives_accuracy_of_the_best_matching(unlabelled):
    digits = load_digits()
    for row in range(N, N + 200):
        path = unlabelled.folder / "tests" / str(digits.target[row]) / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[row] * 15).astype(np.uint8)).save(path)
    target = "results/my_unlabelled/retraining/epochs/top/du/knn-10/fraction-20/seed-0/rate-50/metrics.json"
    run(
        f"snakemake {target} --configfile unlabelled.yaml",
        unlabelled.folder,
        "--config",
        "samples={test: tests, image_size: 16}",
        *QUICK,
    )
    metrics = json.loads((unlabelled.folder / target).read_text())
    assert 0.15 < metrics["test_accuracy"] <= 1


def test_what_reads_labels_is_told_before_anything_runs(unlabelled):
    printed = unlabelled.run(
        "--dry-run", "--configfile", "unlabelled.yaml", "--config", "samples={test: 0.2}", fails=True
    )
    assert "samples.test = 0.2 splits off images without labels" in printed
