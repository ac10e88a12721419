"""The paper's tables and figures: their numbers by hand and by slow versions, what is bold, what a page looks like."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_1samp

import oracles
from pruning_workflow.study import (
    figure_2,
    figure_3,
    figure_4,
    figure_5,
    figure_6,
    table_1,
    table_2,
    table_4,
    table_5,
    table_10,
    table_11,
    table_12,
    table_13,
    table_14,
    table_15,
    write_html,
)
from pruning_workflow.study._statistics import add_best, add_differences, summarize
from pruning_workflow.study._texts import difference, number, pivot, plus_minus, seconds
from pruning_workflow.study._useful_rate import useful_rates
from score_extrapolation.evaluation.intervals import paired_interval
from score_extrapolation.evaluation.pareto import find_front
from study_tables import make_scores, make_tables

# A file that another test left open is closed whenever it is collected.
pytestmark = pytest.mark.filterwarnings("error", "ignore::ResourceWarning")

ORIGINAL, KNN = "top/du/computed/fraction-100", "top/du/knn-10/fraction-20"
EXPERIMENT = pd.DataFrame([{"name": "e", "dataset": "digits", "model": "convnet"}])


def runs_of(accuracies, times=None):
    """Return the table retraining of {(arm, rate): accuracies of seeds 0, 1, ...}."""
    rows = []
    for (arm, rate), values in accuracies.items():
        method, score, extrapolator, fraction = [*arm.split("/"), None, None, None][:4]
        fraction, _, sampler = fraction.removeprefix("fraction-").partition("-") if fraction else (None, None, None)
        run = {"arm": arm, "method": method, "score": score, "extrapolator": extrapolator, "fraction": fraction}
        run |= {"sampler": sampler or (score and "random"), "budget": "epochs", "rate": rate}
        costs = {"training_s": 0.0, "retraining_s": 1.0, "total_s": 1.0}
        costs |= {"training_work": 0.0, "retraining_work": 1 - rate, "work": 1 - rate}
        costs |= (times or {}).get((arm, rate), {})
        rows += [{**run, "seed": seed, "test_accuracy": value, **costs} for seed, value in enumerate(values)]
    return pd.DataFrame(rows)


def agreement_of(pearson, score="du", sampler="random"):
    """Return the table agreement of {(extrapolator, fraction): Pearson of seeds 0, 1, ...}; Spearman is half of it."""
    return pd.DataFrame(
        {"score": score, "extrapolator": extrapolator, "fraction": fraction, "sampler": sampler, "seed": seed}
        | {"part": part, "n": 9, "pearson": value + more, "spearman": (value + more) / 2}
        for (extrapolator, fraction), values in pearson.items()
        for seed, value in enumerate(values)
        for part, more in (("residual", 0.0), ("subset", 0.3), ("all", 0.1))
    )


# ------------------------------------------------------------------ statistics


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_interval_is_student_s(n, confidence):
    differences = np.random.default_rng(n).normal(1, 2, n)
    interval = ttest_1samp(differences, 0).confidence_interval(confidence)
    expected = (differences.mean(), interval.low, interval.high)
    assert paired_interval(differences, confidence) == pytest.approx(expected)
    # What is missing at one seed is left out.
    assert paired_interval([*differences, math.nan], confidence) == pytest.approx(expected)


def test_the_interval_by_hand_and_of_too_few():
    # Mean 2, standard error 1 / sqrt(3), t of 2 degrees of freedom 4.302653.
    assert paired_interval([1, 2, 3]) == pytest.approx((2, 2 - 2.484138, 2 + 2.484138), abs=1e-6)
    assert paired_interval([4, 4]) == (4, 4, 4)
    one, none = paired_interval([0.5]), paired_interval([math.nan])
    assert one[0] == 0.5 and np.isnan(one[1:]).all()
    assert np.isnan(none).all()


def test_the_front_by_hand():
    #        fast and bad, dominated, equal ones, as fast but worse, slow and best, as good but slower
    time = [1, 2, 3, 3, 3, 9, 10]
    accuracy = [0.5, 0.4, 0.7, 0.7, 0.6, 0.9, 0.9]
    assert find_front(time, accuracy).tolist() == [True, False, True, True, False, True, False]
    assert find_front([], []).tolist() == []


def test_the_front_is_that_of_the_slow_version():
    random = np.random.default_rng(0)
    for n in range(1, 40):
        time, accuracy = random.integers(0, 6, (2, n)).astype(float)
        time[random.random(n) < 0.1], accuracy[random.random(n) < 0.1] = math.nan, math.nan
        assert find_front(time, accuracy).tolist() == oracles.front(time.tolist(), accuracy.tolist())


def test_means_and_errors_are_those_of_the_slow_version():
    agreement = make_tables()["agreement"]
    by = ["score", "extrapolator", "fraction", "sampler", "part"]
    summary = summarize(agreement, by, ["pearson"])
    assert len(summary) == len(agreement) / 3
    for row in summary.to_dict("records"):
        own = agreement[(agreement[by] == [row[name] for name in by]).all(axis=1)]
        expected = oracles.mean_and_error(own["pearson"].tolist())
        assert (row["pearson_mean"], row["pearson_se"]) == pytest.approx(expected)
        assert row["n_seeds"] == 3


def test_what_is_undefined_at_a_seed_has_no_mean():
    runs = pd.DataFrame({"k": [5, 5, 10, 10], "seed": [0, 1, 0, 1], "pearson": [0.9, math.nan, 0.1, 0.2], "group": 1})
    summary = summarize(runs, ["group", "k"], ["pearson"])
    assert np.isnan(summary["pearson_mean"][0]) and summary["pearson_mean"][1] == pytest.approx(0.15)
    best = add_best(summary, runs, ["group"], "k", "pearson")
    assert best["pearson_lead"].isna().all() and not best["pearson_best"].any()


def test_differences_are_paired_by_seed_whatever_the_order_of_rows():
    runs = pd.DataFrame(
        {"group": "g", "unit": list("aaabbb"), "seed": [0, 1, 2, 2, 1, 0], "value": [1.0, 5, 9, 10, 6, 2]}
    )
    summary = summarize(runs, ["group", "unit"], ["value"])
    with_differences = add_differences(summary, runs, ["group"], "unit", "value", "a").set_index("unit")
    # b is better by exactly 1 at each seed: unpaired, the spread over seeds would hide it.
    assert with_differences.loc["b", "value_difference":].tolist() == [1, 1, 1]
    assert with_differences.loc["a", "value_difference":].isna().all()
    best = add_best(summary, runs, ["group"], "unit", "value").set_index("unit")
    assert best["value_best"].to_dict() == {"a": False, "b": True}
    assert best.loc["b", ["value_lead", "value_lead_low", "value_lead_high"]].tolist() == [1, 1, 1]
    of_one = add_best(summary, runs, ["group"], "unit", "value", among={"a"})
    assert not of_one["value_best"].any() and of_one["value_lead"].isna().all()


def test_one_seed_is_no_proof():
    runs = pd.DataFrame({"group": "g", "unit": ["a", "b"], "seed": 0, "value": [1.0, 100]})
    summary = add_best(summarize(runs, ["group", "unit"], ["value"]), runs, ["group"], "unit", "value")
    assert not summary["value_best"].any()
    assert summary["value_lead"].tolist()[1] == 99


# ----------------------------------------------------------- maximum useful rate


def test_the_useful_rate_is_the_largest_at_which_the_original_wins_on_average():
    accuracies = {("random", 0.0): [0.99, 0.99]}
    for rate, original in ((0.2, 0.8), (0.5, 0.6), (0.8, 0.71), (0.9, 0.7)):
        accuracies |= {("random", rate): [0.6, 0.8], (ORIGINAL, rate): [original, original]}
    rates = useful_rates(runs_of(accuracies))
    # At 0.5 random wins, at 0.9 they are equal.
    assert rates.to_dict("records") == [{"budget": "epochs", "score": "du", "rate": 0.8, "useful": True}]


def test_where_no_rate_is_useful_it_is_the_smallest_and_said():
    runs = runs_of({(arm, rate): [0.9 - (arm == ORIGINAL)] for arm in ("random", ORIGINAL) for rate in (0.2, 0.5)})
    expected = {"budget": "epochs", "score": "du", "rate": 0.2, "useful": False}
    assert useful_rates(runs).to_dict("records") == [expected]
    table = table_1.tabulate({"retraining": runs, "experiment": EXPERIMENT})
    assert not table["useful"].any() and set(table["rate_percent"]) == {20}
    assert any("random is as good" in head for head, _ in table_1.format_table(table).columns)


def test_other_selections_and_budgets_do_not_make_a_rate_useful():
    runs = runs_of({("random", 0.5): [0.5], (ORIGINAL, 0.5): [0.4], (ORIGINAL.replace("top", "ccs"), 0.5): [0.9]})
    steps = runs.assign(budget="steps", test_accuracy=[0.5, 0.9, 0.9])
    rates = useful_rates(pd.concat([steps, runs])).to_dict("records")
    own = {"score": "du", "rate": 0.5}
    assert rates == [own | {"budget": "epochs", "useful": False}, own | {"budget": "steps", "useful": True}]


# ---------------------------------------------------------------------- tables


def test_table_5_is_table_4_of_what_is_kept_of_a_pool():
    clean = {("random", 0.0): [0.9, 0.9], ("random", 0.5): [0.80, 0.84], (KNN, 0.5): [0.85, 0.87]}
    runs = runs_of(clean).assign(robust_pgd_accuracy=lambda runs: runs["test_accuracy"] / 2)
    runs = runs.assign(robust_attack="PGD-40, l2, 128/255", robust_images=1000)
    table = table_5.tabulate({"retraining": runs, "experiment": EXPERIMENT})
    assert list(zip(table["rate_percent"], table["arm"], strict=True)) == [(0, "random"), (50, "random"), (50, KNN)]
    knn = table.iloc[2]
    assert knn["test_accuracy_percent_mean"] == pytest.approx(86)
    assert knn["test_accuracy_percent_se"] == pytest.approx(1)
    assert knn["robust_accuracy_percent_mean"] == pytest.approx(43)
    # Better by 5 and 3 points clean, by 2.5 and 1.5 under attack: of two seeds t is 12.7062.
    gain = [knn[f"test_accuracy_percent_difference{end}"] for end in ("", "_low", "_high")]
    assert gain == pytest.approx([4, 4 - 12.7062, 4 + 12.7062], abs=1e-3)
    assert knn["robust_accuracy_percent_difference"] == pytest.approx(2)
    shown = table_5.format_table(table)
    heads = shown.columns.get_level_values(0).unique().tolist()
    assert heads == ["Robust accuracy (%)\nPGD-40, l2, 128/255, 1,000 images", "Clean accuracy (%)\nall images"]
    assert shown[heads[1], "against random"].tolist() == ["–", "–", "+4.00 [−8.71, +16.71]"]
    assert shown[heads[1], "mean"].tolist() == ["90.00 ± 0.00", "82.00 ± 2.00", "86.00 ± 1.00"]


def test_table_5_is_bold_where_the_interval_says_so():
    accuracies = {("random", 0.5): [0.8, 0.81, 0.82], (KNN, 0.5): [0.84, 0.85, 0.86]}
    runs = runs_of(accuracies).assign(robust_autoattack_accuracy=0.5, robust_attack="AutoAttack", robust_images=9)
    shown = table_5.format_table(table_5.tabulate({"retraining": runs, "experiment": EXPERIMENT}))
    assert shown.iloc[1].tolist() == [
        "50.00 ± 0.00",
        "+0.00 [+0.00, +0.00]",
        "**85.00 ± 0.58**",
        "**+4.00 [+4.00, +4.00]**",
    ]


def test_table_1_by_hand():
    ssp, stratified = "top/ssp/pretrained/fraction-0", f"{KNN}-stratified"
    small, ccs = "top/du/knn-10/fraction-5", "ccs/du/knn-10/fraction-20"
    accuracies = {
        ("random", 0.5): [0.70, 0.72],
        (ORIGINAL, 0.5): [0.80, 0.80],
        (small, 0.5): [0.71, 0.73],
        (KNN, 0.5): [0.75, 0.77],
        (stratified, 0.5): [0.9, 0.9],
        (ccs, 0.5): [0.9, 0.9],
        (ssp, 0.5): [0.65, 0.66],
        ("rs2", 0.5): [0.70, 0.70],
        ("random", 0.0): [0.95, 0.95],
    }
    times = {(KNN, 0.5): {"total_s": 50.0, "work": 0.72}, (ORIGINAL, 0.5): {"total_s": 100.0}}
    table = table_1.tabulate({"retraining": runs_of(accuracies, times), "experiment": EXPERIMENT}).set_index("arm")
    # As in the paper: original, extrapolated from the largest subset on, training-free, random.
    assert table.index.tolist() == [ORIGINAL, KNN, small, ssp, "rs2", "random"]
    assert table["kind"].tolist() == ["original", *["extrapolated"] * 2, "training-free", *["unscored"] * 2]
    knn = table.loc[KNN]
    assert knn["test_accuracy_percent_mean"] == pytest.approx(76)
    assert knn["test_accuracy_percent_se"] == pytest.approx(1)
    assert knn["relative_accuracy_percent"] == pytest.approx(95)
    assert knn[["difference_points", "difference_points_low", "difference_points_high"]].tolist() == pytest.approx(
        [5] * 3
    )
    assert knn["speedup"] == 2
    assert (table["budget"] == "epochs").all()
    assert table["work_mean"].to_dict() == {**dict.fromkeys(table.index, 0.5), KNN: 0.72}
    # KNN leads small by 4 at both seeds; the original does not compete.
    assert table["best"].to_dict() == {arm: arm == KNN for arm in table.index}
    assert knn["lead_points"] == pytest.approx(4) and table["lead_points"].drop(KNN).isna().all()
    texts = table_1.format_table(table.reset_index()).xs("DU, 50 % pruned, 2 seeds", axis=1)
    assert texts.index.get_level_values(0)[0] == "original: full data"
    assert texts.loc["KNN k=10, 20 % subset", "Accuracy (%)"].item() == "**76.00 ± 1.00**"
    assert texts.loc["random"].to_numpy()[0].tolist()[2] == "–"
    assert texts.loc["KNN k=10, 20 % subset", "Work"].item() == "0.72"


@pytest.fixture
def of_both_budgets():
    """All that reads scores gains twice as much in as many steps as in as many epochs; as many steps come first."""
    clean = {("random", 0.5): [0.70, 0.72], (ORIGINAL, 0.5): [0.75, 0.77], (KNN, 0.5): [0.71, 0.73]}
    epochs = runs_of(clean)
    gains = {"random": 0.10, ORIGINAL: 0.15, KNN: 0.11}
    steps = epochs.assign(test_accuracy=epochs["test_accuracy"] + epochs["arm"].map(gains), budget="steps", work=1.0)
    reference = runs_of({("random", 0.0): [0.95, 0.95]}).assign(budget="steps")
    robust = {"robust_images": 9, "robust_attack": "PGD-40, linf 8/255"}
    runs = pd.concat([steps, reference, epochs], ignore_index=True)
    runs = runs.assign(robust_pgd_accuracy=runs["test_accuracy"] / 2, **robust)
    return {"retraining": runs, "agreement": agreement_of({("knn-10", "20"): [0.2, 0.3]}), "experiment": EXPERIMENT}


STEPS, EPOCHS = (f"as many {unit} as without pruning" for unit in ("steps", "epochs"))


def test_table_1_has_each_budget_beside_the_other_and_compares_within_it(of_both_budgets):
    table = table_1.tabulate(of_both_budgets).set_index(["budget", "arm"])
    assert table["difference_points"].to_dict() == pytest.approx(
        {
            ("epochs", ORIGINAL): 5, ("epochs", KNN): 1, ("epochs", "random"): math.nan,
            ("steps", ORIGINAL): 10, ("steps", KNN): 2, ("steps", "random"): math.nan,
        },
        nan_ok=True,
    )  # fmt: skip
    assert table["work_mean"].to_dict() == {(b, arm): {"epochs": 0.5, "steps": 1.0}[b] for b, arm in table.index}
    heads = table_1.format_table(table.reset_index()).columns.get_level_values(0).unique()
    assert heads.tolist() == [f"DU, 50 % pruned, 2 seeds\n{budget}" for budget in (EPOCHS, STEPS)]


def test_table_4_has_each_budget_and_no_pruning_once(of_both_budgets):
    table = table_4.tabulate(of_both_budgets)
    expected = [(b, 50, arm) for b in ("epochs", "steps") for arm in ("random", KNN, ORIGINAL)]
    found = list(zip(table["budget"], table["rate_percent"], table["arm"], strict=True))
    assert found == [("steps", 0, "random"), *expected]
    gains = table.set_index(["budget", "arm", "rate_percent"])["test_accuracy_percent_difference"]
    assert gains["epochs", KNN, 50] == pytest.approx(1) and gains["steps", KNN, 50] == pytest.approx(2)
    pruned = table_4.format_table(table).index.get_level_values(0).unique()
    assert pruned.tolist() == ["0 %", f"50 %\n{EPOCHS}", f"50 %\n{STEPS}"]


def test_table_14_and_figure_4_have_points_of_each_budget(of_both_budgets, tmp_path):
    points = figure_4.tabulate(of_both_budgets).set_index(["budget", "kind"])["test_accuracy_percent_mean"]
    assert points.to_dict() == pytest.approx(
        {
            ("epochs", "random"): 71, ("epochs", "original"): 76, ("epochs", "extrapolated"): 72,
            ("steps", "random"): 81, ("steps", "original"): 91, ("steps", "extrapolated"): 83,
        }
    )  # fmt: skip
    table = table_14.tabulate(of_both_budgets)
    assert table["n_points"].tolist() == [3, 1, 3, 1]
    pruned = table_14.format_table(table).index.get_level_values(1).unique()
    assert pruned.tolist() == [f"50 %\n{EPOCHS}", f"50 %\n{STEPS}"]
    figure_4.draw(figure_4.tabulate(of_both_budgets), tmp_path / "f.svg")
    assert STEPS in (tmp_path / "f.svg").read_text()


@pytest.mark.parametrize("budget", ["epochs", "steps"])
def test_one_budget_is_shown_whichever_it_is(budget, of_both_budgets):
    runs = of_both_budgets["retraining"]
    own = runs[(runs["budget"] == budget) | (runs["rate"] == 0)].assign(budget=budget)
    tables = of_both_budgets | {"retraining": own}
    for module, n_rows in ((table_1, 3), (table_4, 4), (table_14, 2)):
        shown = module.format_table(module.tabulate(tables))
        assert len(shown) == n_rows
        assert ("as many" in str(shown.index.tolist() + shown.columns.tolist())) == (budget == "steps")


def test_work_that_is_not_known_is_a_dash():
    runs = runs_of({("random", 0.5): [0.5], (ORIGINAL, 0.5): [0.6], ("random", 0.0): [0.9]}).assign(work=math.nan)
    texts = table_1.format_table(table_1.tabulate({"retraining": runs, "experiment": EXPERIMENT}))
    assert set(texts.xs("Work", axis=1, level=1).iloc[:, 0]) == {"–"}


def test_table_2_chooses_k_without_the_truth_and_beside_it_with_the_truth():
    agreement = agreement_of({("knn-10", "20"): [0.3, 0.3], ("knn-50", "20"): [0.5, 0.4], ("gnn-10", "20"): [0.1, 0.2]})
    nested = pd.DataFrame(
        {"score": "du", "extrapolator": label, "fraction": "20", "sampler": sampler, "seed": seed, "estimate": estimate}
        | {"pearson": value, "spearman": value, "n": 9}
        for label, values in (("knn-10", (0.9, 0.1)), ("knn-50", (0.2, 0.2)))
        for seed, value in enumerate(values)
        for estimate, sampler in (("nested", "random"),)
    )
    others = nested.assign(pearson=9.0 * (nested["extrapolator"] == "knn-50"), spearman=0.0)
    others = pd.concat([others.assign(estimate="cross_validation"), others.assign(sampler="stratified")])
    tables = {"agreement": agreement, "estimates": pd.concat([nested, others]), "experiment": EXPERIMENT}
    table = table_2.tabulate(tables)
    shown = table_2.format_table(table)
    (column,) = [column for column in shown if column[1] == "chosen by"]
    assert column[0] == "k chosen without the truth"
    assert sorted(shown[column]) == ["nested estimate", "only one"]
    table = table.set_index(["family", "chosen_by"])
    assert table["extrapolator"].to_dict() == {
        ("knn", "nested estimate"): "knn-10",
        ("knn", "truth"): "knn-50",
        ("gnn", "only one"): "gnn-10",
        ("gnn", "truth"): "gnn-10",
    }
    assert table.loc[("knn", "truth"), ["k", "pearson_mean", "spearman_mean"]].tolist() == pytest.approx(
        [50, 0.45, 0.225]
    )
    # 0.3 - (0.1, 0.2): by 0.15 +- 0.635; nothing is proven.
    assert table.loc[("knn", "nested estimate"), "pearson_lead"] == pytest.approx(0.15)
    assert not table["pearson_best"].any()
    del tables["estimates"]
    blind = table_2.tabulate(tables).set_index(["family", "chosen_by"])
    assert blind.loc[("knn", "first configured"), "extrapolator"] == "knn-10"


def test_table_4_by_hand_and_says_which_attack():
    accuracies = {
        ("random", 0.25): [0.70, 0.72],
        (ORIGINAL, 0.25): [0.80, 0.83],
        (KNN, 0.25): [0.75, 0.77],
        (f"{KNN}-stratified", 0.25): [0.9, 0.9],
        ("top/ssp/pretrained/fraction-0", 0.25): [0.65, 0.66],
        ("random", 0.0): [0.95, 0.95],
    }
    runs = runs_of(accuracies)
    runs = runs.assign(
        robust_pgd_accuracy=runs["test_accuracy"] / 2, robust_images=1000, robust_attack="PGD-40, linf 8/255"
    )
    table = table_4.tabulate({"retraining": runs, "experiment": EXPERIMENT})
    assert table["arm"].tolist() == ["random", "random", KNN, ORIGINAL]
    assert table["rate_percent"].tolist() == [0, 25, 25, 25]
    knn = table.set_index("arm").loc[KNN]
    assert knn["robust_accuracy_percent_mean"] == pytest.approx(38)
    assert knn["robust_accuracy_percent_se"] == pytest.approx(0.5)
    assert knn["robust_accuracy_percent_difference"] == pytest.approx(2.5)
    assert knn["test_accuracy_percent_difference_low"] == pytest.approx(5)
    texts = table_4.format_table(table)
    assert texts.columns[0] == ("Robust accuracy (%)\nPGD-40, linf 8/255, 1,000 images", "mean")
    assert texts.loc[("25 %", "DU, KNN k=10, 20 % subset", "2")].iloc[0] == "**38.00 ± 0.50**"
    assert texts.loc[("25 %", "DU, full data: ground truth", "2")].iloc[1].startswith("**+5.25 [")
    broken = runs.assign(robust_autoattack_accuracy=runs["test_accuracy"] / 4, robust_attack="AutoAttack, linf 8/255")
    worst = table_4.tabulate({"retraining": broken, "experiment": EXPERIMENT}).set_index("arm").loc[KNN]
    assert (worst["attack"], worst["robust_accuracy_percent_mean"]) == ("AutoAttack, linf 8/255", pytest.approx(19))


def test_an_estimate_that_one_k_lacks_decides_nothing():
    tables = {**make_tables(scores=("du",), fractions=("20",)), "experiment": EXPERIMENT}
    estimates = tables["estimates"]
    tables["estimates"] = estimates[estimates["extrapolator"] != "knn-50"]
    table = table_2.tabulate(tables)
    blind = table[table["chosen_by"] != "truth"].set_index("family")["chosen_by"]
    assert blind["knn"] == "first configured" and blind["gnn"] == "nested estimate"


def test_a_family_that_leads_at_every_seed_is_bold():
    agreement = agreement_of({("knn-10", "20"): [0.3, 0.5, 0.1], ("gnn-10", "20"): [0.31, 0.512, 0.111]})
    table = table_2.tabulate({"agreement": agreement, "experiment": EXPERIMENT})
    assert table.groupby("family")["pearson_best"].all().to_dict() == {"gnn": True, "knn": False}
    texts = table_2.format_table(table)
    bold = [text for text in texts.to_numpy().ravel() if text.startswith("**")]
    assert len(bold) == 4  # both statistics, of both ways to choose k


@pytest.mark.parametrize("module, name, ks", [(table_10, "knn", [5, 20, 100]), (table_11, "gnn", [7])])
def test_tables_10_and_11_have_k_in_order_and_options_in_rows_of_their_own(module, name, ks):
    pearson = {(f"knn-{k}", fraction): [0.1, 0.2] for fraction in ("20", "2.5") for k in (100, 5, 20)}
    pearson |= {("gnn-7", "20"): [0.1, 0.3], ("gnn-7", "2.5"): [0.1, 0.3], ("knn-5-uniform", "20"): [0.3, 0.3]}
    stratified = agreement_of(pearson, sampler="stratified").assign(pearson=0.9)
    tables = {"agreement": pd.concat([stratified, agreement_of(pearson)]), "experiment": EXPERIMENT}
    table = module.tabulate(tables)
    plain = table[table["family"] == name]
    assert plain["k"].tolist() == [*ks, *ks]
    assert plain["fraction_percent"].tolist() == [20.0] * len(ks) + [2.5] * len(ks)
    assert set(table["family"]) == ({"knn", "knn-uniform"} if name == "knn" else {"gnn"})
    assert plain["pearson_mean"].max() < 0.21  # on the residual set of random subsets alone
    texts = module.format_table(table)
    assert [head for head in texts.columns if head[0] == "Pearson"] == [("Pearson", f"k = {k}") for k in ks]
    assert len(texts) == (3 if name == "knn" else 2)


def test_table_12_compares_where_there_is_more_than_one_sampler():
    pearson = {("knn-10", "20"): [0.30, 0.40]}
    parts = [agreement_of({**pearson, ("knn-10", "40"): [0.5, 0.5]})]
    parts += [agreement_of({("knn-10", "20"): [0.33, 0.43]}, sampler="stratified")]
    parts += [agreement_of({("knn-10", "20"): [0.1, 0.39]}, sampler="zcoreset")]
    table = table_12.tabulate({"agreement": pd.concat(parts), "experiment": EXPERIMENT})
    assert set(table["fraction_percent"]) == {20.0}
    own = table.set_index("sampler")
    assert own["pearson_difference"].to_dict() == pytest.approx(
        {"random": math.nan, "stratified": 0.03, "zcoreset": -0.105}, nan_ok=True
    )
    assert own.loc["stratified", "pearson_difference_low"] == pytest.approx(0.03)
    texts = table_12.format_table(table)
    assert texts["Pearson", "mean"].tolist() == ["0.3500 ± 0.0500", "**0.3800 ± 0.0500**", "0.2450 ± 0.1450"]


def test_table_13_says_that_less_is_closer():
    coverage = pd.DataFrame(
        {"fraction": "20", "sampler": sampler, "embedding": "pretrained", "seed": seed, "n_subset": 9, "n_residual": 36}
        | {"width": 4, "frechet_distance": value}
        for sampler, values in (("random", (2.0, 3.0)), ("stratified", (1.5, 2.5)), ("zcoreset", (2.5, 3.5)))
        for seed, value in enumerate(values)
    )
    table = table_13.tabulate({"coverage": coverage, "experiment": EXPERIMENT})
    assert table["frechet_distance_mean"].tolist() == [2.5, 2, 3]
    assert table["frechet_distance_difference"].tolist()[1:] == [-0.5, 0.5]
    bold = table_13.format_table(table)["Fréchet distance"].str.startswith("**").tolist()
    assert bold == [False, True, False]


def test_table_14_by_hand_with_the_anchors_and_without():
    extrapolated = {(f"knn-{k}", "20"): [value] for k, value in ((5, 0.2), (10, 0.4), (20, 0.3))}
    accuracies = {("random", 0.5): [0.6], (ORIGINAL, 0.5): [0.9]}
    accuracies |= {(f"top/du/knn-{k}/fraction-20", 0.5): [a] for k, a in ((5, 0.7), (10, 0.72), (20, 0.75))}
    tables = {"retraining": runs_of(accuracies), "agreement": agreement_of(extrapolated), "experiment": EXPERIMENT}
    table = table_14.tabulate(tables).set_index("anchors")
    assert table["n_points"].to_dict() == {True: 5, False: 3}
    correlations, a = ([0.2, 0.4, 0.3], [0.7, 0.72, 0.75])
    without = np.corrcoef(correlations, a)[0, 1]
    together = np.corrcoef([0, 1, *correlations], [0.6, 0.9, *a])[0, 1]
    halved = np.corrcoef([0, 1, 0.1, 0.2, 0.15], [0.6, 0.9, *a])[0, 1]  # Spearman is half of Pearson here
    assert table["pearson_of_pearson_and_accuracy"].tolist() == pytest.approx([together, without])
    assert table["pearson_of_spearman_and_accuracy"].tolist() == pytest.approx([halved, without])
    assert table["spearman_of_pearson_and_accuracy"].tolist() == pytest.approx([0.9, 0.5])


def test_table_14_of_fewer_than_three_points_is_undefined():
    accuracies = {("random", 0.5): [0.6], (ORIGINAL, 0.5): [0.9], (KNN, 0.5): [0.7]}
    tables = {"retraining": runs_of(accuracies), "agreement": agreement_of({("knn-10", "20"): [0.2]})}
    table = table_14.tabulate({**tables, "experiment": EXPERIMENT})
    assert table["n_points"].tolist() == [3, 1]
    assert table["pearson_of_pearson_and_accuracy"].notna().tolist() == [True, False]
    points = figure_4.tabulate({**tables, "experiment": EXPERIMENT}).set_index("kind")
    assert points["pearson_mean"].to_dict() == pytest.approx({"random": 0, "original": 1, "extrapolated": 0.2})


def test_table_15_keeps_each_metric_of_each_score():
    table = table_15.tabulate(make_tables())
    assert len(table) == 12
    assert len(table_15.format_table(table)) == 6
    assert "number of same-label neighbours" in table_15.format_table(table).index.get_level_values(0)


# --------------------------------------------------------------------- figures


def test_figures_2_and_6_share_the_subsets_and_all_have_what_was_scored_otherwise():
    tables = make_tables(fractions=("40", "20", "5"), seeds=1)
    tables["retraining"] = pd.concat(
        [tables["retraining"]] + [runs_of({(f"top/ssp/subset/fraction-{f}", 0.5): [0.5]}) for f in (20, 40)]
    )
    shown = {module: set(module.tabulate(tables)["arm"]) for module in (figure_2, figure_6)}
    common = shown[figure_2] & shown[figure_6]
    assert {"random", "rs2", ORIGINAL, "top/ssp/pretrained/fraction-0", "top/zcoreset/pretrained/fraction-0"} <= common
    assert all("fraction-40" not in arm for arm in shown[figure_6]) and "top/ssp/subset/fraction-20" in shown[figure_6]
    assert {arm.rpartition("fraction-")[2] for arm in shown[figure_2] - common} == {"40"}
    assert {arm.rpartition("fraction-")[2] for arm in shown[figure_6] - common} == {"20", "5", "5-stratified"}


def test_figure_2_tells_differences_from_random_paired_by_seed():
    runs = runs_of({("random", 0.0): [0.9, 0.9], ("random", 0.5): [0.6, 0.7], (KNN, 0.5): [0.62, 0.73]})
    table = figure_2.tabulate({"retraining": runs, "experiment": EXPERIMENT})
    knn = table[table["arm"] == KNN]
    assert knn["test_accuracy_percent"].tolist() == pytest.approx([62, 73])
    assert knn["difference_points"].tolist() == pytest.approx([2.5, 2.5])
    assert table.loc[table["arm"] == "random", "difference_points"].isna().all()


def test_figure_3_knows_the_unavoidable_work():
    other = "top/tdds/computed/fraction-100"
    times = {
        ("random", 0.0): {"retraining_s": 100.0, "total_s": 110.0},
        ("random", 0.8): {"retraining_s": 21.0, "total_s": 22.0},
        (ORIGINAL, 0.8): {"training_s": 200.0, "total_s": 225.0, "training_work": 2.0, "work": 2.2},
        (other, 0.8): {"training_s": 999.0},
        (KNN, 0.8): {"training_s": 45.0, "total_s": 70.0, "training_work": 0.4, "work": 0.65},
    }
    runs = runs_of({key: [0.5, 0.5] for key in times}, times)
    runs.loc[runs["arm"] == KNN, "test_accuracy"] = 0.6
    steps = runs[runs["arm"] == KNN].assign(budget="steps", total_s=150.0, retraining_work=1.0, work=1.45)
    table = figure_3.tabulate({"retraining": pd.concat([runs, steps]), "experiment": EXPERIMENT})
    assert list(dict.fromkeys(table["panel"])) == [
        "DU, 20 % subset, as many epochs as without pruning",
        "TDDS, full data, as many epochs as without pruning",
        "DU, 20 % subset, as many steps as without pruning",
    ]
    epochs = table[table["panel"] == table["panel"].iloc[0]].set_index(["arm", "rate_percent"])
    assert epochs["unavoidable_s"].to_dict() == pytest.approx(
        {("random", 0): 100, ("random", 80): 20, (ORIGINAL, 80): 220, (KNN, 80): 0.2 * 200 + 20}
    )
    assert epochs.loc[(KNN, 80), "relative_time"] == pytest.approx(70 / 110)
    assert epochs["on_front"].to_dict() == {
        ("random", 0): False, ("random", 80): True, (ORIGINAL, 80): False, (KNN, 80): True,
    }  # fmt: skip
    assert epochs["unavoidable_work"].to_dict() == pytest.approx(
        {("random", 0): 1, ("random", 80): 0.2, (ORIGINAL, 80): 2.2, (KNN, 80): 0.4 + 0.2}
    )
    assert epochs["on_front_in_work"].to_dict() == epochs["on_front"].to_dict()
    in_steps = table[table["budget"] == "steps"].set_index("arm")
    assert in_steps.loc[KNN, "unavoidable_s"] == pytest.approx(0.2 * 200 + 100)
    assert in_steps.loc[KNN, ["unavoidable_work", "work_mean"]].tolist() == pytest.approx([0.4 + 1, 1.45])
    assert in_steps.loc[KNN, "on_front_in_work"]


def test_figure_3_without_a_truth_knows_no_unavoidable_work_of_scores():
    runs = runs_of({("random", 0.0): [0.9], ("random", 0.5): [0.8], (KNN, 0.5): [0.8]})
    table = figure_3.tabulate({"retraining": runs, "experiment": EXPERIMENT}).set_index("arm")
    assert np.isnan(table.loc[KNN, "unavoidable_s"])


def test_figure_3_draws_work_where_it_is_known(tmp_path, monkeypatch):
    costs = []
    draw = figure_3._draw_panel
    monkeypatch.setattr(figure_3, "_draw_panel", lambda *given: (draw(*given), costs.append(given[-1])))
    runs = runs_of({("random", 0.0): [0.9], ("random", 0.5): [0.8], (KNN, 0.5): [0.8]})
    unknown = runs.assign(work=math.nan, training_work=math.nan)
    for given in (runs, unknown):
        figure_3.draw(figure_3.tabulate({"retraining": given, "experiment": EXPERIMENT}), tmp_path / "f.svg")
    assert costs == ["total_s", "work", "total_s"]


def test_figure_3_is_logarithmic_where_something_takes_very_long(tmp_path, monkeypatch):
    scales = []
    draw = figure_3._draw_panel
    monkeypatch.setattr(
        figure_3, "_draw_panel", lambda axes, *rest: (draw(axes, *rest), scales.append(axes.get_xscale()))
    )
    for slowest in (10.0, 100.0):
        times = {("random", 0.0): {"total_s": 10.0}, (KNN, 0.5): {"total_s": slowest}}
        runs = runs_of({key: [0.5] for key in times}, times)
        table = figure_3.tabulate({"retraining": runs, "experiment": EXPERIMENT})
        figure_3.draw(table, tmp_path / "f.svg")
    assert scales == ["linear", "linear", "log", "linear"]  # of each figure time, then work


def test_figure_5_ranks_by_hand_and_by_the_slow_version():
    scores = pd.DataFrame(
        {"sample_id": [7, 3, 5, 1], "label": list("abcd"), "score": [0.1, 0.2, 0.2, 0.9], "truth": [9.0, 1.0, 2.0, 7.0]}
    )
    # Places by score 0, 1.5, 1.5, 3 and by truth 3, 0, 1, 2 of 0..3.
    table = figure_5.tabulate({"scores": scores})
    assert table[["group", "place", "sample_id"]].values.tolist() == [
        ["least", 1, 5], ["least", 2, 1], ["most", 1, 7], ["most", 2, 3],
    ]  # fmt: skip
    assert table["rank_difference_percent"].tolist() == pytest.approx([50 / 3, 100 / 3, -100, 50])
    many = make_scores(300).assign(score=lambda rows: rows["score"].round(2))
    table = figure_5.tabulate({"scores": many}).set_index("sample_id")
    expected = dict(
        zip(many["sample_id"], oracles.rank_differences(many["score"].tolist(), many["truth"].tolist()), strict=True)
    )
    assert table["rank_difference_percent"].to_dict() == pytest.approx({i: expected[i] for i in table.index})
    least = sorted(many["sample_id"], key=lambda i: (round(abs(expected[i]), 9), i))
    assert table.index.tolist()[:12] == least[:12]
    most = sorted(many["sample_id"], key=lambda i: (-round(abs(expected[i]), 9), i))
    assert table.index.tolist()[12:] == most[:12]


def test_figure_5_shows_no_sample_twice_and_draws_what_there_is(tmp_path):
    for n in (1, 2, 5, 40):
        scores = make_scores(n)
        table = figure_5.tabulate({"scores": scores})
        assert len(table) == 2 * min(12, n // 2) == table["sample_id"].nunique()
        images = [np.full((8 + i, 6, 1), i, np.uint8) for i in range(len(table))]
        figure_5.draw(table, tmp_path / "f.png", scores, images)
        assert (tmp_path / "f.png").stat().st_size > 1000


# ----------------------------------------------------------------------- pages


def test_numbers_for_people():
    assert number(-1234.567, 2) == "−1,234.57" and number(-0.001, 2) == "0.00" and number(0.004, 2, "+") == "+0.00"
    assert plus_minus(0.63184, 0.0021, 4) == "0.6318 ± 0.0021"
    assert plus_minus(0.63184, math.nan, 4, bold=True) == "**0.6318**" and plus_minus(math.nan, math.nan, 4) == "–"
    assert (
        difference(0.56, 0.1, 1.02, 2) == "+0.56 [+0.10, +1.02]" and difference(-0.5, math.nan, math.nan, 2) == "−0.50"
    )
    assert seconds(12.34, 0.5) == "12.3 ± 0.5" and seconds(1509.4, 14.2) == "1,509 ± 14"


def test_a_page_shares_heads_escapes_text_and_needs_nothing_else(tmp_path):
    table = pivot(
        [
            (("a<b", "x"), ("DU", "mean"), "**1 & 2**"),
            (("a<b", "x"), ("DU", "against\nrandom"), "3"),
            (("a<b", "y"), ("DU", "mean"), "4"),
            (("c", "y"), ("TDDS", "mean"), "5"),
        ],
        ["Score", "Subset"],
    )
    write_html(table, "A & B", "Note <1>.", tmp_path / "t.html")
    page = (tmp_path / "t.html").read_text()
    assert '<th scope="row" rowspan="2">a&lt;b</th>' in page and '<th colspan="2">DU</th>' in page
    assert page.count('<th scope="row">y</th>') == 2  # of a and of c: not one
    assert "<td><b>1 &amp; 2</b></td>" in page and "against<br>random" in page
    assert "<h1>A &amp; B</h1>" in page and "Note &lt;1&gt;." in page
    assert page.count("<td>–</td>") == 5
    assert not re.search(r"https?:|src=|<script|<link", page)
    assert [file.name for file in tmp_path.iterdir()] == ["t.html"]
