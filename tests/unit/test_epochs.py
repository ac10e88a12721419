"""How long a training is and what its epochs see: a number of steps, a fresh part of the samples each time (RS2)."""

from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from test_checkpoints import N, spy, stop_after, store  # noqa: F401 - store is a fixture
from torch.nn.functional import cross_entropy

import oracles
from score_extrapolation.faults import InputFault, Interrupted
from score_extrapolation.io.tables import SUBSET, write_table
from score_extrapolation.models import build_model
from score_extrapolation.rng import derive_seed
from score_extrapolation.training import engine, runs
from score_extrapolation.training.budget import retraining_budget
from score_extrapolation.training.engine import Trainer, make_optimizer
from score_extrapolation.training.epochs import EpochPlan, Epochs, count_batches, epoch_batches, steps_of
from score_extrapolation.training.images import ResidentImages, StreamedImages
from score_extrapolation.training.launch import train_on
from score_extrapolation.training.recipe import Recipe
from score_extrapolation.training.runs import train_here
from trainings import task_of, without_time

MODEL = {"name": "convnet", "width": 2}
PLAIN = {"model": MODEL, "epochs": 3, "batch_size": 16, "optimizer": {"name": "adam", "learning_rate": 0.01}}
EVERYTHING = PLAIN | {
    "augmentation": {"crop_padding": 1, "flip": True},
    "schedule": "one_cycle",
    "average_decay": 0.9,
    "clip_gradient": 1.0,
    "label_smoothing": 0.1,
}
# Of 90 samples in batches of 16: a part is 16, 16 and 3, a permutation has two parts; the fifth epoch lacks a batch.
REDRAWN = {"per_epoch": 35, "n_steps": 14}

numbers = st.integers(2, 60), st.integers(2, 20), st.integers(1, 4)


def recipe(**changes):
    return Recipe(**(PLAIN | changes))


# Counting


@given(*numbers[:2])
def test_batches_are_counted_as_they_are_made(n, batch_size):
    batches = epoch_batches(np.random.default_rng(0), n, batch_size)
    assert count_batches(n, batch_size) == len(batches)
    # A batch of one is none, unless there is nothing else.
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    assert [len(batch) for batch in batches] == (
        [*sizes[:-2], sizes[-2] + 1] if len(sizes) > 1 and sizes[-1] == 1 else sizes
    )


@given(*numbers, st.integers(2, 60), st.integers(1, 40) | st.none())
def test_a_training_has_just_its_steps_and_counts_its_images(n, batch_size, epochs, per_epoch, n_steps):
    per_epoch, chosen = min(per_epoch, n), recipe(batch_size=batch_size, epochs=epochs)
    plan, rng = Epochs(n, chosen, 0, "retraining", n_steps, per_epoch), np.random.default_rng(0)
    batches = [plan.batches(epoch, rng) for epoch in range(len(plan))]
    assert sum(map(len, batches)) == plan.n_steps == (n_steps or epochs * count_batches(per_epoch, batch_size))
    assert all(len(made) == plan.n_batches for made in batches[:-1])
    assert 1 <= len(batches[-1]) <= plan.n_batches
    n_images = [sum(map(len, made)) for made in batches]
    assert n_images == [plan.n_seen(len(made)) for made in batches]
    assert sum(n_images) == plan.n_images
    assert n_images[:-1] == [per_epoch] * (len(plan) - 1)
    assert n_steps or n_images[-1] == per_epoch
    assert all(len(batch) > 1 for made in batches for batch in made)


@given(*numbers)
def test_the_steps_of_a_recipe_are_those_that_it_takes(n, batch_size, epochs):
    chosen = recipe(batch_size=batch_size, epochs=epochs)
    assert steps_of(n, chosen) == Epochs(n, chosen, 0, "retraining").n_steps


def test_steps_by_eye():
    assert steps_of(33, recipe(epochs=5, batch_size=16)) == 10  # batches of 16 and 17
    assert steps_of(34, recipe(epochs=5, batch_size=16)) == 15  # of 16, 16 and 2


# Parts


