"""`config/digits_adversarial.yaml`, with one seed: adversarial retraining, attacks, their Table 4 and the report."""

import csv
import json
import re

import pytest
import yaml

from .conftest import run_shipped

N_ATTACKED = 30  # images


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    changes = ("seeds=[0]", "training={epochs: 12}", f"evaluation={{robustness: {{images: {N_ATTACKED}}}}}")
    return run_shipped(tmp_path_factory.mktemp("adversarial"), "digits_adversarial", *changes)


def rows_of(digits, name):
    with open(digits.results / f"{name}.csv") as file:
        return list(csv.DictReader(file))


def test_every_model_is_attacked_and_resists_no_more_than_it_knows(digits):
    runs = rows_of(digits, "evaluation/retraining")
    assert len(runs) == 4  # the extrapolated, the full data's, random, and nothing pruned
    for run in runs:
        shares = [float(run[f"robust_{name}accuracy"]) for name in ("clean_", "pgd_", "autoattack_")]
        assert shares == sorted(shares, reverse=True)
        assert shares[-1] > 0.2  # where an ordinary training resists next to nothing
        assert abs(shares[0] - float(run["test_accuracy"])) < 0.2
        assert (run["robust_images"], run["robust_attack"]) == (f"{N_ATTACKED}", "AutoAttack, linf 32/255")
    summary = rows_of(digits, "evaluation/retraining_summary")
    robust = {row["robust_autoattack_accuracy"] for row in runs}
    assert {row["robust_autoattack_accuracy_mean"] for row in summary} == robust
    assert "robust_autoattack_accuracy_low" in rows_of(digits, "evaluation/retraining_comparison")[0]
    report = json.loads(next(digits.results.glob("retraining/**/robustness.json")).read_text())
    assert report["autoattack"] == ["apgd-ce", "apgd-t", "fab-t", "square"]


def test_the_best_epoch_is_chosen_and_told(digits):
    for path in digits.results.glob("retraining/**/metrics.json"):
        metrics = json.loads(path.read_text())
        assert 1 <= metrics["best_epoch"] <= len(metrics["epochs"]) == 10
        assert "attack" not in path.read_text()  # no times, which would be others each time
    logs = list(digits.results.glob("logs/retraining/**/*.log"))
    assert logs
    for path in logs:
        log = path.read_text()
        assert log.count("attacks took") == 10
        assert re.search(r"epoch \d+ is chosen: 0\.\d+ of the held-out images resist", log)


def test_table_4_is_there_and_the_report_shows_it(digits):
    table = rows_of(digits, "study/table_4")
    assert [row["arm"] for row in table if float(row["rate_percent"])] == [
        "random",
        "top/du/knn-10/fraction-20",
        "top/du/computed/fraction-100",
    ]
    assert {(row["attack"], row["n_seeds"]) for row in table} == {("AutoAttack, linf 32/255", "1")}
    html = (digits.results / "study/table_4.html").read_text()
    assert f"AutoAttack, linf 32/255, {N_ATTACKED} images" in html
    assert "Table 4" in (digits.results / "report/report.html").read_text()


def test_another_attack_measures_anew_and_trains_nothing(digits):
    changed = yaml.safe_load((digits.folder / "config/digits_adversarial.yaml").read_text())
    changed["seeds"] = [0]
    changed["training"]["epochs"] = 12
    changed["evaluation"]["robustness"] |= {"images": N_ATTACKED, "attacks": ["pgd"], "pgd_steps": 20}
    (digits.folder / "small.yaml").write_text(yaml.safe_dump(changed))
    planned = digits.planned("table_4")
    assert planned == {"measure_robustness": 4, "tabulate_retraining": 1, "table_4": 1}
