"""The tables of a study: agreement with the truth, accuracy and time, and which files a study is made of."""

import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import oracles
from pruning_workflow.config import read_config
from pruning_workflow.evaluation.retraining import TIMED, compare_arms, summarize_retraining, tabulate_retraining
from pruning_workflow.lineage import Lineage
from pruning_workflow.names import Arm
from pruning_workflow.record import Record
from pruning_workflow.runs import agreement_rows, retraining_rows
from score_extrapolation.evaluation import write_csv
from score_extrapolation.evaluation.agreement import pearson, read_scores, spearman, tabulate_agreement
from score_extrapolation.extrapolators._draws import certain_draws
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import EXTRAPOLATED, SCORES, write_table
from score_extrapolation.training.epochs import Epochs
from score_extrapolation.training.recipe import Recipe

DEFAULT = Path(__file__).parents[2] / "config.yaml"


def experiment(**changes):
    raw = yaml.safe_load(DEFAULT.read_text()) | {"seeds": [0, 1, 2]}
    for section, values in changes.items():
        raw[section] = {**raw[section], **values} if isinstance(values, dict) else values
    return read_config(raw)


# ---------------------------------------------------------------- correlations


@pytest.mark.parametrize(
    "a, b, linear, ranked",
    [
        ((1, 2, 3, 4), (1, 3, 2, 4), 0.8, 0.8),
        ((1, 2, 3, 4), (4, 3, 2, 1), -1, -1),
        ((1, 2, 3), (1, 2, 30), 29 / math.sqrt(2 * 542), 1),
        ((1, 1, 2), (1, 2, 3), math.sqrt(3) / 2, math.sqrt(3) / 2),  # tied values share the rank 1.5
    ],
)
def test_correlations_by_hand(a, b, linear, ranked):
    assert pearson(np.array(a), np.array(b)) == pytest.approx(linear, abs=1e-12)
    assert spearman(np.array(a), np.array(b)) == pytest.approx(ranked, abs=1e-12)


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
@pytest.mark.parametrize("a, b", [((), ()), ((1,), (2,)), ((3, 3, 3), (1, 2, 3)), ((1, 2, 3), (0.1, 0.1, 0.1))])
def test_what_has_no_correlation_is_nan_without_a_warning(a, b):
    a, b = np.array(a, np.float32), np.array(b, np.float32)
    assert math.isnan(pearson(a, b))
    assert math.isnan(spearman(a, b))


# ------------------------------------------------------------------- agreement


@pytest.fixture
def scored(tmp_path):
    """Samples 0..6: 1 and 5 are the subset. The truth also knows sample 7, which is in no other table."""
    ids = np.array([1, 5, 0, 2, 3, 4, 6])
    scores = np.array([10, 20, 1, 2, 3, 4, 9], np.float32)
    computed = np.array([True, True, False, False, False, False, False])
    write_table(
        tmp_path / "extrapolated.parquet",
        EXTRAPOLATED,
        {},
        sample_id=ids,
        score=scores,
        computed=computed,
        spread=np.zeros(7),
        draws=certain_draws(scores),
    )
    #                 0  1  2  3  4  5  6  7
    truth = np.array([1, 8, 3, 2, 4, 7, 9, 0], np.float32)
    write_table(tmp_path / "truth.parquet", SCORES, {}, sample_id=np.arange(8), score=truth)
    return tmp_path


def test_scores_and_truth_are_aligned_by_sample_id(scored):
    table = read_scores(scored / "extrapolated.parquet", scored / "truth.parquet").set_index("sample_id")
    assert table["score"].to_dict() == {0: 1, 1: 10, 2: 2, 3: 3, 4: 4, 5: 20, 6: 9}
    assert table["truth"].to_dict() == {0: 1, 1: 8, 2: 3, 3: 2, 4: 4, 5: 7, 6: 9}
    assert table.index[table["computed"]].tolist() == [1, 5]


@pytest.mark.parametrize("no_truth", [None, []])  # a rule's input that is left out is an empty list
def test_without_truth_there_is_no_column_of_it(scored, no_truth):
    assert list(read_scores(scored / "extrapolated.parquet", no_truth)) == ["sample_id", "score", "computed"]


