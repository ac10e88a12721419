"""`config/digits_study.yaml`, of one seed, one rate, two samplers and short trainings: every table and figure."""

import csv
import json
import shutil

import numpy as np
import pytest
import yaml

from pruning_workflow.items import BROUGHT_BY
from score_extrapolation.io.tables import read_table
from score_extrapolation.plugins import method_names

from .conftest import run_shipped

SEEDS = (0,)
SHORT = {
    "seeds": [*SEEDS],
    "subset": {"samplers": ["random", "zcoreset"]},
    "training": {"epochs": 12},
    "retraining": {"epochs": 4},
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    changes = [f"{key}={json.dumps(value)}" for key, value in SHORT.items()]
    return run_shipped(tmp_path_factory.mktemp("study"), "digits_study", *changes, "selection={rates: [0.5]}")


def rows_of(digits, name):
    with open(digits.results / f"{name}.csv") as file:
        return list(csv.DictReader(file))


def test_every_table_and_figure_is_there_and_says_something(digits):
    for item in set(method_names("study")) - set(BROUGHT_BY):
        assert rows_of(digits, f"study/{item}"), item
        (shown,) = (path for path in (digits.results / "study").glob(f"{item}.*") if path.suffix != ".csv")
        assert shown.stat().st_size > 1000
    html = (digits.results / "report/report.html").read_text()
    assert html.count("Table 1") >= 2


def test_each_sampler_draws_its_own_subset_and_the_smaller_lies_in_the_larger(digits):
    labels = read_table(digits.results / "samples/train.parquet")["label"]
    folder = digits.results / "subset"
    subsets = {
        (fraction, sampler, seed): read_table(folder / f"fraction-{fraction}{sampler}/seed-{seed}.parquet")
        for fraction in (20, 40)
        for sampler in ("", "-zcoreset")
        for seed in SEEDS
    }
    for (fraction, sampler, seed), subset in subsets.items():
        assert len(subset["sample_id"]) == round(fraction / 100 * len(labels))
        assert set(subsets[20, sampler, seed]["sample_id"]) <= set(subset["sample_id"])
    assert len({tuple(subset["sample_id"]) for subset in subsets.values()}) == len(subsets)
    scores = read_table(digits.results / "training_free/fraction-0/seed-0/zcoreset/pretrained.parquet")["score"]
    chosen = subsets[20, "-zcoreset", 0]["sample_id"]
    assert scores[chosen].min() >= np.delete(scores, chosen).max()


def test_what_is_trained_on_is_what_an_arm_says(digits):
    runs = rows_of(digits, "evaluation/retraining")
    arms = {run["arm"] for run in runs}
    assert {"random", "rs2", "top/ssp/pretrained/fraction-0", "top/zcoreset/pretrained/fraction-0"} < arms
    n = len(read_table(digits.results / "samples/train.parquet")["label"])
    for run in runs:
        assert int(run["n_kept"]) == n - round(float(run["rate"]) * n)
        # Nothing is trained for the scores of some, and everything for those of others.
        share = {"0": 0, "20": 0.2, "40": 0.4, "100": 1}.get(run["fraction"], 0)
        assert (float(run["training_s"]) > 0) == (share > 0)
        assert (float(run["training_free_s"]) > 0) == (run["fraction"] == "0")
        assert float(run["test_accuracy"]) > 0.4  # after four epochs
    assert not (digits.results / "selection/rs2").exists()
    kept = read_table(digits.results / "selection/top/ssp/pretrained/fraction-0/seed-0/rate-50.parquet")
    scores = read_table(digits.results / "training_free/fraction-0/seed-0/ssp/pretrained.parquet")["score"]
    highest = np.argsort(-scores, kind="stable")[: len(kept["sample_id"])]
    np.testing.assert_array_equal(kept["sample_id"], np.sort(highest))


def test_tables_are_of_all_seeds(digits):
    for name in ("table_1", "table_10", "table_11", "table_12", "table_13", "table_15"):
        assert {row["n_seeds"] for row in rows_of(digits, f"study/{name}")} == {str(len(SEEDS))}, name


def test_distances_are_of_every_subset_in_both_spaces(digits):
    rows = rows_of(digits, "evaluation/coverage")
    assert len(rows) == 2 * 4 * len(SEEDS)
    assert {row["width"] for row in rows if row["embedding"] == "pretrained"} == {"1280"}
    assert min(float(row["frechet_distance"]) for row in rows) > 0


def test_neighbourhoods_are_of_all_and_agree_with_hand_counts(digits):
    rows = rows_of(digits, "evaluation/neighborhoods")
    found = {(row["score"], row["seed"], row["metric"]): float(row["pearson"]) for row in rows}
    neighbors = read_table(digits.results / "neighbors/base/fraction-100/seed-0/all.parquet")
    labels = read_table(digits.results / "samples/train.parquet")["label"]
    assert neighbors["neighbor_ids"].shape == (len(labels), 20)
    n_same = (labels[neighbors["neighbor_ids"]] == labels[:, None]).sum(axis=1)
    truth = read_table(digits.results / "scores/fraction-100/seed-0/du.parquet")["score"]
    assert found["du", "0", "n_same_label"] == pytest.approx(np.corrcoef(n_same, truth)[0, 1], abs=1e-5)


def test_a_new_rate_adds_its_own_trainings_only(digits):
    changed = yaml.safe_load((digits.folder / "config/digits_study.yaml").read_text())
    changed["selection"]["rates"] = [0.5, 0.8]
    changed["seeds"] = SHORT["seeds"]
    for section in ("subset", "training", "retraining"):
        changed[section] = changed.get(section, {}) | SHORT[section]
    (digits.folder / "small.yaml").write_text(yaml.safe_dump(changed))
    planned = digits.planned("study")
    n_arms = 1 + 2 * 2 + 4  # the full data's, KNN's and GNN's of two subsets; two without training, random, rs2
    assert planned["retrain_model"] == n_arms * len(SEEDS)
    assert not planned.keys() & {"train_subset", "score_embeddings", "embed_pretrained", "extrapolate_scores"}
    one = digits.planned("table_13")
    assert one == {}


def test_what_an_experiment_does_not_bring_says_what_would(fresh):
    for item in (*BROUGHT_BY, "table_12", "figure_6"):
        printed = fresh.run(item, fails=True)
        sentences = [line for line in printed.splitlines() if line.startswith(item)]
        assert len(sentences) == 1
        assert "Traceback" not in printed
    shutil.rmtree(fresh.folder)
