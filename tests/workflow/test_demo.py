"""`make demo`: the default experiment, at one rate and with shorter trainings, to the report, and what it finds."""

import csv
import subprocess
import sys

from .conftest import CHECKOUT, copy_checkout, environment

SHORTER = {
    "\n  epochs: 30 ": "\n  epochs: 15 ",
    "\n  rates: [0.5, 0.8] ": "\n  rates: [0.5] ",
    "\n  budgets: [epochs] ": "\n  epochs: 5\n  budgets: [epochs] ",
}


def test_make_demo_runs_every_stage_and_writes_the_report(tmp_path):
    demo = copy_checkout(tmp_path / "demo")
    (demo.folder / "small.yaml").unlink()
    (demo.folder / "Makefile").write_bytes((CHECKOUT / "Makefile").read_bytes())
    config = (demo.folder / "config.yaml").read_text()
    for line, shorter in SHORTER.items():
        assert config.count(line) == 1
        config = config.replace(line, shorter)
    (demo.folder / "config.yaml").write_text(config)
    # The environment that these tests run in, in the place of a second installation.
    (demo.folder / ".venv").symlink_to(sys.prefix)
    made = ["-o", ".venv/installed"]
    subprocess.run(["make", *made, "demo"], cwd=demo.folder, check=True, env=environment(), capture_output=True)
    html = (demo.results / "report/report.html").read_text()
    assert len(html) > 500_000
    with open(demo.results / "evaluation/agreement.csv") as file:
        residual = [float(row["spearman"]) for row in csv.DictReader(file) if row["part"] == "residual"]
    assert residual and min(residual) > 0.1
    with open(demo.results / "evaluation/retraining.csv") as file:
        rows = list(csv.DictReader(file))
    assert all(float(row["test_accuracy"]) > 0.4 for row in rows)  # the highest expected scores: 0.57
    assert min(float(row["test_accuracy"]) for row in rows if float(row["rate"]) == 0) > 0.9
