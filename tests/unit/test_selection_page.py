"""docs/selection.md: what it says of finished experiments is what their tables say, and nothing else of it changes."""

import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pruning_workflow.evaluation.retraining import compare_arms, summarize_retraining
from score_extrapolation.evaluation import write_csv
from score_extrapolation.io.atomic import write_json

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs/selection.md").read_text()
SCRIPT = runpy.run_path(str(CHECKOUT / "docs/selection_table.py"))
NAMES = sorted(path.stem for path in (CHECKOUT / "config").glob("selection_*.yaml"))
CHANCE, TRUE, AUTO = "chance/du/knn-20/fraction-20", "chance/du/computed/fraction-100", "auto/du/knn-20/fraction-20"
# Of each arm, rate and budget the accuracies of three seeds; random is 0.80 .81 .82 wherever it prunes.
RANDOM = np.array([0.80, 0.81, 0.82])
GAINS = {
    (CHANCE, 0.5, "epochs"): (0.010, 0.011, 0.012),
    (TRUE, 0.5, "epochs"): (0.019, 0.020, 0.021),
    (CHANCE, 0.9, "epochs"): (-0.010, 0.000, -0.005),
    (TRUE, 0.9, "epochs"): (0.000, 0.010, -0.007),
    (CHANCE, 0.5, "steps"): (-0.020, -0.021, -0.022),
    (TRUE, 0.5, "steps"): (0.010, -0.010, 0.000),
    (CHANCE, 0.9, "steps"): (-0.020, -0.021, -0.022),
    (TRUE, 0.9, "steps"): (-0.010, -0.010, -0.030),
    **{(AUTO, rate, budget): (0.015, 0.015, 0.015) for rate in (0.5, 0.9) for budget in ("epochs", "steps")},
    ("rs2", 0.5, "epochs"): (0.001, 0.001, 0.001),
    ("rs2", 0.9, "epochs"): (0.0, 0.0, 0.0),
    ("rs2", 0.5, "steps"): (0.0, 0.0, 0.0),
    ("rs2", 0.9, "steps"): (0.0, 0.0, 0.0),
}


def write_results(folder, n_seeds=3, truth=True, cost=0.0):
    runs = {
        **{key: RANDOM + gains for key, gains in GAINS.items() if truth or key[0] != TRUE},
        **{("random", rate, budget): RANDOM for rate in (0.5, 0.9) for budget in ("epochs", "steps")},
        ("random", 0.0, "epochs"): RANDOM + 0.1,
    }
    rows = [
        {"arm": arm, "rate": rate, "budget": budget, "seed": seed, "test_accuracy": accuracies[seed]}
        | {"training_s": 1.0, "retraining_s": 1.0, "total_s": 2.0, "work": 0.5 + cost * (arm[:6] != "random")}
        for (arm, rate, budget), accuracies in runs.items()
        for seed in range(n_seeds)
    ]
    table = pd.DataFrame(rows)
    write_csv(folder / "evaluation/retraining_summary.csv", summarize_retraining(table))
    write_csv(folder / "evaluation/retraining_comparison.csv", compare_arms(table))
    write_json(folder / "samples/summary.json", {"n": {"train": 60_000, "test": 10_000}, "wrong_labels": 6_000})
    return folder


@pytest.fixture
def results(tmp_path):
    return write_results(tmp_path / "selection_fashion")


def block(page, mark):
    (found,) = re.findall(f"<!-- {mark} -->\n(.*?)<!-- end of {mark} -->", page, re.DOTALL)
    return found


def cells(text):
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]


def test_every_experiment_has_its_places_and_they_alone_change(results):
    marks = [f"{kind} of {name}" for name in NAMES for kind in ("goals", "tables")]
    assert sorted(re.findall(r"<!-- ((?:goals|tables) of \w+) -->", PAGE)) == sorted(marks)
    page = SCRIPT["written"](PAGE, [results])
    own = [mark for mark in marks if mark.endswith("of selection_fashion")]
    for mark in marks:
        assert (block(page, mark) == block(PAGE, mark)) == (mark not in own)

    def rest(text):
        return re.sub(r"(<!-- (\w+ of selection_fashion) -->).*?(<!-- end of \2 -->)", r"\1\3", text, flags=re.DOTALL)

    assert rest(page) == rest(PAGE) != PAGE
    assert SCRIPT["written"](page, [results]) == page


