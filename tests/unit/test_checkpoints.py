"""A training that is stopped at any moment goes on there and ends with the bytes of one that was not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from score_extrapolation.faults import Interrupted
from score_extrapolation.io.tables import SUBSET, write_table
from score_extrapolation.training import engine
from score_extrapolation.training.checkpoints import Checkpoints
from score_extrapolation.training.runs import train_here
from trainings import task_of, without_time

N, SHAPE = 90, (6, 6, 1)
RECORDS = ["probability", "divergence", "margin"]
PLAIN = {
    "model": {"name": "convnet", "width": 2},
    "epochs": 3,
    "batch_size": 16,
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "augmentation": {"crop_padding": 1, "flip": True},
    "snapshots": 2,
}
EVERYTHING = PLAIN | {
    "schedule": "one_cycle",
    "average_decay": 0.9,
    "clip_gradient": 1.0,
    "label_smoothing": 0.1,
    "precision": "bfloat16",
    "recording": "eval_pass",
    "previous_dtype": "float16",
}
SGD = PLAIN | {"optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}, "schedule": "cosine"}
ATTACK = {"name": "adversarial", "epsilon": 30.0, "step": 10.0, "steps": 2, "best_of": 20}
ADVERSARIAL = EVERYTHING | {"paradigm": ATTACK}
RECIPES = {"plain": PLAIN, "everything": EVERYTHING, "sgd": SGD, "adversarial": ADVERSARIAL}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The files that a training reads."""
    folder, rng = tmp_path_factory.mktemp("store"), np.random.default_rng(3)
    np.save(folder / "train.npy", rng.integers(0, 256, (2 * N, *SHAPE), dtype=np.uint8))
    (folder / "summary.json").write_text(json.dumps({"classes": ["a", "b", "c"], "mean": [0.5], "std": [0.25]}))
    np.save(folder / "validation.npy", rng.integers(0, 256, (30, *SHAPE), dtype=np.uint8))
    write_table(folder / "v.parquet", SUBSET, {}, sample_id=np.arange(30), label=rng.integers(0, 3, 30))
    write_table(folder / "s.parquet", SUBSET, {}, sample_id=np.arange(0, 2 * N, 2), label=rng.integers(0, 3, N))
    return folder


def task(store, folder, recipe, **changes):
    given = {
        "images_path": str(store / "train.npy"),
        "summary_path": str(store / "summary.json"),
        "samples_path": str(store / "s.parquet"),
        "recipe": recipe,
        "seed": 0,
        "records": RECORDS,
        "model_path": str(folder / "model.safetensors"),
        "dynamics_path": str(folder / "dynamics.parquet"),
        "snapshots_path": str(folder / "snapshots"),
        "checkpoint_path": str(folder / "checkpoint"),
        "checkpoints": {"minutes": None, "epochs": None},
        "validation_images_path": str(store / "validation.npy"),
        "validation_samples_path": str(store / "v.parquet"),
    }
    return task_of(**given | changes)


WRITTEN = ["dynamics.parquet", "model.safetensors", "snapshots"]


def outputs(folder, metrics):
    files = [folder / name for name in WRITTEN[:2]] + sorted((folder / "snapshots").iterdir())
    return {path.name: path.read_bytes() for path in files}, without_time(metrics)


@pytest.fixture(scope="module")
def undisturbed(store, tmp_path_factory):
    results = {}
    for name, recipe in RECIPES.items():
        folder = tmp_path_factory.mktemp(name)
        results[name] = outputs(folder, train_here(task(store, folder, recipe)))
        assert sorted(path.name for path in folder.iterdir()) == WRITTEN
        assert list(results[name][0])[2:] == ["epoch-1.safetensors", "epoch-2.safetensors"]
    return results


