"""Scores of one data set extrapolated to another of the same classes, which alone is pruned, to the report's tables."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_digits

from score_extrapolation.io.tables import read_table
from score_extrapolation.neighbors import MANY_FAR

from .conftest import Workflow, copy_checkout

N_OWN, N_POOL = 1348, 1797
# As the shipped config, but for its length.
SHORT = {
    "seeds": [0],
    "training": {"epochs": 12, "batch_size": 128},
    "retraining": {"epochs": 2, "batch_size": 64},
    "selection": {"rates": [0.5, 0.9]},
}


def write_mnist(folder, images):
    """Write 8 x 8 images of the digits in the format of MNIST: 20 x 20 pixels in the middle of 28 x 28."""
    folder.mkdir(parents=True)
    n, labels = len(images), load_digits().target.astype(np.uint8)
    enlarged = np.zeros((n, 28, 28), np.uint8)
    places = np.arange(20) * 8 // 20
    enlarged[:, 4:24, 4:24] = images[:, places][:, :, places]
    shape = b"".join(number.to_bytes(4, "big") for number in enlarged.shape)
    (folder / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + shape + enlarged.tobytes())
    (folder / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + shape[:4] + labels.tobytes())


class Pooled(Workflow):
    """A copy of the checkout in which the shipped config runs, shorter."""

    def __init__(self, folder):
        super().__init__(folder)
        self.results = folder / "results" / "digits_pool"

    def command(self, *arguments: str) -> list[str]:
        files = ["config/digits_pool.yaml", "small.yaml"]
        return [sys.executable, "-m", "snakemake", "--configfile", *files, "--nocolor", *arguments]

    def table(self, path):
        return read_table(self.results / path)

    def metrics(self, path):
        return json.loads((self.results / path).read_text())


@pytest.fixture(scope="module")
def pooled(tmp_path_factory):
    """A finished run."""
    workflow = Pooled(copy_checkout(tmp_path_factory.mktemp("pool")).folder)
    (workflow.folder / "small.yaml").write_text(yaml.safe_dump(SHORT))
    write_mnist(workflow.folder / "data/mnist", np.rint(load_digits().images * 255 / 16).astype(np.uint8))
    workflow.printed = workflow.run("--cores", "2", "--", "report")
    return workflow


def test_the_pool_comes_after_the_own_images_and_is_of_the_same_classes(pooled):
    summary, samples = pooled.metrics("samples/summary.json"), pooled.table("samples/train.parquet")
    assert (summary["n"], summary["n_pool"]) == ({"train": N_OWN + N_POOL, "test": 449}, N_POOL)
    assert all("digits#" in source for source in samples["source"][:N_OWN])
    assert all("mnist" in source for source in samples["source"][N_OWN:])
    np.testing.assert_array_equal(samples["label"][N_OWN:], load_digits().target)
    images = np.load(pooled.results / "samples/train.npy")
    assert images.shape == (N_OWN + N_POOL, 8, 8, 1)
    assert summary["mean"] == [pytest.approx(images[:N_OWN].mean() / 255)]


def test_all_own_images_are_trained_on_for_scores_and_a_part_of_them_within_these(pooled):
    assert pooled.table("subset/fraction-100/seed-0.parquet")["sample_id"].tolist() == list(range(N_OWN))
    assert pooled.table("subset/fraction-50/seed-0.parquet")["sample_id"].max() < N_OWN
    within = pooled.table("extrapolation/fraction-50-within-100/seed-0/du/knn-10.parquet")
    assert within["sample_id"].tolist() == list(range(N_OWN))
    scores = pooled.table("extrapolation/fraction-100/seed-0/du/knn-10.parquet")
    assert scores["computed"].tolist() == [True] * N_OWN + [False] * N_POOL
    (estimate,) = pd.read_csv(pooled.results / "evaluation/estimates.csv").query("estimate == 'nested'").itertuples()
    assert estimate.n == N_OWN // 2


def test_all_own_images_are_kept_and_of_the_pool_the_highest_or_any(pooled):
    scores = pooled.table("extrapolation/fraction-100/seed-0/du/knn-10.parquet")["score"][N_OWN:]
    before = None
    for rate, n in ((50, 899), (90, 180)):
        top, random = (
            pooled.table(f"selection/{arm}/seed-0/rate-{rate}.parquet")["sample_id"]
            for arm in ("top/du/knn-10/fraction-100", "random")
        )
        assert len(top) == len(random) == N_OWN + n
        assert top[:N_OWN].tolist() == random[:N_OWN].tolist() == list(range(N_OWN))
        np.testing.assert_array_equal(top[N_OWN:], N_OWN + np.sort(np.argsort(-scores, kind="stable")[:n]))
        assert before is None or set(top) < before
        before = set(top)
    assert len(pooled.table("selection/random/seed-0/rate-0.parquet")["sample_id"]) == N_OWN + N_POOL


def test_trainings_are_as_long_whatever_is_kept_of_the_pool(pooled):
    runs = pd.read_csv(pooled.results / "evaluation/retraining.csv")
    assert dict(zip(zip(runs["arm"], runs["rate"], strict=True), runs["n_kept"], strict=True)) == {
        ("top/du/knn-10/fraction-100", 0.5): N_OWN + 899,
        ("top/du/knn-10/fraction-100", 0.9): N_OWN + 180,
        ("random", 0.5): N_OWN + 899,
        ("random", 0.9): N_OWN + 180,
        ("random", 0.0): N_OWN + N_POOL,
    }
    for log in (pooled.results / "logs/retraining").rglob("*.log"):
        assert f"{2 * 22 * 64}/{2 * 22 * 64} " in log.read_text()  # ceil(1348 / 64) full batches, twice
    assert runs["test_accuracy"].min() > 0.2


def test_how_many_lie_far_is_measured(pooled):
    metrics = pooled.metrics("neighbors/base/fraction-100/seed-0/subset.json")
    assert metrics["n"] == N_POOL and 0 <= metrics["far_share"] <= 1 and metrics["far_distance"] > 0
    sentence = f"neighbors: {round(metrics['far_share'] * N_POOL)} of {N_POOL} samples are farther from the subset than"
    assert (sentence in pooled.printed) == (metrics["far_share"] > MANY_FAR)


def test_the_report_has_what_it_can_have_and_a_second_run_does_nothing(pooled):
    assert (pooled.results / "report/report.html").exists()
    assert (pooled.results / "study/figure_2.csv").exists()
    assert not (pooled.results / "study/table_1.csv").exists()  # which compares with the truth
    table = pd.read_csv(pooled.results / "study/table_5.csv")
    assert list(zip(table["rate_percent"], table["kind"], strict=True)) == [
        (0, "random"),
        (50, "random"),
        (50, "extrapolated"),
        (90, "random"),
        (90, "extrapolated"),
    ]
    assert (table["robust_accuracy_percent_mean"] <= 100).all() and (pooled.results / "study/table_5.html").exists()
    assert pooled.planned("report") == {}