def test_a_sample_that_the_truth_lacks_is_an_error(scored):
    write_table(scored / "short.parquet", SCORES, {}, sample_id=np.arange(3), score=np.zeros(3))
    with pytest.raises(KeyError, match="sample_id 3"):
        read_scores(scored / "extrapolated.parquet", scored / "short.parquet")


def test_agreement_of_each_part_by_hand(scored):
    row = {"score": "du", "extrapolator": "knn-5", "fraction": "20", "sampler": "random", "seed": 1}
    paths = {"extrapolated": scored / "extrapolated.parquet", "truth": scored / "truth.parquet"}
    table = tabulate_agreement([{**row, **paths}])
    assert list(table) == ["score", "extrapolator", "fraction", "sampler", "seed", "part", "n", "pearson", "spearman"]
    assert (table[list(row)] == pd.Series(row)).all(axis=None)
    parts = table.set_index("part")
    assert parts["n"].to_dict() == {"residual": 5, "subset": 2, "all": 7}
    # Residual: (1, 2, 3, 4, 9) against (1, 3, 2, 4, 9); deviations' products sum to 37.8, squares to 38.8 each.
    assert parts.loc["residual", "pearson"] == pytest.approx(37.8 / 38.8)
    assert parts.loc["residual", "spearman"] == pytest.approx(0.9)  # 1 - 6 * 2 / (5 * 24)
    assert parts.loc["subset", "pearson"] == pytest.approx(-1)
    assert parts.loc["all", "spearman"] == pytest.approx(1 - 6 * (1 + 1 + 4 + 4) / (7 * 48))


# ------------------------------------------------------------------ retraining

BY_KNN, BY_AUTO = (f"top/du/{label}/fraction-20" for label in ("knn-5", "auto"))
SUMMARY = {"n": {"train": 30}}  # each run keeps 7


def record(stage, writes, reads, part=None, **noted):
    """Return the record of a job that writes one file."""
    given = {"sources": (), "threads": 1, "seconds": 0.0, "memory_mb": 1.0} | noted
    wildcards = {"part": part} if part else {}
    return Record(rule=stage, stage=stage, wildcards=wildcards, reads=tuple(reads), writes=(writes,), **given)


class Study:
    """Runs that were made up: their metrics in a folder, and what their jobs noted."""

    def __init__(self, folder):
        self.folder, self.records, self.rows = folder, [], []

    def job(self, stage, path, reads=(), part=None, **noted):
        """Add a job; return the file that it wrote, for others to read."""
        self.records.append(record(stage, path, reads, part, **noted))
        return path

    def run(self, arm, seed, rate, accuracy, seconds, reads=(), **metrics):
        """Add a retrained model and a chain of jobs that led to it; return its row.

        Seconds of a stage are a number, or a tuple of those of several jobs; those of ``nested`` are of a training on
        half of the subset, as its part says.
        """
        name = f"{arm}/{seed}-{rate}"
        (self.folder / name).mkdir(parents=True)
        metrics = {"n_samples": 7, "images_seen": 14, "test_accuracy": accuracy, **metrics}
        (self.folder / name / "metrics.json").write_text(json.dumps(metrics))
        own, made = Arm.parse(arm), list(reads)
        for stage, values in seconds.items():
            for job, spent in enumerate(values if isinstance(values, tuple) else (values,)):
                part = str(own.part.nested(0.5).trained if stage == "nested" else own.part) if own.part else None
                kind = "training" if stage == "nested" else stage
                if stage != "retraining":
                    made.append(self.job(kind, f"{stage}/{name}/{job}", (), part, seconds=float(spent)))
        spent = float(seconds.get("retraining", 0))
        self.job("retraining", f"{name}/metrics.json", made, seconds=spent, images_trained=14)
        row = {"arm": arm, "method": own.method, "score": own.score, "extrapolator": own.extrapolator}
        row |= {"fraction": own.part and own.part.percent, "sampler": own.part and own.part.sampler}
        row |= {"budget": "epochs", "seed": seed, "rate": rate, "metrics": self.folder / name / "metrics.json"}
        self.rows.append(row)
        return row

    def table(self, rows=None, summary=SUMMARY):
        return tabulate_retraining(rows or self.rows, summary, Lineage(self.records), self.folder)