def stop_after(monkeypatch, n_checks, number=signal.SIGTERM):
    """Send this process a real signal at the n-th moment at which a training may stop."""
    countdown = iter(range(n_checks, -1, -1))
    told = Checkpoints.told_to_stop

    def counted(checkpoints):
        if next(countdown, None) == 0:
            os.kill(os.getpid(), number)
        return told(checkpoints)

    monkeypatch.setattr(Checkpoints, "told_to_stop", counted)


@pytest.mark.parametrize(
    "name, n_checks, number",
    [("plain", n, signal.SIGTERM) for n in (0, 3, 5, 6, 11, 20)]
    + [("plain", 5, signal.SIGUSR1), ("plain", 5, signal.SIGINT)]
    + [("sgd", 8, signal.SIGTERM), ("adversarial", 9, signal.SIGTERM)],
)
def test_a_stopped_training_goes_on_to_the_same_bytes(
    store, undisturbed, tmp_path, monkeypatch, name, n_checks, number
):
    with monkeypatch.context() as patched:
        stop_after(patched, n_checks, number)
        with pytest.raises(Interrupted, match=r"training was told to stop in epoch \d; the next start goes on there"):
            train_here(task(store, tmp_path, RECIPES[name]))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]
    metrics = train_here(task(store, tmp_path, RECIPES[name]))
    assert outputs(tmp_path, metrics) == undisturbed[name]
    assert metrics["seconds_before"] > 0
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.slow
def test_stopped_at_every_second_moment_it_still_ends_the_same(store, undisturbed, tmp_path, monkeypatch):
    n_starts = 0
    monkeypatch.setattr("score_extrapolation.training.prediction.BATCH", 40)  # three batches an eval pass
    while True:
        n_starts += 1
        try:
            with monkeypatch.context() as patched:
                stop_after(patched, 1)
                metrics = train_here(task(store, tmp_path, EVERYTHING))
            break
        except Interrupted:
            assert n_starts < 40
    assert n_starts > 10
    assert outputs(tmp_path, metrics) == undisturbed["everything"]


def test_the_time_before_stops_adds_up(tmp_path):
    """A sum of what a training cost has what it did before it was stopped, however often that was."""
    spent = []
    for _ in range(3):
        checkpoints = Checkpoints(tmp_path, "settings")
        checkpoints.load()
        spent.append(checkpoints.seconds_before)
        checkpoints.began -= 10  # as if 10 s had passed
        checkpoints.save({}, 1)
    np.testing.assert_allclose(spent, [0, 10, 20], atol=1)
    other = Checkpoints(tmp_path, "other settings")
    assert other.load() is None
    assert other.seconds_before == 0


def test_after_the_training_signals_do_again_what_they_did(store, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)]
    train_here(task(store, tmp_path, PLAIN))
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR1)] == before


KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from score_extrapolation.training.runs import train_here
from score_extrapolation.training.task import TrainingTask
train_here(TrainingTask.from_json(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(store, tmp_path, number):
    scripts = Path(__file__).parents[2] / "workflow_scripts"
    recipe = EVERYTHING | {"epochs": 60, "batch_size": 8, "recording": "train_forward"}
    frequent = {"checkpoints": {"minutes": 0.001, "epochs": 1}}
    (tmp_path / "whole").mkdir()
    expected = outputs(tmp_path / "whole", train_here(task(store, tmp_path / "whole", recipe)))
    (tmp_path / "killed").mkdir()
    arguments = task(store, tmp_path / "killed", recipe, **frequent)
    rng, n_killed, progress = random.Random(0), 0, []
    while n_killed < 2:
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(scripts), arguments.to_json()])
        wait_for_new_state(tmp_path / "killed" / "checkpoint" / "state.pt", process)
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(number)
        assert process.wait() != 0, "the training ended before it was killed"
        n_killed += 1
        progress.append(torch.load(tmp_path / "killed" / "checkpoint" / "state.pt", weights_only=True)["epoch"])
    assert progress[-1] > progress[0] or progress[0] > 0
    metrics = train_here(arguments)
    assert outputs(tmp_path / "killed", metrics) == expected
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == WRITTEN


