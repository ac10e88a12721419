"""What is learned within the subset: scores stepped up, held-out dynamics, estimates without the truth, the choice."""

import pandas as pd
import pytest

from score_extrapolation.tables import read_metadata, read_table

from .conftest import copy_checkout

LABELS = ["knn-5", "knn-5-step_up", "held_out-5-step_up"]
WITHIN = {
    "training": {"epochs": 14, "batch_size": 32},
    "extrapolation": [
        {"name": "knn", "k": 5},
        {"name": "knn", "k": 5, "step_up": True},
        {"name": "held_out", "k": 5, "step_up": True},
    ],
    "selection": {"rates": [0.5], "methods": ["top", "random"], "extrapolators": ["held_out-5-step_up", "auto"]},
    "evaluation": {"estimates": ["cross_validation", "nested"]},
}


@pytest.fixture(scope="module")
def within(tmp_path_factory):
    """A finished run of all of it."""
    workflow = copy_checkout(tmp_path_factory.mktemp("within"))
    workflow.write_config(**WITHIN)
    workflow.run("--cores", "2", "study")
    return workflow


def test_every_extrapolator_is_estimated_and_compared_with_the_truth(within):
    agreement = pd.read_csv(within.results / "evaluation/agreement.csv")
    assert list(dict.fromkeys(agreement["extrapolator"])) == [*LABELS, "auto"]
    estimates = pd.read_csv(within.results / "evaluation/estimates.csv")
    kinds = {(row.estimate, row.extrapolator) for row in estimates.itertuples()}
    assert kinds == {
        ("cross_validation", "knn-5"),
        *(("nested", label) for label in LABELS),
        ("shift", "none"),
    }
    assert estimates[["pearson", "spearman", "true_pearson", "true_spearman"]].notna().all(axis=None)
    residual = agreement[agreement["part"] == "residual"].set_index("extrapolator")["pearson"]
    nested = estimates[estimates["estimate"] == "nested"].set_index("extrapolator")
    assert (nested["true_pearson"] == residual[LABELS]).all()
    # Half of the subset is left for the estimate, and none of it was trained on.
    n = len(read_table(within.results / "subset/fraction-20/seed-0.parquet")["sample_id"])
    assert set(nested["n"]) == {n - round(n / 2)}


def test_the_task_within_the_subset_sees_the_subset_alone(within):
    subset, smaller = (
        read_table(within.results / f"subset/fraction-{fraction}/seed-0.parquet")["sample_id"] for fraction in (20, 10)
    )
    assert set(smaller) < set(subset)
    run = "fraction-10-within-20/seed-0"
    embedded = read_table(within.results / f"embeddings/base/{run}.parquet")["sample_id"]
    predicted = read_table(within.results / f"predictions/base/{run}.parquet")
    extrapolated = read_table(within.results / f"extrapolation/{run}/du/knn-5.parquet")
    assert list(embedded) == list(extrapolated["sample_id"]) == list(subset)
    assert set(predicted["sample_id"]) == set(subset) - set(smaller)
    assert predicted["probability"].shape[1] == 3  # two snapshots and the last


def test_the_choice_is_the_best_within_the_subset(within):
    estimates = pd.read_csv(within.results / "evaluation/estimates.csv")
    nested = estimates[estimates["estimate"] == "nested"].set_index("extrapolator")
    best = nested[["pearson", "spearman"]].mean(axis=1)[LABELS].idxmax()
    path = within.results / "extrapolation/fraction-20/seed-0/du/auto.parquet"
    assert read_metadata(path)["chosen"] == best
    chosen = read_table(path.with_name(f"{best}.parquet"))
    assert (read_table(path)["score"] == chosen["score"]).all()


def test_stepping_up_changes_the_subset_s_scores_and_nothing_else_does(within):
    scores = read_table(within.results / "scores/fraction-20/seed-0/du.parquet")
    for label in LABELS:
        table = read_table(within.results / f"extrapolation/fraction-20/seed-0/du/{label}.parquet")
        assert list(table["sample_id"][table["computed"]]) == list(scores["sample_id"])
        assert (table["score"][table["computed"]] == scores["score"]).all() == (not label.endswith("step_up"))


def test_the_time_within_the_subset_is_counted(within):
    runs = pd.read_csv(within.results / "evaluation/retraining.csv").set_index("arm")
    nested = runs["nested_s"]
    assert nested["top/du/auto/fraction-20"] > nested["top/du/held_out-5-step_up/fraction-20"] > 0
    assert (nested["top/du/computed/fraction-100"] == 0).all()
    assert (nested["random"] == 0).all()


def test_a_second_run_does_nothing_and_another_share_trains_within_the_subset_alone(within):
    assert within.planned("study") == {}
    within.write_config(**WITHIN, subset={"nested": 0.4})
    planned = within.planned("study")
    assert planned["train_subset"] == 2  # 8 %, and 3.2 % within that
    assert planned["retrain_model"] == 2
    within.write_config(**WITHIN)


def test_of_too_short_a_training_the_terminal_hears_and_of_one_within_a_subset_the_log(tmp_path):
    workflow = copy_checkout(tmp_path)
    workflow.write_config(**WITHIN | {"training": {"epochs": 12, "batch_size": 512}})
    run = "seed-0/du"
    targets = [f"results/digits/scores/fraction-{fraction}/{run}.parquet" for fraction in (20, 10)]
    printed = workflow.run("--cores", "2", *targets)
    warning = "du: the samples learned most easily have the highest scores"
    n_samples = len(read_table(tmp_path / targets[0])["sample_id"])
    assert printed.count(warning) == 1
    assert f", of {n_samples} samples)" in printed
    for fraction in (20, 10):
        assert (workflow.results / f"logs/scores/fraction-{fraction}/{run}.log").read_text().count(warning) == 1
