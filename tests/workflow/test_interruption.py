"""A run that is killed, watched by another, or given other cores ends with the same bytes."""

import os
import random
import shlex
import signal
import subprocess
import time

import psutil
import pytest
import torch

from .conftest import environment


def start(workflow, *arguments):
    """Start Snakemake in the background, in a process group of its own."""
    return subprocess.Popen(
        workflow.command(*arguments),
        cwd=workflow.folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for_training(workflow, run, state=None) -> list[psutil.Process]:
    """Wait until a training has begun, or saved a new state; return its processes, the shell that started it first."""
    before = state.stat().st_mtime_ns if state and state.exists() else None
    for _ in range(6000):  # on a busy machine
        trainings = [p for p in psutil.Process(run.pid).children(recursive=True) if is_training(p)]
        logs = workflow.results.glob("logs/training/base/fraction-20/*.log")
        if state:
            begun = state.exists() and state.stat().st_mtime_ns != before
        else:
            begun = any("epoch 1/" in log.read_text() for log in logs)
        if trainings and begun:
            return trainings
        assert run.poll() is None, "the run ended before a training began"
        time.sleep(0.05)
    raise AssertionError("no training began")


def is_training(process: psutil.Process) -> bool:
    try:
        return any("train_subset" in part for part in process.cmdline())
    except psutil.NoSuchProcess:
        return False


# Long enough to be hit: 120 epochs of 270 digits.
LONG = {"training": {"epochs": 120, "batch_size": 64}}
SCORES = "results/digits/scores/fraction-20/seed-0/du.parquet"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    from .conftest import copy_checkout

    workflow = copy_checkout(tmp_path_factory.mktemp("undisturbed"))
    workflow.write_config(**LONG)
    workflow.run("--cores", "2", SCORES)
    return workflow.results_bytes()


@pytest.mark.parametrize("victim", ["snakemake", "training", "everything"])
def test_kill_9_during_training_then_the_same_command_gives_the_same_bytes(fresh, undisturbed, victim):
    fresh.write_config(**LONG)
    run = start(fresh, "--cores", "2", SCORES)
    trainings = wait_for_training(fresh, run)
    if victim == "everything":
        os.killpg(run.pid, signal.SIGKILL)
    elif victim == "snakemake":
        os.kill(run.pid, signal.SIGKILL)
    else:
        os.kill(trainings[-1].pid, signal.SIGKILL)
    assert run.wait(120) != 0
    assert not list(fresh.results.glob("training/base/fraction-20/seed-0/*.parquet"))
    fresh.run("--cores", "2", SCORES)
    assert fresh.results_bytes() == undisturbed
    # An orphan of the killed run ends by itself within a second and leaves nothing.
    psutil.wait_procs(trainings, timeout=10)
    assert not any(process.is_running() and is_training(process) for process in trainings)
    assert not list(fresh.results.rglob("*.partial"))


N_KILLS = int(os.environ.get("N_KILLS", "4"))


def test_killed_again_and_again_a_training_gets_further_and_ends_with_the_same_bytes(fresh, undisturbed):
    fresh.write_config(**LONG, checkpoints={"minutes": 0.002, "epochs": None})
    state = fresh.results / "checkpoints/training/base/fraction-20/seed-0/state.pt"
    rng, reached = random.Random(0), []
    for kill in range(N_KILLS):
        run = start(fresh, "--cores", "2", "results/digits/training/base/fraction-20/seed-0/dynamics.parquet")
        training = wait_for_training(fresh, run, state)[-1]
        time.sleep(rng.uniform(0, 0.3))
        training.send_signal((signal.SIGTERM, signal.SIGKILL)[kill % 2])
        assert run.wait(120) != 0
        reached.append(torch.load(state, weights_only=True)["epoch"])
    assert reached == sorted(reached)
    assert 0 < reached[-1] < LONG["training"]["epochs"], "the training ended before it was killed often enough"
    fresh.run("--cores", "2", SCORES)
    assert fresh.results_bytes() == undisturbed
    assert not list(fresh.results.rglob("state.pt"))


def test_one_core_and_two_cores_give_the_same_results(finished, fresh):
    fresh.run("--cores", "1", "kept")
    assert fresh.results_bytes().items() <= finished.results_bytes().items()


def test_a_second_run_on_the_same_results_refuses_in_one_sentence(fresh):
    fresh.write_config(**LONG)
    run = start(fresh, "--cores", "1", "kept")
    wait_for_training(fresh, run)
    try:
        printed = fresh.run("--cores", "1", "kept", fails=True)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
    assert "results: another run is writing to results/digits; wait for its end or stop it" in printed
    assert "Traceback" not in printed


def test_a_run_goes_on_when_the_terminal_that_started_it_is_closed(fresh):
    command = shlex.join(fresh.command("--cores", "2", "kept"))
    starter = ["bash", "-c", f"{command} > run.log 2>&1 & echo $! > run.pid; sleep 20"]
    subprocess.run(starter, cwd=fresh.folder, env=environment(), start_new_session=True, check=True)
    run = psutil.Process(int((fresh.folder / "run.pid").read_text()))
    run.wait(600)
    printed = (fresh.folder / "run.log").read_text()
    assert "Done:\n  results/digits/selection/chance/du/knn-5" in printed, printed