@given(n=st.integers(2, 40), per_epoch=st.integers(2, 40), seed=st.integers(0, 3))
def test_epochs_see_parts_of_one_permutation_after_the_other(n, per_epoch, seed):
    per_epoch = min(per_epoch, n)
    plan = Epochs(n, recipe(epochs=9), seed, "retraining", per_epoch=per_epoch)
    rows = [plan.rows(epoch) for epoch in range(9)]
    assert [set(part) for part in rows] == oracles.parts(n, per_epoch, 9, seed, "retraining")
    assert all((np.diff(part) > 0).all() and len(part) == per_epoch for part in rows)
    np.testing.assert_array_equal(plan.rows(7), Epochs(n, recipe(), seed, "retraining", 1, per_epoch).rows(7))


def test_no_sample_comes_twice_before_all_have_come_once_but_those_left_over():
    plan = Epochs(10, recipe(), 0, "retraining", per_epoch=3)
    assert len(set(np.concatenate([plan.rows(epoch) for epoch in range(3)]))) == 9
    assert set(plan.rows(3)) != set(plan.rows(0))
    counts = np.zeros(10)
    for epoch in range(3000):
        counts[plan.rows(epoch)] += 1
    np.testing.assert_allclose(counts, 900, atol=5 * np.sqrt(1000 * 0.9 * 0.1))


def test_seeds_and_stages_draw_other_parts():
    plans = [Epochs(100, recipe(), seed, stage, per_epoch=9) for seed in (0, 1) for stage in ("training", "retraining")]
    assert len({tuple(plan.rows(0)) for plan in plans}) == 4


@pytest.mark.parametrize(
    "given, message",
    [
        ({"per_epoch": 91}, r"per_epoch = 91 is not in 2\.\.90, the samples of the training; give one that is"),
        ({"per_epoch": 1}, r"s.parquet: 1 samples an epoch cannot be trained on; keep 2 or more"),
        ({"n_steps": 0}, r"n_steps = 0 is below 1; a training takes a step or more"),
    ],
)
def test_numbers_out_of_range_are_refused(store, tmp_path, given, message):  # noqa: F811
    with pytest.raises(InputFault, match=message):
        train_here(task(store, tmp_path, PLAIN, **given))


@pytest.mark.parametrize("given", [{"per_epoch": 90}, {"n_steps": 18}])
def test_a_training_that_records_has_whole_epochs(store, tmp_path, given):  # noqa: F811
    with pytest.raises(ValueError, match="sees every sample in every epoch"):
        train_here(task(store, tmp_path, PLAIN, dynamics_path=str(tmp_path / "d.parquet"), **given))


# Training


def task(store, folder, chosen, **changes):  # noqa: F811
    given = {
        "images_path": str(store / "train.npy"),
        "summary_path": str(store / "summary.json"),
        "samples_path": str(store / "s.parquet"),
        "recipe": chosen,
        "seed": 0,
        "model_path": str(folder / "model.safetensors"),
        "checkpoint_path": str(folder / "checkpoint"),
        "checkpoints": {"minutes": None, "epochs": None},
    }
    return task_of(**given | changes)


def result(store, folder, chosen, **changes):  # noqa: F811
    metrics = train_here(task(store, folder, chosen, **changes))
    return (folder / "model.safetensors").read_bytes(), without_time(metrics)


def test_all_samples_an_epoch_and_the_steps_of_the_recipe_change_no_bit(store, tmp_path):  # noqa: F811
    expected = result(store, tmp_path, EVERYTHING)
    assert expected[1]["n_samples"] == N
    for same in ({"per_epoch": N}, {"n_steps": 18}, {"per_epoch": N, "n_steps": 18}):
        assert result(store, tmp_path, EVERYTHING, **same) == expected
    for other in ({"per_epoch": N - 1}, {"n_steps": 17}, {"n_steps": 19}):
        assert result(store, tmp_path, EVERYTHING, **other)[0] != expected[0]


