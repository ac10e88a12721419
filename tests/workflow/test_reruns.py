"""A result is never silently stale and never needlessly recomputed."""

import csv
import re
import shutil

import pyarrow.parquet as pq
import pytest

LIBRARY = "workflow_scripts/score_extrapolation"
KEPT = "selection/top/du/knn-5/fraction-20/seed-0/rate-50.parquet"
# What follows the scores of a subset.
AFTER_SCORES = {"score_subset", "extrapolate_scores", "select_by_score", "retrain_model"}


def test_a_second_run_does_nothing(copied):
    assert copied.planned("study") == {}


def test_a_new_rate_adds_its_own_jobs_and_the_tables_over_all_rates(copied):
    copied.write_config(selection={"rates": [0.5, 0.9, 0.7], "extrapolators": ["knn-5"]})
    planned = copied.planned("study")
    # Five arms: random, and by chance and from the top by knn and by full-data scores.
    assert planned.pop("select_without_score") == 1
    assert planned.pop("select_by_score") == 4
    assert planned.pop("retrain_model") == 5
    of_tables = ("tabulate", "plot", "table", "figure", "study")
    assert all(rule.startswith(of_tables) for rule in planned)


def test_chance_by_scores_of_embeddings_alone_needs_no_training_to_choose_a_start_by(copied):
    copied.write_config(training_free={"methods": ["ssp"], "spaces": ["pretrained"]})
    planned = copied.planned("results/digits/selection/chance/ssp/pretrained/fraction-0/seed-0/rate-50.parquet")
    assert planned == {"embed_pretrained": 1, "score_embeddings": 1, "select_by_score": 1}


def test_the_scheduler_looks_when_a_job_ends_and_not_all_the_time(finished):
    n_jobs = int(re.search(r"(\d+) of \1 steps \(100%\) done", finished.printed)[1])
    assert 20 < n_jobs < finished.printed.count("Ready jobs: ") + 20 < 2 * n_jobs + 20


def test_a_new_seed_leaves_the_samples_and_the_first_seed_alone(copied):
    copied.write_config(seeds=[0, 1])
    planned = copied.planned("kept")
    assert planned == {}
    assert copied.planned("study")["train_subset"] == 2
    assert "prepare_samples" not in copied.planned("study")


def test_a_comment_in_a_scores_file_reruns_nothing(copied):
    path = copied.folder / LIBRARY / "scores/du.py"
    path.write_text(path.read_text().replace("class Accumulator", "# a comment\nclass Accumulator"))
    assert copied.planned("study") == {}


def test_changed_code_of_a_score_reruns_it_and_what_follows_but_no_training(copied):
    path = copied.folder / LIBRARY / "scores/du.py"
    changed = path.read_text().replace("return self.sums / (", "return 2 * self.sums / (")
    assert changed != path.read_text()
    path.write_text(changed)
    planned = copied.planned("study")
    assert planned.keys() >= AFTER_SCORES
    assert not planned.keys() & {"train_subset", "embed_samples", "find_neighbors", "draw_subset", "prepare_samples"}


def test_changed_code_of_the_engine_trains_anew(copied):
    path = copied.folder / LIBRARY / "training/engine.py"
    changed = path.read_text().replace("STEPS_BETWEEN_AGREEMENTS = 20", "STEPS_BETWEEN_AGREEMENTS = 10")
    assert changed != path.read_text()
    path.write_text(changed)
    assert {"train_subset", "retrain_model"} <= copied.planned("study").keys()


def test_the_times_of_a_fresh_checkout_rerun_nothing(copied):
    for path in [*copied.folder.rglob("*.py"), *copied.folder.rglob("*.smk"), copied.folder / "config.yaml"]:
        path.touch()
    assert copied.planned("study") == {}


@pytest.mark.slow
def test_one_deleted_file_brings_back_only_itself(copied):
    undisturbed = copied.results_bytes()
    for name, rule in ((KEPT, "select_by_score"), ("scores/fraction-20/seed-0/du.parquet", "score_subset")):
        path = copied.results / name
        path.unlink()
        target = f"results/digits/{name}"
        assert copied.planned(target) == {rule: 1}
        copied.run("--cores", "1", target)
        assert path.read_bytes() == undisturbed[name]
        # The file is newer than what was made of it, but the same: only the table of times has something new to say.
        of_times = {"tabulate_retraining", "plot_stages", "table_1", "table_14", "figure_2", "figure_3", "figure_4"}
        assert copied.planned("study").keys() <= {*of_times, "study"}
    figure = copied.results / "study/figure_2.svg"
    figure.unlink()
    copied.run("--cores", "2", "results/digits/study/figure_2.svg")
    assert figure.is_file()
    assert not copied.planned("study").keys() & {"tabulate_retraining", "figure_2"}


def test_a_changed_recipe_of_retraining_leaves_the_scores_alone(copied):
    copied.write_config(retraining={"epochs": 3})
    planned = copied.planned("study")
    assert "retrain_model" in planned
    assert not planned.keys() & {"train_subset", "score_subset", "select_by_score"}


def test_kept_needs_no_truth_no_baseline_and_no_retraining(fresh):
    planned = fresh.planned("kept")
    assert planned == {
        **{rule: 1 for rule in ("prepare_samples", "draw_subset", "train_subset", "score_subset", "embed_samples")},
        **{"find_neighbors": 1, "extrapolate_scores": 1, "select_by_score": 4, "kept": 1},
    }


def test_without_truth_the_study_trains_on_the_full_data_for_no_score(fresh):
    fresh.write_config(evaluation={"full_data_scores": False, "estimates": []})
    assert fresh.planned("study")["train_subset"] == 1


def test_without_a_test_set_the_study_retrains_nothing(fresh):
    fresh.write_config(samples={"test": None})
    assert "retrain_model" not in fresh.planned("study")


def test_parsing_imports_neither_torch_nor_numpy(fresh):
    # Modules of these names that refuse to be imported stand first on the path of the dry run.
    for name in ("torch", "numpy", "pandas", "pyarrow"):
        (fresh.folder / "workflow_scripts" / f"{name}.py").write_text("raise RuntimeError('imported while parsing')")
    assert fresh.planned("study")
    shutil.rmtree(fresh.folder / "workflow_scripts" / "__pycache__", ignore_errors=True)


@pytest.mark.slow
def test_numbers_to_keep_take_the_place_of_rates(copied):
    given = ("--config", "selection={keep: [400, 5000]}")
    planned = copied.planned("study", *given)
    assert planned.keys() & {"train_subset", "extrapolate_scores"} == set()
    # Two numbers: by full-data scores and by extrapolated ones, two ways each, at random.
    assert planned["retrain_model"] == 2 * 5
    table = "results/digits/evaluation/retraining.csv"
    copied.run("--cores", "2", "kept", table, "--config", "selection={keep: [400]}")
    kept = pq.read_table(copied.results / "selection/top/du/knn-5/fraction-20/seed-0/keep-400.parquet")
    assert kept.num_rows == 400
    with open(copied.results / "evaluation/retraining.csv") as file:
        rates = {row["arm"]: float(row["rate"]) for row in csv.DictReader(file) if row["n_kept"] == "400"}
    assert rates == {arm: round(1 - 400 / 1348, 4) for arm in rates}
    assert len(rates) == 5
    printed = copied.run("--cores", "2", "kept", *given, fails=True)
    assert "5000 samples to keep are not 1 to 1347 of 1348; give another number" in printed
