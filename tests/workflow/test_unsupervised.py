"""`config/digits_unsupervised.yaml`, with one seed and shorter trainings, to the report: nothing that reads a label."""

import csv

import numpy as np
import pytest
import yaml
from snakemake.utils import update_config

from score_extrapolation.class_matching import clustering_accuracy
from score_extrapolation.io.tables import read_metadata, read_table

from .conftest import assert_lineage_is_the_dag, run_shipped

SEEDS = (0,)
SHORTER = ("seeds=[0]", "training={epochs: 200}", "retraining={epochs: 10}", "evaluation={classes: [5]}")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    return run_shipped(tmp_path_factory.mktemp("unsupervised"), "digits_unsupervised", *SHORTER)


def rows_of(digits, name):
    with open(digits.results / f"{name}.csv") as file:
        return list(csv.DictReader(file))


def test_its_lineage_is_the_dag_of_snakemake(digits):
    config = yaml.safe_load((digits.folder / "small.yaml").read_text())
    for change in SHORTER:
        key, value = change.split("=", 1)
        update_config(config, {key: yaml.safe_load(value)})
    (digits.folder / "shorter.yaml").write_text(yaml.safe_dump(config))
    assert_lineage_is_the_dag(digits, ["report"], "shorter.yaml")


def test_classes_are_found_of_all_samples_and_are_those_of_the_digits_more_often_than_not(digits):
    labels = read_table(digits.results / "samples/train.parquet")["label"]
    for fraction in (20, 40, 100):
        for seed in SEEDS:
            path = digits.results / f"training/base/fraction-{fraction}/seed-{seed}/labels.parquet"
            found = read_table(path)["label"]
            assert len(found) == len(labels)
            assert clustering_accuracy(found, labels) > 0.5
            assert read_metadata(path)["n_classes"] == 10


def test_the_report_compares_them_with_k_means_and_tells_of_other_numbers_of_classes(digits):
    rows = rows_of(digits, "evaluation/found_labels")
    assert {row["classes"] for row in rows if row["tried"] == "True"} == {"5"}
    assert {row["classes"] for row in rows if row["tried"] == "False"} == {"10"}
    for row in rows:
        assert 0.3 < float(row["accuracy"]) <= 1
        assert 0.3 < float(row["kmeans_accuracy"]) <= 1
        assert 0 < float(row["probe_kappa"]) <= 1
        assert row["agreement"] == ""  # of two seeds, and here is one


def test_scores_are_extrapolated_in_the_embeddings_that_were_read(digits):
    shared = digits.results / "embeddings/base/fraction-20/seed-0.parquet"
    assert shared.read_bytes() == (digits.results / "embeddings/pretrained.parquet").read_bytes()
    (shown,) = (digits.results / "study").glob("table_3.html")
    assert "Pearson" in shown.read_text()
    rows = rows_of(digits, "study/table_3")
    assert {row["family"] for row in rows} == {"knn", "gnn-no_labels"}
    assert {row["fraction_percent"] for row in rows} == {"40.0", "20.0"}
    # Of a family there is one k, which no truth has chosen.
    assert {(row["extrapolator"], row["chosen_by"]) for row in rows} == {
        ("knn-10", "first configured"),
        ("gnn-10-no_labels", "only one"),
    }


def test_networks_of_the_end_learn_the_classes_that_were_found(digits):
    runs = rows_of(digits, "evaluation/retraining")
    accuracies = [float(run["test_accuracy"]) for run in runs]
    assert min(accuracies) > 0.3
    # No network was trained to score, and the frozen one is what embeddings cost.
    assert not list((digits.results / "training").rglob("model.safetensors"))
    assert all(float(run["embeddings_s"]) > 0 for run in runs if run["score"])


def test_what_is_kept_are_the_highest_scores(digits):
    kept = read_table(digits.results / "selection/top/du/knn-10/fraction-20/seed-0/rate-50.parquet")
    scores = read_table(digits.results / "extrapolation/fraction-20/seed-0/du/knn-10.parquet")["score"]
    highest = np.argsort(-scores, kind="stable")[: len(kept["sample_id"])]
    np.testing.assert_array_equal(kept["sample_id"], np.sort(highest))


def test_another_network_for_the_end_scores_nothing_anew(digits):
    planned = digits.planned("study", "--config", *SHORTER, "retraining={epochs: 10, model: resnet9}")
    assert not planned.keys() & {"train_unsupervised", "share_embeddings", "extrapolate_scores", "describe_labels"}
    assert planned["retrain_model"] == len(SEEDS) * (1 + 1 + 2 + 1)  # all, random, KNN of two subsets, the truth


def test_two_spaces_are_read_side_by_side(digits):
    two = ["training={paradigm: {name: unsupervised, spaces: [pretrained, small]}, epochs: 15}"]
    two.append("embeddings={others: {small: {image_size: 32}}}")
    folder = "results/digits_unsupervised"
    digits.run(
        *("--cores", "2", "--config", *two, "--"),
        f"{folder}/neighbors/base/fraction-20/seed-0/subset.parquet",
        f"{folder}/scores/fraction-20/seed-0/du.parquet",
    )
    assert read_table(digits.results / "embeddings/base/fraction-20/seed-0.parquet")["embedding"].shape[1] == 2 * 1280
    dynamics = read_table(digits.results / "training/base/fraction-20/seed-0/dynamics.parquet")
    assert dynamics["epoch"].max() == 14