@pytest.mark.parametrize("given", [{"n_steps": 8}, {"per_epoch": 35}, REDRAWN], ids=["steps", "parts", "both"])
def test_a_training_written_out_is_the_same(given):
    """Of 90 samples in batches of 16: whole epochs are 6 steps, of parts of 35 three, with a last batch of 3."""
    rng = np.random.default_rng(3)
    images = torch.from_numpy(rng.integers(0, 256, (90, 6, 6, 1), dtype=np.uint8))
    labels = torch.from_numpy(rng.integers(0, 3, 90))
    trained, expected = (network() for _ in range(2))
    chosen = recipe()
    epochs = Epochs(90, chosen, 5, "retraining", **given)
    history = Trainer(trained, ResidentImages(images), labels, chosen, epochs).run()
    n_steps, per_epoch = given.get("n_steps", 9), given.get("per_epoch", 90)
    optimizer = torch.optim.Adam(expected.parameters(), lr=0.01, weight_decay=0.0)
    of_batches = np.random.default_rng(derive_seed(5, "retraining/batches"))
    parts = [range(90)] * 9 if per_epoch == 90 else oracles.parts(90, per_epoch, 9, 5, "retraining")
    sums = []
    for part in parts:
        part = np.array(sorted(part))
        order = of_batches.permutation(per_epoch)
        of_epoch = np.zeros(3)  # loss, right, seen
        for start in range(0, per_epoch, 16):
            if n_steps == 0:
                break
            rows = part[order[start : start + 16]]
            logits = expected.train()(images[rows])
            loss = cross_entropy(logits, labels[rows], reduction="sum")
            optimizer.zero_grad()
            (loss / len(rows)).backward()
            optimizer.step()
            of_epoch += [loss.item(), (logits.argmax(1) == labels[rows]).sum().item(), len(rows)]
            n_steps -= 1
        if of_epoch[2]:
            sums.append(of_epoch)
    assert [len(history), n_steps] == [len(sums), 0]
    for entry, (loss, right, seen) in zip(history, sums, strict=True):
        assert entry == {"loss": pytest.approx(loss / seen, abs=1e-5), "accuracy": pytest.approx(right / seen)}
    for name, value in expected.state_dict().items():
        torch.testing.assert_close(trained.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def network():
    torch.manual_seed(0)
    return build_model(MODEL, (6, 6, 1), 3, [0.5], [0.25])


def test_the_learning_rate_falls_over_the_steps_that_are_taken(store, tmp_path, monkeypatch):  # noqa: F811
    rates = []

    def watched(net, chosen):
        made = make_optimizer(net, chosen)
        made.register_step_pre_hook(lambda *_: rates.append(made.param_groups[0]["lr"]))
        return made

    monkeypatch.setattr(engine, "make_optimizer", watched)
    result(store, tmp_path, PLAIN | {"schedule": "cosine"}, **REDRAWN)
    np.testing.assert_allclose(rates, [0.005 * (1 + np.cos(np.pi * step / 14)) for step in range(14)], rtol=1e-6)


def test_streamed_images_give_the_bits_of_resident_ones_and_are_read_as_needed(
    store,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    expected = result(store, tmp_path, EVERYTHING, **REDRAWN)
    read, as_ever = [], StreamedImages._read

    def noted(images, rows):
        read.append(rows)
        return as_ever(images, rows)

    monkeypatch.setattr(runs, "plan_memory", lambda *_: False)
    monkeypatch.setattr(StreamedImages, "_read", noted)
    assert result(store, tmp_path, EVERYTHING, **REDRAWN) == expected
    assert [len(rows) for rows in read] == [16, 16, 3] * 4 + [16, 16]
    seen = [set(np.concatenate(read[start : start + 3])) for start in range(0, 14, 3)]
    parts = oracles.parts(N, 35, 5, 0, "retraining")
    assert seen[:4] == parts[:4]
    assert seen[4] < parts[4]


def test_what_is_told_of_it(store, tmp_path, caplog):  # noqa: F811
    caplog.set_level("INFO", "score_extrapolation")
    _, metrics = result(store, tmp_path, PLAIN, **REDRAWN)
    assert metrics["n_samples"] == 35
    assert len(metrics["epochs"]) == 5
    assert metrics["images_seen"] == 4 * 35 + 32
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[0] for line in lines if line.startswith("epoch")] == [f"epoch {i}/5" for i in range(1, 6)]
    assert " 172/172 [" in lines[-1]  # 4 * 35 + 32 images


# Checkpoints and processes


@pytest.fixture(scope="module")
def undisturbed(store, tmp_path_factory):  # noqa: F811
    return result(store, tmp_path_factory.mktemp("undisturbed"), EVERYTHING, **REDRAWN)


@pytest.mark.parametrize("n_checks", range(0, 19))  # a moment after each of 14 steps and 5 epochs
def test_stopped_at_any_moment_it_ends_with_the_same_bytes(
    store,  # noqa: F811
    undisturbed,
    tmp_path,
    monkeypatch,
    n_checks,
):
    with monkeypatch.context() as patched:
        stop_after(patched, n_checks)
        with pytest.raises(Interrupted):
            train_here(task(store, tmp_path, EVERYTHING, **REDRAWN))
    assert result(store, tmp_path, EVERYTHING, **REDRAWN) == undisturbed


def test_a_checkpoint_of_another_length_or_other_parts_is_not_taken_up(
    store,  # noqa: F811
    undisturbed,
    tmp_path,
    monkeypatch,
):
    taken_up = []
    for other in (REDRAWN | {"n_steps": 15}, REDRAWN | {"per_epoch": 34}, {"n_steps": 14}, {"per_epoch": 35}):
        with monkeypatch.context() as patched:
            stop_after(patched, 3)
            with pytest.raises(Interrupted):
                train_here(task(store, tmp_path, EVERYTHING, **other))
        with monkeypatch.context() as patched:
            patched.setattr(engine.Trainer, "load_state_dict", spy(engine.Trainer.load_state_dict, taken_up))
            assert result(store, tmp_path, EVERYTHING, **REDRAWN) == undisturbed
    assert not taken_up


@pytest.mark.slow
def test_several_processes_equal_one_and_go_on_where_one_stopped(
    store,  # noqa: F811
    undisturbed,
    tmp_path,
    monkeypatch,
):
    (tmp_path / "expected.safetensors").write_bytes(undisturbed[0])
    expected = load_file(tmp_path / "expected.safetensors")
    for stopped in (False, True):
        given = task(store, tmp_path, EVERYTHING, **REDRAWN)
        if stopped:
            with monkeypatch.context() as patched:
                stop_after(patched, 16)  # within the last epoch, which is cut off
                with pytest.raises(Interrupted, match="in epoch 5"):
                    train_here(given)
        metrics = train_on(given, n_processes=2)
        assert metrics["n_samples"] == 35
        for one, several in zip(undisturbed[1]["epochs"], metrics["epochs"], strict=True):
            assert several == pytest.approx(one, abs=1e-4)
        for name, value in load_file(tmp_path / "model.safetensors").items():
            torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=2e-4)


