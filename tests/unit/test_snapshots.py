"""Snapshots: after which epochs, that each is the network of a training that ends there, and the files."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from score_extrapolation.io.tables import SUBSET, write_table
from score_extrapolation.models import build_model, load_model
from score_extrapolation.training.recipe import Recipe, snapshot_epochs
from score_extrapolation.training.runs import train_here
from score_extrapolation.training.snapshots import Snapshots, snapshot_files
from trainings import task_of

N, SHAPE = 30, (6, 6, 1)
PLAIN = {
    "model": {"name": "convnet", "width": 2},
    "epochs": 5,
    "batch_size": 8,
    "optimizer": {"name": "adam", "learning_rate": 0.01},
    "augmentation": {"crop_padding": 1, "flip": True},
}


@pytest.fixture
def store(tmp_path):
    """The files that a training reads."""
    rng = np.random.default_rng(3)
    np.save(tmp_path / "train.npy", rng.integers(0, 256, (2 * N, *SHAPE), dtype=np.uint8))
    (tmp_path / "summary.json").write_text(json.dumps({"classes": ["a", "b", "c"], "mean": [0.5], "std": [0.25]}))
    write_table(tmp_path / "s.parquet", SUBSET, {}, sample_id=np.arange(1, 2 * N, 2), label=rng.integers(0, 3, N))
    return tmp_path


def run(store, name, recipe, **changes):
    """Train, and return the folder with what it wrote."""
    folder = store / name
    folder.mkdir()
    task = {
        "images_path": str(store / "train.npy"),
        "summary_path": str(store / "summary.json"),
        "samples_path": str(store / "s.parquet"),
        "recipe": recipe,
        "seed": 2,
        "device": "cpu",
        "records": ["probability"],
        "model_path": str(folder / "model.safetensors"),
        "dynamics_path": str(folder / "dynamics.parquet"),
        "snapshots_path": str(folder / "snapshots"),
        "checkpoint_path": str(folder / "checkpoint"),
    }
    train_here(task_of(**task | changes))
    return folder


def names(folder):
    return [path.name for path in snapshot_files(folder)]


# Which epochs


@pytest.mark.parametrize(
    "n_epochs, n_snapshots, epochs",
    [(20, 2, [7, 13]), (30, 2, [10, 20]), (5, 4, [1, 2, 3, 4]), (3, 1, [2]), (2, 1, [1]), (9, 0, []), (1, 0, [])],
)
def test_snapshots_are_taken_after_these_epochs(n_epochs, n_snapshots, epochs):
    assert snapshot_epochs(n_epochs, n_snapshots) == epochs


@given(st.data(), st.integers(1, 300))
def test_snapshots_are_evenly_spaced_and_as_many_as_asked_for(data, n_epochs):
    n_snapshots = data.draw(st.integers(0, n_epochs - 1))
    epochs = snapshot_epochs(n_epochs, n_snapshots)
    assert len(epochs) == n_snapshots
    assert all(0 < epoch < n_epochs for epoch in epochs)
    for i, epoch in enumerate(epochs, 1):
        assert abs(epoch - i * n_epochs / (n_snapshots + 1)) <= 0.5


@given(st.integers(1, 20), st.integers(0, 50))
def test_where_more_are_asked_for_than_there_are_epochs_each_is_taken_once(n_epochs, n_more):
    assert snapshot_epochs(n_epochs, n_epochs + n_more) == list(range(1, n_epochs))


# Which networks

AVERAGED = {"average_decay": 0.9}


@pytest.mark.parametrize(
    "changes",
    [{}, AVERAGED, AVERAGED | {"recording": "eval_pass"}, {"precision": "bfloat16"}],
    ids=["plain", "averaged", "averaged, eval pass", "bfloat16"],
)
def test_a_snapshot_is_the_network_of_a_training_that_ends_there(store, changes):
    recipe = PLAIN | changes
    snapshots = run(store, "whole", recipe | {"snapshots": 3}) / "snapshots"
    assert names(snapshots) == ["epoch-1.safetensors", "epoch-2.safetensors", "epoch-4.safetensors"]
    for path, epochs in zip(snapshot_files(snapshots), (1, 2, 4), strict=True):
        shorter = run(store, f"shorter-{epochs}", recipe | {"epochs": epochs, "snapshots": 0})
        assert path.read_bytes() == (shorter / "model.safetensors").read_bytes()


def test_snapshots_of_averaged_weights_are_not_the_networks_that_are_trained(store):
    plain, averaged = (
        run(store, name, PLAIN | changes | {"snapshots": 1}) / "snapshots" / "epoch-2.safetensors"
        for name, changes in (("plain", {}), ("averaged", AVERAGED))
    )
    assert plain.read_bytes() != averaged.read_bytes()


@pytest.mark.parametrize("changes", [{}, AVERAGED | {"recording": "eval_pass"}], ids=["plain", "averaged"])
def test_snapshots_change_nothing_else_of_a_training(store, changes):
    recipe = PLAIN | changes
    without, with_them = (run(store, str(n), recipe | {"snapshots": n}) for n in (0, 4))
    for name in ("model.safetensors", "dynamics.parquet"):
        assert (without / name).read_bytes() == (with_them / name).read_bytes()
    assert names(without / "snapshots") == []
    assert len(names(with_them / "snapshots")) == 4


def test_a_snapshot_is_loaded_as_a_model_is(store):
    path = run(store, "one", PLAIN | {"snapshots": 1}) / "snapshots" / "epoch-2.safetensors"
    network = load_model(path)
    assert not network.training
    assert network.description["n_classes"] == 3


# Which files


def test_no_snapshots_are_an_empty_folder(store):
    folder = run(store, "none", PLAIN | {"snapshots": 0})
    assert list((folder / "snapshots").iterdir()) == []
    assert sorted(path.name for path in folder.iterdir()) == ["dynamics.parquet", "model.safetensors", "snapshots"]


def test_a_training_that_is_asked_for_none_writes_no_folder(store):
    folder = run(store, "none", PLAIN | {"snapshots": 2}, snapshots_path=None)
    assert sorted(path.name for path in folder.iterdir()) == ["dynamics.parquet", "model.safetensors"]
    recipe = PLAIN | {"epochs": 1}
    retrained = run(store, "retrained", recipe, records=[], dynamics_path=None, snapshots_path=None)
    assert [path.name for path in retrained.iterdir()] == ["model.safetensors"]
    assert "snapshots" not in Recipe.model_fields


def network():
    return build_model(PLAIN["model"], SHAPE, 3, [0.5], [0.25])


def test_files_are_in_the_order_of_training_and_nothing_else_is_one_of_them(tmp_path):
    for name in ("epoch-10.safetensors", "epoch-9.safetensors", "epoch-100.safetensors", "state.pt", "epoch-3.txt"):
        (tmp_path / name).write_text("")
    assert names(tmp_path) == ["epoch-9.safetensors", "epoch-10.safetensors", "epoch-100.safetensors"]


def test_they_are_written_beside_what_is_there_and_only_those_that_were_meant(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / ".snakemake_timestamp").write_text("")
    # A stale file of other settings in the folder where they are kept.
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "epoch-3.safetensors").write_text("of another training")
    snapshots = Snapshots(tmp_path / "kept", 6, 2)
    for epoch in range(1, 7):
        snapshots.keep(epoch, network())
    snapshots.write(out)
    assert {path.name for path in out.iterdir()} == {
        ".snakemake_timestamp",
        "epoch-2.safetensors",
        "epoch-4.safetensors",
    }
    for path in snapshot_files(out):
        assert path.read_bytes() == (tmp_path / "kept" / path.name).read_bytes()


def test_an_epoch_that_is_done_again_is_kept_again(tmp_path):
    snapshots, first, second = Snapshots(tmp_path, 2, 1), network(), network()
    snapshots.keep(1, first)
    before = (tmp_path / "epoch-1.safetensors").read_bytes()
    snapshots.keep(1, second)
    assert (tmp_path / "epoch-1.safetensors").read_bytes() != before
    snapshots.keep(1, first)
    assert (tmp_path / "epoch-1.safetensors").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-1.safetensors"]


def test_a_process_that_does_not_write_writes_nothing(tmp_path):
    snapshots = Snapshots(tmp_path / "kept", 2, 1, writes=False)
    snapshots.keep(1, network())
    snapshots.write(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
