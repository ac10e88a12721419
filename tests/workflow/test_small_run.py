"""The small experiment from its images to its report: what `make test` runs for real."""

import csv
import json

import numpy as np
import pytest

from score_extrapolation.io.tables import read_metadata, read_table
from score_extrapolation.selection import select

from .conftest import SMALL, assert_lineage_is_the_dag

RUN = "fraction-20/seed-0"


def test_kept_lists_are_the_highest_scores_and_lie_within_one_another(finished):
    scores = read_table(finished.results / f"extrapolation/{RUN}/du/knn-5.parquet")
    n, order = len(scores["score"]), np.argsort(-scores["score"], kind="stable")
    kept = {}
    for rate in (50, 90):
        table = read_table(finished.results / f"selection/top/du/knn-5/{RUN}/rate-{rate}.parquet")
        kept[rate] = table["sample_id"]
        np.testing.assert_array_equal(kept[rate], np.sort(order[: n - round(rate / 100 * n)]))
        np.testing.assert_array_equal(table["score"], scores["score"][kept[rate]])
    assert set(kept[90]) < set(kept[50])


def test_by_chance_those_are_kept_whose_draws_are_among_the_highest_or_who_are_lucky(finished):
    scores = read_table(finished.results / f"extrapolation/{RUN}/du/knn-5.parquet")
    samples = read_table(finished.results / "samples/train.parquet")
    paths = {"embeddings": f"embeddings/base/{RUN}.parquet", "subset": f"subset/{RUN}.parquet"}
    known = {
        "labels": samples["label"],
        "draws": scores["draws"],
        "tables": {name: read_table(finished.results / path) for name, path in paths.items()},
    }
    kept = {}
    for rate in (50, 90):
        table = read_table(finished.results / f"selection/chance/du/knn-5/{RUN}/rate-{rate}.parquet")
        expected = select(scores["score"], rate / 100, "chance", seed=0, floor=0.3, **known)
        np.testing.assert_array_equal(table["sample_id"], expected)
        kept[rate] = set(table["sample_id"].tolist())
    assert kept[90] < kept[50]


def test_computed_scores_are_kept_and_the_others_are_extrapolated_from_them(finished):
    scores = read_table(finished.results / f"extrapolation/{RUN}/du/knn-5.parquet")
    subset = read_table(finished.results / f"scores/{RUN}/du.parquet")
    np.testing.assert_array_equal(scores["sample_id"][scores["computed"]], subset["sample_id"])
    np.testing.assert_array_equal(scores["score"][scores["computed"]], subset["score"])
    extrapolated = scores["score"][~scores["computed"]]
    assert subset["score"].min() <= extrapolated.min() < extrapolated.max() <= subset["score"].max()


def test_every_list_is_trained_on_and_better_than_chance(finished):
    with open(finished.results / "evaluation/retraining.csv", encoding="utf-8") as file:
        runs = {(row["arm"], float(row["rate"])): row for row in csv.DictReader(file)}
    scored = ("du/knn-5/fraction-20", "du/computed/fraction-100")
    arms = ("random", *(f"{method}/{scores}" for method in ("chance", "top") for scores in scored))
    assert runs.keys() == {("random", 0.0), *((arm, rate) for arm in arms for rate in (0.5, 0.9))}
    for (arm, rate), row in runs.items():
        trained = finished.results / f"retraining/epochs/{arm}/seed-0/rate-{round(rate * 100)}"
        metrics = json.loads((trained / "metrics.json").read_text(encoding="utf-8"))
        assert float(row["test_accuracy"]) == metrics["test_accuracy"]
        assert int(row["n_kept"]) == 1348 - round(rate * 1348)
    assert float(runs["random", 0.0]["test_accuracy"]) > 0.2


def test_its_lineage_is_the_dag_of_snakemake(copied):
    assert_lineage_is_the_dag(copied, ["report"])


def test_work_is_that_of_the_images_trained_on_and_a_third_of_those_embedded(finished):
    with open(finished.results / "evaluation/retraining.csv", encoding="utf-8") as file:
        works = {(row["arm"], float(row["rate"])): float(row["work"]) for row in csv.DictReader(file)}
    n, of_scores, epochs = 1348, SMALL["training"]["epochs"], SMALL["retraining"]["epochs"]
    for (arm, rate), work in works.items():
        images = epochs * (n - round(rate * n))
        if "computed" in arm:
            images += of_scores * n
        elif arm != "random":
            images += of_scores * round(0.2 * n) + n / 3
        assert work == pytest.approx(images / (epochs * n)), (arm, rate)
    assert works["random", 0.0] == 1


def test_files_carry_their_seed_and_the_digest_of_their_settings(finished):
    stages = ("subset", "scores", "embeddings", "neighbors", "extrapolation", "selection")
    for path in (path for stage in stages for path in (finished.results / stage).rglob("*.parquet")):
        metadata = read_metadata(path)
        assert metadata["stage"] in stages and metadata["seed"] == "0", path
        assert len(metadata["config_digest"]) == 16 and metadata["versions"], path


def test_the_report_is_one_file_and_the_terminal_says_where(finished):
    html = (finished.results / "report/report.html").read_text(encoding="utf-8")
    assert "Table 1" in html and "figure_2" in html
    assert "Done:\n  results/digits" in finished.printed
    assert "Traceback" not in finished.printed


def test_the_dry_run_lists_nothing_more_to_do(copied):
    assert copied.planned("report") == {}
    assert copied.planned("kept") == {}