# What a retraining is told


def test_a_budget_of_steps_is_that_of_a_training_on_everything(tmp_path):
    np.save(tmp_path / "train.npy", np.zeros((100, 2, 2, 1), np.uint8))
    as_told = [
        ("epochs", None, EpochPlan()),
        ("epochs", {"rate": 0.9}, EpochPlan(per_epoch=10)),
        ("epochs", {"n_kept": 40}, EpochPlan(per_epoch=40)),
        ("steps", None, EpochPlan(n_steps=3 * 7)),
        ("steps", {"rate": 0.75}, EpochPlan(n_steps=3 * 7, per_epoch=25)),
    ]
    for budget, redrawn, expected in as_told:
        assert retraining_budget(tmp_path / "train.npy", PLAIN, budget, redrawn) == expected
        mixed = retraining_budget(tmp_path / "train.npy", PLAIN, budget, pool_share=0.5)
        assert mixed == EpochPlan(expected.n_steps, None, 0.5)
    with pytest.raises(KeyError):
        retraining_budget(tmp_path / "train.npy", PLAIN, "hours")


@pytest.mark.parametrize("redrawn, n_given, n_samples, n_epochs", [(None, 45, 45, 12), ({"rate": 0.5}, 180, 90, 6)])
def test_it_trains_as_long_as_on_everything(
    store,  # noqa: F811
    tmp_path,
    redrawn,
    n_given,
    n_samples,
    n_epochs,
):
    # The store has 180 images, 12 batches an epoch, 36 steps in 3; 45 samples are 3 batches, 90 are 6.
    ids = np.arange(n_given)
    write_table(tmp_path / "kept.parquet", SUBSET, {}, sample_id=ids, label=ids % 3)
    told = retraining_budget(store / "train.npy", PLAIN, "steps", redrawn)
    _, metrics = result(store, tmp_path, PLAIN, samples_path=str(tmp_path / "kept.parquet"), **asdict(told))
    assert (told.n_steps, len(metrics["epochs"]), metrics["n_samples"]) == (36, n_epochs, n_samples)
    assert metrics["images_seen"] == 3 * 180  # in whole epochs, of 45 or 90