@pytest.fixture
def made_up(tmp_path):
    return Study(tmp_path)


def test_a_number_to_keep_is_a_rate_in_tables(made_up):
    row = made_up.run("random", 0, 0.5, 0.5, {}) | {"rate": None}
    of_all, of_pool = (made_up.table([row], summary) for summary in (SUMMARY, SUMMARY | {"n_pool": 25}))
    assert of_all["rate"].tolist() == [0.7667]  # 23 of 30
    assert of_pool["rate"].tolist() == [0.92]  # 23 of the pool's 25


def test_a_stage_that_an_arm_does_without_costs_it_nothing(made_up):
    made_up.run(BY_KNN, 0, 0.5, 0.75, {stage: 2.0**i for i, stage in enumerate(TIMED)})
    made_up.run("random", 0, 0.5, 0.5, {"samples": 1, "selection": 10, "retraining": 100})
    runs = made_up.table()
    assert [column for column in runs if column.endswith("_s")] == [*(f"{stage}_s" for stage in TIMED), "total_s"]
    assert runs.loc[0, [f"{stage}_s" for stage in TIMED]].tolist() == [2.0**i for i in range(len(TIMED))]
    assert runs["total_s"].tolist() == [2 ** len(TIMED) - 1, 111]
    assert runs.loc[1, "retraining_s"] == 100
    assert runs.loc[1, ["subset_s", "training_s", "scores_s", "embeddings_s", "neighbors_s"]].sum() == 0
    assert runs["n_kept"].tolist() == [7, 7]
    assert runs["test_accuracy"].tolist() == [0.75, 0.5]
    assert runs.loc[1, ["score", "extrapolator", "fraction"]].isna().all()


def test_what_models_resist_is_tabulated_summarised_and_compared(made_up, tmp_path):
    shares = {"robust_clean_accuracy": 0.8, "robust_pgd_accuracy": 0.5, "robust_autoattack_accuracy": 0.4}
    rows = []
    for arm, gain in (("top/du/knn-5/fraction-20", 0.1), ("random", 0.0)):
        for seed in (0, 1):
            measured = {key: share + gain * (1 + seed) for key, share in shares.items()}
            measured |= {"robust_images": 50, "norm": "l2", "epsilon": 128.0, "pgd_steps": 40, "autoattack": ["fab-t"]}
            path = tmp_path / f"{gain}-{seed}.json"
            path.write_text(json.dumps(measured))
            rows.append(made_up.run(arm, seed, 0.5, 0.75, {"subset": 1}) | {"robustness": path})
    runs = made_up.table(rows)
    assert runs["robust_attack"].unique() == ["AutoAttack, l2 128/255"]
    assert runs["robust_autoattack_accuracy"].tolist() == pytest.approx([0.5, 0.6, 0.4, 0.4])
    summary = summarize_retraining(runs).set_index("arm").loc["top/du/knn-5/fraction-20"]
    assert summary["robust_pgd_accuracy_mean"] == pytest.approx(0.65)
    assert summary["robust_pgd_accuracy_sd"] == pytest.approx(0.1 / math.sqrt(2))
    assert summary["robust_pgd_accuracy_se"] == pytest.approx(0.05)
    (pair,) = compare_arms(runs).to_dict("records")
    assert pair["difference"] == 0
    assert pair["robust_clean_accuracy_difference"] == pytest.approx(0.15)
    assert pair["robust_clean_accuracy_low"] < 0 < pair["robust_clean_accuracy_high"]
    without = made_up.table([rows[0] | {"robustness": None}])
    assert not [column for column in without if column.startswith("robust")]


def test_the_jobs_of_a_stage_are_added_up(made_up):
    times = {"training": 7, "nested": (20, 3, 0.5), "extrapolation": (2, 5), "retraining": 100}
    made_up.run(BY_AUTO, 0, 0.5, 0.5, times)
    (run,) = made_up.table().to_dict("records")
    assert {column: run[column] for column in run if column.endswith("_s") and run[column]} == {
        "nested_s": 23.5,
        "training_s": 7,
        "extrapolation_s": 7,
        "retraining_s": 100,
        "total_s": 137.5,
    }