def wait_for_new_state(path, process):
    before = path.stat().st_mtime_ns if path.exists() else 0
    for _ in range(3000):
        if path.exists() and path.stat().st_mtime_ns != before:
            return
        assert process.poll() is None, "the training ended before it saved anything"
        time.sleep(0.01)
    raise AssertionError("no checkpoint was saved")


# What a checkpoint is taken up for


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"recipe": PLAIN | {"batch_size": 17}},
        {"recipe": PLAIN | {"epochs": 4}},
        {"code": "another"},
        {"records": ["probability"]},
        {"samples_path": "other"},
        {"images_path": "other"},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_a_checkpoint_of_other_settings_is_not_taken_up(store, tmp_path, monkeypatch, changes):
    other = tmp_path / "other"
    other.mkdir()
    if "samples_path" in changes:
        write_table(other / "s.parquet", SUBSET, {}, sample_id=np.arange(N), label=np.arange(N) % 3)
        changes = {"samples_path": str(other / "s.parquet")}
    if "images_path" in changes:
        np.save(other / "train.npy", np.load(store / "train.npy") // 2)
        changes = {"images_path": str(other / "train.npy")}
    with monkeypatch.context() as patched:
        stop_after(patched, 7)
        with pytest.raises(Interrupted):
            train_here(task(store, tmp_path, PLAIN))
    fresh = other / "fresh"
    fresh.mkdir()
    expected = outputs(fresh, train_here(task(store, fresh, **{"recipe": PLAIN} | changes)))
    assert outputs(tmp_path, train_here(task(store, tmp_path, **{"recipe": PLAIN} | changes))) == expected


def test_when_to_save_is_not_a_setting_of_the_result(store, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 7)
        with pytest.raises(Interrupted):
            train_here(task(store, tmp_path, PLAIN))
    taken_up = []
    monkeypatch.setattr(engine.Trainer, "load_state_dict", spy(engine.Trainer.load_state_dict, taken_up))
    metrics = train_here(task(store, tmp_path, PLAIN, checkpoints={"minutes": 5, "epochs": 2}))
    assert taken_up == [1]
    assert outputs(tmp_path, metrics) == undisturbed["plain"]


def spy(method, calls):
    def called(trainer, state):
        calls.append(state["epoch"])
        return method(trainer, state)

    return called


# When it saves


@pytest.mark.parametrize(
    "every, saved", [({"epochs": 2}, [2, 4]), ({"epochs": 1}, [1, 2, 3, 4, 5]), ({"minutes": 1e9}, []), ({}, [])]
)
def test_it_saves_every_so_many_epochs(store, tmp_path, monkeypatch, every, saved):
    epochs = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, state, epoch: epochs.append(epoch) or done(self, epoch))

    def done(self, epoch):
        self.last_epoch = epoch

    train_here(task(store, tmp_path, PLAIN | {"epochs": 5}, checkpoints={"minutes": None, "epochs": None} | every))
    assert epochs == saved


def test_it_saves_every_so_many_minutes(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, "settings", minutes=2)
    now = time.monotonic()
    for later, due in ((0, False), (119, False), (121, True)):
        monkeypatch.setattr(time, "monotonic", lambda later=later: now + later)
        assert checkpoints.due(0) == due
    checkpoints.save({}, 0)
    assert not checkpoints.due(0)


def test_only_the_process_that_writes_writes(tmp_path):
    checkpoints = Checkpoints(tmp_path / "c", "settings", writes=False)
    checkpoints.save({"a": 1}, 0)
    assert checkpoints.load() is None
    Checkpoints(tmp_path / "c", "settings").save({"a": 1}, 0)
    assert checkpoints.load() == {"a": 1}
    checkpoints.remove()
    assert (tmp_path / "c").exists()
