"""What an experiment will cost is forecast for the jobs that it has, and what is done already is not left."""

import csv
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from .conftest import CHECKOUT, copy_checkout, environment
from .test_readme import command_with, photos, run  # noqa: F401 - a fixture


def read_plan(workflow, experiment="digits") -> dict[tuple[str, str], dict]:
    with open(workflow.folder / f"results/{experiment}/plan/plan.csv") as file:
        return {(row["target"], row["stage"]): row for row in csv.DictReader(file)}


def planned(workflow, target: str) -> int:
    """Return how many jobs a dry run lists, without the target itself."""
    return sum(workflow.planned(target, "--forceall").values()) - 1


@pytest.fixture(scope="module")
def killed_and_planned(tmp_path_factory):
    """A plan that was killed in its first run and taken up by the same command; what that printed, and its log."""
    workflow = copy_checkout(tmp_path_factory.mktemp("plan"))
    workflow.write_config(evaluation={"full_data_scores": False, "estimates": []})
    calibration = workflow.folder / "workflow_scripts/pruning_workflow/plan/calibration.py"
    text = calibration.read_text()
    assert text.count("LONGEST_S = 90 ") == 1
    calibration.write_text(text.replace("LONGEST_S = 90 ", "LONGEST_S = 0 "))  # two runs, the fewest
    folder = workflow.results / "plan"
    command = workflow.command("--cores", "2", "plan")
    process = subprocess.Popen(
        command, cwd=workflow.folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 300
    while not list(folder.glob("of-*/lineage/subset/*/seed-0.json")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    workflow.printed = workflow.run("--cores", "2", "plan")
    return workflow


def test_the_jobs_are_those_of_a_dry_run(killed_and_planned):
    plan = read_plan(killed_and_planned)
    for target in ("kept", "report"):
        assert int(plan[target, "all"]["jobs"]) == planned(killed_and_planned, target)
        assert int(plan[target, "all"]["jobs_left"]) == planned(killed_and_planned, target)
        stages = [row for (of, stage), row in plan.items() if of == target and stage != "all"]
        for column in ("jobs", "seconds", "cpu_hours", "disk_bytes"):
            total = float(plan[target, "all"][column])
            assert total == pytest.approx(sum(float(row[column]) for row in stages)) and total > 0
        assert 0 < float(plan[target, "all"]["clock_s"]) < 600
    assert float(plan["kept", "samples"]["disk_bytes"]) == pytest.approx(1797 * 64, rel=0.2)


def test_a_killed_plan_goes_on(killed_and_planned):
    log = (killed_and_planned.results / "logs/plan/calibration.log").read_text()
    n_runs = log.count("Building DAG of jobs")
    assert n_runs >= 2  # digits are few, but more than the fewest
    assert log.count("rule prepare_samples:") == n_runs - 1  # the first run had its images already


def test_what_it_printed(killed_and_planned):
    folder = killed_and_planned.results / "plan"
    text = (folder / "plan.txt").read_text()
    assert text in killed_and_planned.printed
    assert "the lists (kept)" in text and "At a rate of 0.9" in text and "snakemake report: about" in text
    page = (folder / "plan.html").read_text()
    assert "<table>" in page and "At a rate of 0.5" in page and "http" not in page
    assert not list(folder.glob("of-*"))  # what was run in small is not kept


def test_what_is_done_is_not_left(killed_and_planned):
    calibrated = os.stat(killed_and_planned.results / "plan/calibration.json").st_mtime_ns
    killed_and_planned.run("--cores", "2", "kept")
    killed_and_planned.run("--cores", "2", "plan")
    plan = read_plan(killed_and_planned)
    assert plan["kept", "all"]["jobs_left"] == "0" and float(plan["kept", "all"]["clock_left_s"]) == 0
    n_left = sum(killed_and_planned.planned("report").values()) - 1
    assert int(plan["report", "all"]["jobs_left"]) == n_left < int(plan["report", "all"]["jobs"])
    assert os.stat(killed_and_planned.results / "plan/calibration.json").st_mtime_ns == calibrated


def test_the_readmes_comparison_with_the_truth(killed_and_planned):
    command = shlex.split(command_with("benchmarks/plan.py"))
    settings = command.index("--")
    snakemake_own = command[settings + 1 :]
    assert snakemake_own[0] == "--configfile" and snakemake_own[2] == "--config"
    own = ["--results", "results/digits", "--target", "kept", "--", "--configfile", "small.yaml", "--cores", "2"]
    program = [sys.executable, str(CHECKOUT / command[1]), *own]
    done = subprocess.run(program, cwd=killed_and_planned.folder, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("forecast, s") :]  # after what the plan itself printed
    stages = [line.split()[0] for line in table.splitlines()[1:-2]]
    assert stages == [stage for target, stage in read_plan(killed_and_planned) if target == "kept"][:-1]


def test_faults_are_told_before_anything_runs(fresh):
    fresh.write_config(selection={"rates": [0.5, 90]})
    assert "selection.rates[1] = 90 is not in [0, 1)" in fresh.run("plan", fails=True)
    assert not fresh.results.exists()


def test_what_fails_in_small_is_told(photos):  # noqa: F811
    """An image that cannot be decoded ends the first run in small, as it would end the experiment."""
    (photos.folder / "photos/cats/0.png").write_bytes(b"no image")
    printed = subprocess.run(
        [sys.executable, "-m", "snakemake", "plan", "--configfile", "my.yaml", "--cores", "2"],
        cwd=photos.folder,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert printed.returncode != 0
    told = printed.stdout + printed.stderr
    assert "a job of the experiment in small failed" in told and "Traceback" not in told
    assert "cannot be decoded" in (photos.folder / "results/my_images/logs/plan/calibration.log").read_text()


def test_the_readmes_plan(photos):  # noqa: F811
    smaller = ["seeds=[0]", "extrapolation=[{name: knn, k: 5}]", "selection={rates: [0.3], extrapolators: [knn-5]}"]
    smaller.append("evaluation={estimates: []}")
    printed = run(command_with("plan", "my.yaml"), photos.folder, "--config", *smaller)
    assert "snakemake kept: about" in printed and "At a rate of 0.3" in printed