def test_what_is_done_within_the_subset_is_avoidable(made_up):
    made_up.run("top/du/held_out-50/fraction-20", 0, 0.5, 0.5, {"training": 1, "nested": (2, 3), "retraining": 4})
    (summary,) = summarize_retraining(made_up.table()).to_dict("records")
    assert summary["total_s_mean"] == 10
    assert summary["unavoidable_share"] == pytest.approx(0.5)


def test_a_job_that_several_arms_share_is_counted_in_full_for_each_and_once_within_a_sum(made_up):
    trained = made_up.job("training", "model", (), "20", seconds=30.0, images_trained=60)
    embedded = made_up.job("embeddings", "embeddings", [trained], "20", seconds=12.0)
    neighbors = made_up.job("neighbors", "neighbors", [embedded], "20", seconds=5.0)
    for arm in (BY_KNN, BY_AUTO):  # each reads all three, the training through two ways
        made_up.run(arm, 0, 0.5, 0.5, {"retraining": 1}, reads=[trained, embedded, neighbors])
    made_up.run("random", 0, 0.0, 0.5, {"retraining": 2})
    runs = made_up.table()
    assert runs["training_s"].tolist() == [30, 30, 0]
    assert runs["total_s"].tolist() == [48, 48, 2]
    assert runs["work"].tolist() == pytest.approx([74 / 14, 74 / 14, 1])


def test_one_training_is_nested_for_whom_it_lies_in_their_subset_and_training_for_who_prunes_by_it(made_up):
    trained = made_up.job("training", "model", (), "10", seconds=30.0, images_trained=60)
    for part in ("20", "10"):
        made_up.run(f"top/du/held_out-5/fraction-{part}", 0, 0.5, 0.5, {}, reads=[trained])
    runs = made_up.table()
    assert runs["nested_s"].tolist() == [30, 0] and runs["training_s"].tolist() == [0, 30]


@pytest.mark.parametrize("arm", ["top/ssp/pretrained/fraction-0", "top/ssp/subset/fraction-40", "random"])
def test_labels_that_a_training_found_are_no_nested_task_of_who_needs_no_training_for_scores(made_up, arm):
    made_up.run(arm, 0, 0.5, 0.5, {}, reads=[made_up.job("training", "labels", (), "20", seconds=30.0)])
    runs = made_up.table()
    assert runs["nested_s"].tolist() == [0] and runs["training_s"].tolist() == [30]


def test_a_run_without_its_record_is_one_sentence(made_up):
    made_up.run("random", 0, 0.5, 0.5, {"samples": 1})
    made_up.records = made_up.records[1:]
    with pytest.raises(InputFault, match=r"no record says how samples/random/0-0.5/0 was made") as fault:
        made_up.table()
    assert "\n" not in str(fault.value)


def test_validation_accuracy_is_a_column_only_where_measured(made_up):
    without = made_up.run("random", 0, 0.5, 0.5, {})
    with_it = made_up.run("random", 1, 0.5, 0.5, {}, validation_accuracy=0.25)
    assert "validation_accuracy" not in made_up.table([without])
    assert made_up.table([with_it])["validation_accuracy"].tolist() == [0.25]


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_summary_over_seeds_by_hand(made_up):
    for seed, accuracy in enumerate((0.9, 0.8, 0.7)):
        made_up.run(BY_KNN, seed, 0.5, accuracy, {"training": 1, "embeddings": 4 - seed, "retraining": 3})
    for rate in (0.0, 0.5):
        made_up.run("random", 0, rate, 0.6, {"selection": 1, "retraining": 3})
    summary = summarize_retraining(made_up.table())
    assert summary[["arm", "rate", "n_seeds"]].values.tolist() == [
        [BY_KNN, 0.5, 3],
        ["random", 0.0, 1],
        ["random", 0.5, 1],
    ]
    first = summary.loc[0]
    assert first["test_accuracy_mean"] == pytest.approx(0.8)
    assert first["test_accuracy_sd"] == pytest.approx(0.1)
    assert first["test_accuracy_se"] == pytest.approx(0.1 / math.sqrt(3))
    assert first["total_s_mean"] == pytest.approx(7)  # 8, 7, 6
    assert first["total_s_sd"] == pytest.approx(1)
    assert first["unavoidable_share"] == pytest.approx((4 / 8 + 4 / 7 + 4 / 6) / 3)
    single = summary.loc[1]
    assert single["test_accuracy_mean"] == 0.6
    assert single[["test_accuracy_sd", "test_accuracy_se", "total_s_sd", "total_s_se"]].isna().all()
    assert single["unavoidable_share"] == 0.75