def test_accuracies_and_differences_are_those_of_the_tables(results):
    text = block(SCRIPT["written"](PAGE, [results]), "tables of selection_fashion")
    assert text.startswith("60,000 training images, 6,000 of them with a wrong label, 10,000 test images, 3 seeds.\n")
    assert text.index("As many epochs of what is kept:") < text.index("As many steps as on everything:")
    rows = cells(text)
    epochs = rows[: len(rows) // 2]
    assert epochs[0] == ["", "50 % pruned", "90 % pruned"]
    # The standard deviation of .80 .81 .82 is .01, and the standard error 1 / sqrt(3) points.
    assert epochs[2] == ["`random`, accuracy (%)", "81.00 ± 0.58", "81.00 ± 0.58"]
    assert epochs[3] == ["nothing pruned, accuracy (%)", "91.00 ± 0.58", "91.00 ± 0.58"]
    by_name = {name: found for name, *found in epochs[4:]}
    ends = ["`auto` by DU, KNN k=20, 20 % subset", "`rs2`"]
    assert list(by_name) == ["`chance` by DU, KNN k=20, 20 % subset", "`chance` by DU, full data", *ends]
    # Of 1.0 1.1 1.2 points: the mean 1.1, the half width 4.303 * 0.1 / sqrt(3) = 0.25.
    assert by_name["`chance` by DU, KNN k=20, 20 % subset"] == [
        "**+1.10 [+0.85, +1.35]**",
        "−0.50 [−1.74, +0.74]",
    ]
    assert by_name["`rs2`"][1] == "+0.00 [+0.00, +0.00]"


def test_goals_name_the_rates(results):
    rows = cells(block(SCRIPT["written"](PAGE, [results]), "goals of selection_fashion"))
    assert rows[2:] == [
        ["`chance` by DU, KNN k=20, 20 % subset", "epochs", "90 % (−0.50)", "50 %", "50 %: 55 %"],
        ["`chance` by DU, KNN k=20, 20 % subset", "steps", "**50 % (−2.10)**", "nowhere", "the truth gains nowhere"],
        # Of `auto` there is no truth: that of `chance` stands in for it.
        ["`auto` by DU, KNN k=20, 20 % subset", "epochs", "nowhere", "50 %, 90 %", "50 %: 75 %"],
        ["`auto` by DU, KNN k=20, 20 % subset", "steps", "nowhere", "50 %, 90 %", "the truth gains nowhere"],
    ]


def test_lengths_of_the_training_for_scores_are_rows_of_one_table(tmp_path):
    folders = [
        write_results(tmp_path / f"epochs_digits_{epochs}", truth=False, cost=epochs / 500) for epochs in (15, 5)
    ]
    page = SCRIPT["written"](PAGE, folders)
    head, _, *rows = cells(block(page, "table of epochs_digits"))
    assert head[:4] == ["Epochs", "Selection", "Cost", "50 % pruned, epochs"] and len(head) == 7
    arms = ["`chance` by DU, KNN k=20, 20 % subset", "`auto` by DU, KNN k=20, 20 % subset", "`rs2`"]
    expected = [[epochs, arm, cost] for epochs, cost in (("5", "1.0 %"), ("15", "3.0 %")) for arm in arms]
    assert [row[:3] for row in rows] == expected
    assert rows[0][3:5] == ["**+1.10 [+0.85, +1.35]**", "−0.50 [−1.74, +0.74]"]
    assert block(page, "table of epochs_fashion") == block(PAGE, "table of epochs_fashion")
    with pytest.raises(SystemExit, match=r"has epochs_digits of \[15\] epochs too; give the folders of all"):
        SCRIPT["written"](page, folders[1:])


def test_without_the_truth_or_with_one_seed_what_is_not_known_is_not_said(tmp_path):
    page = SCRIPT["written"](PAGE, [write_results(tmp_path / "selection_digits", n_seeds=1, truth=False)])
    goals = cells(block(page, "goals of selection_digits"))[2:4]
    assert [row[2:] for row in goals] == [
        ["90 % (−1.00)", "nowhere", "–"],
        ["50 % (−2.00), 90 % (−2.00)", "nowhere", "–"],
    ]
    tables = block(page, "tables of selection_digits")
    assert "1 seed." in tables and "[" not in tables and "**" not in tables


def test_results_that_the_page_has_no_place_for_are_told(tmp_path):
    folder = write_results(tmp_path / "digits")
    with pytest.raises(SystemExit, match=r"docs/selection\.md has no place for the goals of digits; add "):
        SCRIPT["written"](PAGE, [folder])
