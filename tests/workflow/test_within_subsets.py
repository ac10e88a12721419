"""What is learned within the subset: scores stepped up, held-out dynamics, estimates without the truth, the choices."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from score_extrapolation.io.tables import KEPT, read_metadata, read_table, write_blocks
from score_extrapolation.selection import select_tables
from score_extrapolation.selection.auto import as_rows, choose

from .conftest import Workflow, assert_lineage_is_the_dag, copy_checkout

LABELS = ["knn-5", "knn-5-step_up", "held_out-5-step_up"]
TRIED = {"name": "auto", "candidates": ["top", {"name": "d2", "k": 3}, "random"], "repeats": 2}
WITHIN = {
    "training": {"epochs": 14, "batch_size": 32},
    "extrapolation": [
        {"name": "knn", "k": 5},
        {"name": "knn", "k": 5, "step_up": True},
        {"name": "held_out", "k": 5, "step_up": True},
    ],
    "selection": {"rates": [0.5], "methods": ["top", "random", TRIED], "extrapolators": ["held_out-5-step_up", "auto"]},
    "evaluation": {"estimates": ["cross_validation", "nested"]},
}


@pytest.fixture(scope="module")
def within(tmp_path_factory):
    """A finished run of all of it."""
    workflow = copy_checkout(tmp_path_factory.mktemp("within"))
    workflow.write_config(**WITHIN)
    workflow.run("--cores", "2", "study")
    return workflow


def test_its_lineage_is_the_dag_of_snakemake(within):
    assert_lineage_is_the_dag(within, ["study"])


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


def trials_of(workflow, extrapolator):
    scored = f"du/{extrapolator}/fraction-20"
    paths = (f"top/{scored}", f"d2-k_3/{scored}", "random/fraction-20")
    return [json.loads((workflow.results / f"trials/{path}/seed-0/rate-50.json").read_text()) for path in paths]


def kept_by(workflow, method, extrapolator):
    scored = "" if method == "random" else f"/du/{extrapolator}/fraction-20"
    return workflow.results / f"selection/{method}{scored}/seed-0/rate-50.parquet"


def assert_keeps_what_the_chosen_keeps(workflow, extrapolator, folder):
    """Compare the list of auto with that of the method that is chosen, made anew."""
    results, trials = workflow.results, trials_of(workflow, extrapolator)
    chosen = choose(as_rows(trials))
    (method,) = (trial["method"] for trial in trials if trial["candidate"] == chosen)
    path = kept_by(workflow, "auto", extrapolator)
    assert read_metadata(path)["chosen"] == chosen
    scores = None if chosen == "random" else results / f"extrapolation/fraction-20/seed-0/du/{extrapolator}.parquet"
    tables = {"neighbors/all": results / "neighbors/base/fraction-20/seed-0/all.parquet"}
    blocks = select_tables(results / "samples/train.parquet", scores, {"rate": 0.5}, method, 0, tables=tables)
    write_blocks(folder / "again.parquet", KEPT, {}, blocks)
    again, found = read_table(folder / "again.parquet"), read_table(path)
    for name, column in again.items():
        np.testing.assert_array_equal(found[name], column)
    log = (results / "logs/selection" / path.relative_to(results / "selection")).with_suffix(".log").read_text()
    assert log.count(f"chosen is {chosen}") == 1
    for trial in trials:
        assert f"{trial['candidate']} {np.mean(trial['accuracies']):.4f}" in log


@pytest.mark.parametrize("extrapolator", ["held_out-5-step_up", "auto"])
def test_what_is_kept_is_what_the_best_in_trials_keeps(within, extrapolator, tmp_path):
    subset = read_table(within.results / "subset/fraction-20/seed-0.parquet")
    n = len(read_table(within.results / "samples/train.parquet")["sample_id"])
    m = len(subset["sample_id"])
    for trial in trials_of(within, extrapolator):
        n_kept = m - round(m / 2)
        assert (trial["n_kept"], trial["n_tested"], trial["images_seen"]) == (n_kept, n - m, 2 * 2 * n_kept)
        assert len(trial["accuracies"]) == 2 and 0 < min(trial["accuracies"]) <= max(trial["accuracies"]) <= 1
    assert_keeps_what_the_chosen_keeps(within, extrapolator, tmp_path)


def test_candidates_select_among_the_subset_by_what_is_known_within_it(within):
    """D2 reads neighbours, by the embeddings of the training on the nested half, of the subset alone."""
    table = read_table(within.results / "neighbors/base/fraction-10-within-20/seed-0/all.parquet")
    subset = read_table(within.results / "subset/fraction-20/seed-0.parquet")["sample_id"]
    np.testing.assert_array_equal(table["sample_id"], subset)
    assert set(table["neighbor_ids"].ravel()) <= set(subset)
    assert table["neighbor_ids"].shape[1] == 3


def test_random_can_be_the_best(within, tmp_path):
    shutil.copytree(within.folder, tmp_path / "copy", symlinks=True)
    workflow = Workflow(tmp_path / "copy")
    path = workflow.results / "trials/random/fraction-20/seed-0/rate-50.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"accuracies": [1.0, 1.0]}))
    kept = kept_by(workflow, "auto", "auto")
    workflow.run("--cores", "2", str(kept.relative_to(workflow.folder)))
    assert read_metadata(kept)["chosen"] == "random"
    assert_keeps_what_the_chosen_keeps(workflow, "auto", tmp_path)
    at_random = read_table(kept_by(workflow, "random", None))
    for name, column in read_table(kept).items():
        np.testing.assert_array_equal(column, at_random[name])


def test_the_trials_are_tabulated_beside_what_is_known_in_hindsight(within):
    table = pd.read_csv(within.results / "evaluation/selection_trials.csv")
    runs = pd.read_csv(within.results / "evaluation/retraining.csv")
    runs = runs[runs["rate"] == 0.5].set_index("arm")["test_accuracy"]
    assert table.groupby("extrapolator")["candidate"].agg(list).tolist() == [["top", "d2-k_3", "random"]] * 2
    for extrapolator, tried in table.groupby("extrapolator"):
        scored = f"du/{extrapolator}/fraction-20"
        trials = trials_of(within, extrapolator)
        assert tried["accuracy"].tolist() == pytest.approx([np.mean(trial["accuracies"]) for trial in trials])
        assert tried.loc[tried["chosen"], "candidate"].tolist() == [choose(as_rows(trials))]
        (top, _, at_random) = tried["test_accuracy"]
        assert (top, at_random) == (runs[f"top/{scored}"], runs["random"])
        (regret,) = tried["regret"].dropna()
        assert regret == pytest.approx(max(top, at_random) - runs[f"auto/{scored}"])
    assert table["test_accuracy"].isna().sum() == 2  # d2 is tried alone


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
    tried = runs.index.str.startswith("auto/")
    assert ((runs["trials_s"] > 0) == tried).all() and tried.sum() == 2
    for arm in ("du/auto/fraction-20", "du/held_out-5-step_up/fraction-20"):
        own = runs.loc[f"auto/{arm}"]
        assert own["total_s"] > own["trials_s"] + own["nested_s"]
        assert own["nested_s"] > nested[f"top/{arm}"]


def test_a_second_run_does_nothing_and_another_share_trains_within_the_subset_alone(within):
    assert within.planned("study") == {}
    within.write_config(**WITHIN, subset={"nested": 0.4})
    planned = within.planned("study")
    assert planned["train_subset"] == 3  # 8 %, 3.2 % within that, and 1.28 % to choose an extrapolator for trials
    assert planned["retrain_model"] == 2 * 2  # by top and auto, of two extrapolators
    assert planned["try_selection"] == 2 * 2 and "try_without_score" not in planned
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


def test_each_trial_is_planned_once_and_none_of_the_full_data(fresh):
    tried = {"name": "auto", "candidates": [{"name": "chance", "floor": 0.7}, "top", "random"]}
    selection = {"rates": [0.5, 0.8], "methods": [tried, "top", "random"], "extrapolators": ["knn-5", "gnn-5"]}
    extrapolation = [{"name": "knn", "k": 5}, {"name": "gnn", "k": 5}]
    evaluation = {"estimates": ["nested"]}
    fresh.write_config(seeds=[0, 1], selection=selection, extrapolation=extrapolation, evaluation=evaluation)
    n_rates = n_extrapolators = n_seeds = 2
    planned = fresh.planned("study")
    assert planned["try_selection"] == 2 * n_extrapolators * n_rates * n_seeds
    assert planned["try_without_score"] == n_rates * n_seeds
    assert planned["select_by_score"] == (2 * n_extrapolators + 1) * n_rates * n_seeds  # auto and top; top of the truth
    assert planned["retrain_model"] == (2 * n_extrapolators + 2) * n_rates * n_seeds + n_seeds  # random, and all images
    assert planned["tabulate_trials"] == 1
    kept = fresh.planned("kept")
    assert (kept["try_selection"], kept["try_without_score"]) == (2 * n_extrapolators * n_rates, n_rates)
    assert kept["train_subset"] == 2  # of the subset, and of the part nested in it
    assert not kept.keys() & {"retrain_model", "tabulate_trials"}
    (fresh.folder / "small.yaml").write_text("selection: {methods: [{name: auto, candidates: [top, rs2]}]}\n")
    printed = fresh.run("--dry-run", fails=True)
    assert "small.yaml: selection.methods[0].candidates[1] = rs2 keeps no list that a trial could train on" in printed
    assert "Traceback" not in printed