# ------------------------------------------------------------------------ work

IMAGES, EPOCHS, BATCH, K = 120, 5, 8, 4  # of the retraining; K epochs for scores
TOP = "top/du/held_out-5/fraction-50"


@pytest.fixture
def write_study(tmp_path):
    """Return a function that makes up a study, of no pruning, random and a score; it returns the `Study`.

    What it is given beside, the training for the scores notes.
    """

    def write(fraction=0.5, rates=(0.5,), seeds=(0,), seen=lambda kept: EPOCHS * kept, **of_training):
        study = Study(tmp_path / f"{len(list(tmp_path.iterdir()))}")
        for seed in seeds:
            m = round(fraction * IMAGES)
            of_scores = {"images_trained": K * m} | of_training
            trained = study.job("training", f"training-{seed}", (), "50", **of_scores)
            # A training on half of the part, and what it predicts of the other half.
            nested = study.job("training", f"nested-{seed}", (), "25", images_trained=K * (m // 2))
            within = study.job("predictions", f"within-{seed}", [nested], "25-within-50", images_predicted=m)
            shards = [
                study.job("embeddings", f"{i}-{seed}", [trained], "50", images_predicted=n)
                for i, n in ((1, IMAGES // 2), (2, IMAGES - IMAGES // 2))
            ]
            predicted = 2 * (IMAGES - m)
            asked = study.job("predictions", f"asked-{seed}", [trained, *shards], "50", images_predicted=predicted)
            for arm, rate in [("random", 0.0), *((arm, rate) for arm in ("random", TOP) for rate in rates)]:
                kept = IMAGES - round(rate * IMAGES)
                reads = [within, trained, asked, *shards] if arm == TOP else []
                study.run(arm, seed, rate, 0.5, {}, reads, n_samples=kept)
                made = study.records.pop()
                study.records.append(replace(made, images_trained=seen(kept)))
        return study

    return write


def work_of(study, rows=None):
    table = study.table(rows, {"n": {"train": IMAGES}})
    return table.assign(arm=table["arm"].replace(TOP, "top")).set_index(["arm", "rate"])


def test_work_by_hand(write_study):
    works = work_of(write_study())
    # 60 are scored: 4 epochs of 60 and of 30 within them, 60 predicted there; 120 embedded, 60 predicted twice.
    # Trained on are 240 + 120, and 300 of what is kept; predicted 60 + 120 + 120. No pruning: 600.
    assert works.loc["top", 0.5]["work"] == pytest.approx((240 + 120 + 300 + 300 / 3) / 600)
    assert works.loc["top", 0.5][["training_work", "retraining_work"]].tolist() == pytest.approx([240 / 600, 0.5])
    assert works.loc["random", 0.5][["training_work", "retraining_work", "work"]].tolist() == [0, 0.5, 0.5]
    assert works.loc["random", 0.0][["training_work", "retraining_work", "work"]].tolist() == [0, 1, 1]


@pytest.mark.parametrize("fraction, rate", [(0.1, 0.2), (0.4, 0.8), (1.0, 0.5)])
def test_work_is_that_of_the_slow_version(write_study, fraction, rate):
    study = write_study(fraction, (rate,))
    works = work_of(study)["work"].to_dict()
    assert len(works) == 3
    for row in study.rows:
        path = str(row["metrics"].relative_to(study.folder))
        expected = oracles.work(study.records, path, EPOCHS * IMAGES)
        assert works[row["method"], row["rate"]] == pytest.approx(expected)


def test_what_records_or_predicts_in_passes_of_its_own_counts_a_third(write_study):
    plain = work_of(write_study())
    apart = work_of(write_study(seeds=(1,), images_predicted=240))
    assert apart["work"]["top", 0.5] - plain["work"]["top", 0.5] == pytest.approx(80 / 600)


def test_work_grows_with_the_subset_and_what_is_kept(write_study):
    rates = (0.2, 0.5, 0.9)
    of_fractions = [work_of(write_study(fraction, rates))["work"] for fraction in (0.1, 0.2, 0.5, 1.0)]
    for smaller, larger in itertools.pairwise(of_fractions):
        assert (larger["top"] > smaller["top"]).all()
        assert (larger["random"] == smaller["random"]).all()
    for works in of_fractions:
        for arm in ("random", "top"):
            assert works[arm].loc[list(rates)].is_monotonic_decreasing
            assert (works["top"] > works["random"].loc[list(rates)]).all()


@pytest.mark.parametrize("kept", [8, 40, 96, 120])
def test_as_many_steps_of_whole_batches_are_as_much_work_as_no_pruning(kept):
    optimizer = {"name": "adam", "learning_rate": 1}
    chosen = Recipe(model={"name": "convnet"}, epochs=EPOCHS, batch_size=BATCH, optimizer=optimizer)
    everything = Epochs(IMAGES, chosen, 0, "retraining")
    assert Epochs(kept, chosen, 0, "retraining", everything.n_steps).n_images == everything.n_images == EPOCHS * IMAGES
    # Where what is kept ends with a part of a batch, its steps see less.
    assert Epochs(kept - 3, chosen, 0, "retraining", everything.n_steps).n_images < everything.n_images


def test_work_is_in_units_of_the_same_seed_and_summarised(write_study):
    study = write_study(seeds=(0, 1))
    summary = summarize_retraining(study.table(summary={"n": {"train": IMAGES}}).assign(total_s=1.0))
    summary = summary.set_index(["arm", "rate"])
    assert summary.loc[TOP, 0.5][["work_mean", "work_sd", "work_se"]].tolist() == pytest.approx([760 / 600, 0, 0])
    assert summary.loc["random", 0.0]["work_mean"] == 1


def test_what_images_do_not_tell_has_no_work_and_leaves_the_others_theirs(write_study):
    works = work_of(write_study(images_trained=None))
    assert works.loc["top", 0.5][["training_work", "work"]].isna().all()
    assert works.loc["top", 0.5]["retraining_work"] == 0.5
    assert works["work"]["random", 0.5] == 0.5


def test_without_a_training_without_pruning_there_is_no_unit(write_study):
    works = work_of(study := write_study(), [row for row in study.rows if row["rate"]])
    assert works[["training_work", "retraining_work", "work"]].isna().all(axis=None)


def test_arms_are_compared_seed_by_seed_with_random_and_with_full_data_scores():
    ours, full = "top/du/knn-5/fraction-20", "top/du/computed/fraction-100"
    accuracies = {ours: [0.74, 0.78, 0.79], full: [0.80, 0.81, 0.85], "random": [0.70, 0.75, 0.77]}
    runs = [
        {"arm": arm, "rate": 0.5, "seed": seed, "test_accuracy": accuracy}
        for arm, values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    runs += [{"arm": arm, "rate": 0.8, "seed": 0, "test_accuracy": 0.5} for arm in (ours, "random")]
    # Seeds in another order, and a rate that random alone has.
    runs = [*runs[::-1], {"arm": "random", "rate": 0.0, "seed": 0, "test_accuracy": 0.9}]
    # What was trained for longer is compared with what was trained as long.
    longer = [
        run | {"budget": "steps", "test_accuracy": run["test_accuracy"] / 2} for run in runs if run["rate"] == 0.5
    ]
    table = pd.DataFrame([*longer, *(run | {"budget": "epochs"} for run in runs)])
    every = compare_arms(table).set_index(["arm", "other", "rate"])
    halved = every[every["budget"] == "steps"].loc[ours, "random", 0.5]
    assert halved[["n_seeds", "difference"]].tolist() == pytest.approx([3, 0.015])
    compared = every[every["budget"] == "epochs"].drop(columns="budget")
    assert set(compared.index) == {
        (ours, "random", 0.5),
        (ours, full, 0.5),
        (full, "random", 0.5),
        (ours, "random", 0.8),
    }
    # Differences 0.04, 0.03, 0.02: standard error 0.01 / sqrt(3), and Student's quantile of two degrees of freedom.
    row = compared.loc[ours, "random", 0.5]
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert row.tolist() == pytest.approx([3, 0.03, 0.03 - half, 0.03 + half], rel=1e-6)
    assert compared.loc[ours, full, 0.5]["difference"] == pytest.approx(-0.05)
    single = compared.loc[ours, "random", 0.8]
    assert (single["n_seeds"], single["difference"]) == (1, 0)
    assert single[["low", "high"]].isna().all()
    of_epochs = table[table["budget"] == "epochs"]
    narrow = compare_arms(of_epochs, confidence=0.5).set_index(["arm", "other", "rate"]).loc[ours, "random", 0.5]
    assert narrow["high"] - narrow["difference"] == pytest.approx(0.816497 * 0.01 / math.sqrt(3), rel=1e-5)
    assert compare_arms(table[table["rate"] == 0.0]).empty


def test_csv_reads_back_and_leaves_missing_values_empty(tmp_path):
    write_csv(tmp_path / "t.csv", pd.DataFrame({"a": [0.1 + 0.2, np.nan], "b": ["x", None]}))
    assert (tmp_path / "t.csv").read_bytes() == b"a,b\n0.30000000000000004,x\n,\n"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


# ---------------------------------------------------------- the rows of a study

ARMS = [Arm.parse(name) for name in ("top/du/knn-10/fraction-20", "top/du/computed/fraction-100", "random")]


def test_a_row_says_how_its_samples_were_chosen():
    row = retraining_rows(experiment(), ARMS)[0]
    settings = {
        key: row[key] for key in ("method", "score", "extrapolator", "fraction", "sampler", "budget", "seed", "rate")
    }
    assert settings == {
        "method": "top",
        "score": "du",
        "extrapolator": "knn-10",
        "fraction": "20",
        "sampler": "random",
        "budget": "epochs",
        "seed": 0,
        "rate": 0.5,
    }
    assert row["metrics"] == "results/digits/retraining/epochs/top/du/knn-10/fraction-20/seed-0/rate-50/metrics.json"


@pytest.mark.parametrize("rates", [[0.2, 0.5], [0, 0.5]])
@pytest.mark.parametrize("arms", [ARMS, ARMS[:1]])
def test_the_reference_without_pruning_is_there_once_a_seed(rates, arms):
    rows = retraining_rows(experiment(selection={"rates": rates}), arms)
    reference = [row["seed"] for row in rows if row["arm"] == "random" and row["rate"] == 0]
    assert reference == [0, 1, 2]


LAST = "held_out-10-step_up"  # of the default experiment


def test_agreement_covers_every_extrapolator_and_seed():
    rows = agreement_rows(experiment(subset={"fractions": [0.2, 0.025]}))
    runs = {(row["fraction"], row["extrapolator"], row["seed"]) for row in rows}
    assert runs == {(f, e, s) for f in ("20", "2.5") for e in ("knn-5", "knn-10", "knn-20", LAST) for s in (0, 1, 2)}
    assert len(rows) == len(runs)
    row = next(row for row in rows if (row["fraction"], row["extrapolator"], row["seed"]) == ("2.5", "knn-20", 1))
    assert row["extrapolated"] == "results/digits/extrapolation/fraction-2.5/seed-1/du/knn-20.parquet"
    assert row["truth"] == "results/digits/scores/fraction-100/seed-1/du.parquet"
    variant = {"variants": {"slow": {"epochs": 50}}}
    of_variant = agreement_rows(experiment(training=variant, scores=[{"name": "du", "training": "slow"}]))[0]
    assert of_variant["extrapolated"] == "results/digits/extrapolation/fraction-20/seed-0/du/knn-5.parquet"
