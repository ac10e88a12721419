"""The training loop: batches, what is recorded and when, optimisers and schedules, prediction, reproducibility."""

import copy
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, softmax

from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import SUBSET, write_table
from score_extrapolation.models import build_model, load_model
from score_extrapolation.rng import derive_seed
from score_extrapolation.training import devices, engine, prediction
from score_extrapolation.training.engine import Trainer, make_optimizer, make_schedule
from score_extrapolation.training.epochs import Epochs, epoch_batches
from score_extrapolation.training.images import ResidentImages, StreamedImages
from score_extrapolation.training.inference import embed_store, measure_accuracy
from score_extrapolation.training.launch import train_on
from score_extrapolation.training.prediction import accuracy, predict
from score_extrapolation.training.recipe import Recipe, Training
from trainings import task_of

N, SHAPE, N_CLASSES = 22, (6, 6, 1), 3
MODEL = {"name": "convnet", "width": 2}
CAPABILITY = torch.backends.cpu.get_cpu_capability()
ADAM = {"name": "adam", "learning_rate": 0.01}


def recipe(kind=Training, **changes):
    settings = {"model": MODEL, "epochs": 2, "batch_size": 8, "optimizer": ADAM}
    return kind(**(settings | changes))


def network(seed=0):
    torch.manual_seed(seed)
    return build_model(MODEL, SHAPE, N_CLASSES, [0.5], [0.25])


def data(n=N):
    rng = np.random.default_rng(3)
    images = torch.from_numpy(rng.integers(0, 256, (n, *SHAPE), dtype=np.uint8))
    return images, torch.from_numpy(rng.integers(0, N_CLASSES, n))


def train(net, images, labels, chosen, seed, stage, recorder=None):
    epochs = Epochs(len(labels), chosen, seed, stage)
    return Trainer(net, ResidentImages(images), labels, chosen, epochs, recorder).run()


class Recorder:
    """Keep what a training shows: per epoch, the batches in their order."""

    def __init__(self):
        self.epochs = [[]]

    def observe(self, rows, log_probabilities):
        self.epochs[-1].append((rows, log_probabilities.exp()))

    def end_epoch(self):
        self.epochs.append([])


@pytest.fixture
def store(tmp_path):
    """The files that a training reads: images, summary, a table of every second sample."""
    images, labels = data(2 * N)
    np.save(tmp_path / "train.npy", images.numpy())
    summary = {"classes": ["a", "b", "c"], "mean": [0.5], "std": [0.25]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    ids = np.arange(0, 2 * N, 2)
    write_table(tmp_path / "subset.parquet", SUBSET, {}, sample_id=ids, label=labels[ids].numpy())
    return tmp_path


def train_on_store(store, recipe, seed=0, device="cpu", name="dynamics"):
    scored = {"dynamics_path": store / f"{name}.parquet", "records": ["probability"]}
    task = task_of(
        images_path=store / "train.npy",
        summary_path=store / "summary.json",
        samples_path=store / "subset.parquet",
        recipe=recipe.model_dump(),
        seed=seed,
        device=device,
        model_path=store / f"{name}.safetensors",
        checkpoint_path=store / "checkpoint",
        **(scored if isinstance(recipe, Training) else {}),
    )
    metrics = train_on(task)
    assert not (store / "checkpoint").exists()
    return load_model(store / f"{name}.safetensors"), metrics


# Batches


@given(st.integers(2, 200), st.integers(2, 64), st.integers(0, 3))
def test_every_sample_is_in_one_batch_and_no_batch_is_a_single_sample(n, batch_size, seed):
    batches = epoch_batches(np.random.default_rng(seed), n, batch_size)
    assert sorted(np.concatenate(batches)) == list(range(n))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert 2 <= len(batches[-1]) <= batch_size + 1


def test_a_lonely_last_sample_joins_the_batch_before():
    assert [len(batch) for batch in epoch_batches(np.random.default_rng(0), 17, 8)] == [8, 9]
    assert [len(batch) for batch in epoch_batches(np.random.default_rng(0), 18, 8)] == [8, 8, 2]


def test_every_epoch_has_another_order():
    rng = np.random.default_rng(0)
    first, second = (np.concatenate(epoch_batches(rng, 50, 10)) for _ in range(2))
    assert (first != second).any()


# What is recorded


def manual_training(recipe, seed, stage="training"):
    """The same training written out; yield each step's rows, softmax before the step and, after each epoch, a copy."""
    net, (images, labels) = network(), data()
    rng = np.random.default_rng(derive_seed(seed, f"{stage}/batches"))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=0.0)
    for _ in range(recipe.epochs):
        net.train()
        steps = []
        for rows in epoch_batches(rng, N, recipe.batch_size):
            logits = net(images[rows])
            steps.append((rows, softmax(logits, 1).detach()))
            optimizer.zero_grad()
            cross_entropy(logits, labels[rows]).backward()
            optimizer.step()
        yield steps, copy.deepcopy(net).eval()


def test_train_forward_records_the_weights_before_the_step():
    chosen, recorder = recipe(), Recorder()
    train(network(), *data(), chosen, 5, "training", recorder)
    for (steps, _), recorded in zip(manual_training(chosen, 5), recorder.epochs, strict=False):
        assert len(steps) == len(recorded) == 3
        for (rows, expected), (seen_rows, seen) in zip(steps, recorded, strict=True):
            np.testing.assert_array_equal(seen_rows, rows)
            torch.testing.assert_close(seen, expected, rtol=0, atol=1e-6)
    assert recorder.epochs[2:] == [[]]


def test_eval_pass_records_the_weights_after_the_epoch_in_eval_mode():
    chosen, recorder = recipe(recording="eval_pass"), Recorder()
    train(network(), *data(), chosen, 5, "training", recorder)
    for (_, net), recorded in zip(manual_training(chosen, 5), recorder.epochs, strict=False):
        assert sorted(np.concatenate([rows for rows, _ in recorded])) == list(range(N))
        for rows, seen in recorded:
            with torch.no_grad():
                torch.testing.assert_close(seen, softmax(net(data()[0][rows]), 1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("recording", ["train_forward", "eval_pass"])
def test_batch_norm_statistics_move_until_the_last_epoch(recording):
    net = network()
    train(net, *data(), recipe(epochs=3, recording=recording), 0, "training", Recorder())
    counters = [m.num_batches_tracked.item() for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert counters == [9, 9, 9]


def test_eval_pass_is_not_augmented():
    def last_records(**augmentation):
        chosen = recipe(optimizer=ADAM | {"learning_rate": 1e-30}, recording="eval_pass", augmentation=augmentation)
        net, recorder = network(), Recorder()
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 0.0  # else augmented images reach the records through its statistics
        train(net, *data(), chosen, 0, "training", recorder)
        return torch.cat([seen for _, seen in recorder.epochs[-2]])

    torch.testing.assert_close(last_records(crop_padding=2, flip=True), last_records(), rtol=0, atol=1e-7)


def test_training_images_are_augmented():
    seen = {}
    for flip in (False, True):
        recorder = Recorder()
        train(network(), *data(), recipe(augmentation={"flip": flip}), 0, "training", recorder)
        seen[flip] = recorder.epochs[0][0][1]
    assert not torch.equal(seen[False], seen[True])


def test_no_recorder_is_needed_and_recording_changes_nothing():
    plain, recorded = network(), network()
    train(plain, *data(), recipe(Recipe), 0, "training")
    train(recorded, *data(), recipe(), 0, "training", Recorder())
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), recorded.parameters(), strict=True))


def test_the_network_is_left_in_eval_mode():
    net = network()
    train(net, *data(), recipe(), 0, "training")
    assert not any(module.training for module in net.modules())


def test_history_is_mean_loss_and_accuracy_of_each_epoch():
    chosen = recipe()
    history = train(network(), *data(), chosen, 5, "training")
    labels = data()[1]
    for entry, (steps, _) in zip(history, manual_training(chosen, 5), strict=True):
        p_y = torch.cat([p[torch.arange(len(rows)), labels[rows]] for rows, p in steps])
        right = torch.cat([p.argmax(1) == labels[rows] for rows, p in steps])
        assert entry["loss"] == pytest.approx(-p_y.log().mean().item(), abs=1e-5)
        assert entry["accuracy"] == pytest.approx(right.float().mean().item())


def test_a_training_learns():
    images = torch.arange(N, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, *SHAPE) * 10
    labels = (torch.arange(N) * N_CLASSES) // N
    history = train(network(), images, labels, recipe(epochs=60), 0, "training")
    assert history[-1]["accuracy"] > 0.9 > history[0]["accuracy"]


# Optimisers and schedules


@pytest.mark.parametrize(
    "settings, kind, expected",
    [
        (
            {"name": "sgd", "learning_rate": 0.1, "weight_decay": 5e-4, "momentum": 0.9, "nesterov": True},
            torch.optim.SGD,
            {"lr": 0.1, "weight_decay": 5e-4, "momentum": 0.9, "nesterov": True},
        ),
        ({"name": "sgd", "learning_rate": 0.2}, torch.optim.SGD, {"lr": 0.2, "momentum": 0.0, "nesterov": False}),
        (
            {"name": "adam", "learning_rate": 0.3, "weight_decay": 0.1},
            torch.optim.Adam,
            {"lr": 0.3, "weight_decay": 0.1},
        ),
        (
            {"name": "adamw", "learning_rate": 0.4, "weight_decay": 0.0},
            torch.optim.AdamW,
            {"lr": 0.4, "weight_decay": 0},
        ),
    ],
)
def test_optimizer_settings_reach_torch(settings, kind, expected):
    net = network()
    optimizer = make_optimizer(net, recipe(optimizer=settings).optimizer)
    (group,) = optimizer.param_groups
    assert isinstance(optimizer, kind)
    assert type(optimizer).__name__ == kind.__name__
    assert {key: group[key] for key in expected} == expected
    assert len(group["params"]) == len(list(net.parameters()))


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_an_optimizer_steps_as_torch_s_own_does(name):
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    settings = {"learning_rate": 0.1, "weight_decay": 0.01} | ({"momentum": 0.9} if name == "sgd" else {})
    nets = [network(), network()]
    nets[1].load_state_dict(nets[0].state_dict())
    own = make_optimizer(nets[0], recipe(optimizer={"name": name, **settings}).optimizer)
    settings["lr"] = settings.pop("learning_rate")
    theirs = kinds[name](nets[1].parameters(), **settings, fused=True)
    for step in range(4):
        if step == 2:  # taken up again from what was saved
            own.load_state_dict(copy.deepcopy(own.state_dict()))
            theirs.load_state_dict(copy.deepcopy(theirs.state_dict()))
        for net, optimizer in zip(nets, (own, theirs), strict=True):
            optimizer.zero_grad()
            for number, parameter in enumerate(net.parameters()):
                parameter.grad = torch.linspace(-1, 1 + number + step, parameter.numel()).view_as(parameter)
            optimizer.step()
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(one, other)


def learning_rates(monkeypatch, schedule, optimizer=ADAM):
    """Return the learning rate and momentum of every step of a training of 2 epochs of 3 batches."""
    steps = []

    def watched(net, chosen):
        made = make_optimizer(net, chosen)
        made.register_step_pre_hook(lambda *_: steps.append([made.param_groups[0].get(k) for k in ("lr", "momentum")]))
        return made

    monkeypatch.setattr(engine, "make_optimizer", watched)
    train(network(), *data(), recipe(schedule=schedule, optimizer=optimizer), 0, "training")
    return zip(*steps, strict=True)


def test_the_learning_rate_is_constant(monkeypatch):
    rates, _ = learning_rates(monkeypatch, "constant")
    assert rates == (0.01,) * 6


def test_the_learning_rate_falls_as_a_cosine_over_all_steps(monkeypatch):
    rates, _ = learning_rates(monkeypatch, "cosine")
    np.testing.assert_allclose(rates, [0.005 * (1 + np.cos(np.pi * step / 6)) for step in range(6)], rtol=1e-6)


def test_one_cycle_rises_to_the_learning_rate_and_falls_to_nothing(monkeypatch):
    rates, _ = learning_rates(monkeypatch, "one_cycle")
    peak = int(np.argmax(rates))
    assert rates[0] == pytest.approx(0.01 / 25)
    assert 0 < peak < 3
    assert max(rates) <= 0.01
    assert rates[-1] == pytest.approx(0.01 / 25 / 1e4)
    assert list(rates[peak:]) == sorted(rates[peak:], reverse=True)


@pytest.mark.parametrize("rise, peak", [(0.9, 4), (0.5, 2), (1 / 6, 0), (0.025, 0)])
def test_one_cycle_rises_for_as_long_as_is_said(rise, peak):
    chosen = recipe(schedule="one_cycle", rise=rise)
    optimizer = make_optimizer(network(), chosen.optimizer)
    schedule, rates = make_schedule(optimizer, chosen, 6), []
    for _ in range(6):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    assert int(np.argmax(rates)) == peak
    assert rates[peak] == pytest.approx(0.01, rel=0.2)


@pytest.mark.parametrize("momentum, seen", [(0.0, {0.0}), (0.9, None)])
def test_one_cycle_gives_no_momentum_to_sgd_without(monkeypatch, momentum, seen):
    optimizer = {"name": "sgd", "learning_rate": 0.01, "momentum": momentum}
    _, momenta = learning_rates(monkeypatch, "one_cycle", optimizer)
    assert set(momenta) == seen if seen else 0.85 <= min(momenta) < max(momenta) <= 0.95


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
@pytest.mark.parametrize("n", [2, 9])
def test_every_schedule_serves_a_single_step(schedule, n):
    history = train(network(), *data(n), recipe(schedule=schedule, epochs=1), 0, "training")
    assert len(history) == 1


def test_a_constant_rate_needs_no_schedule():
    assert make_schedule(make_optimizer(network(), recipe().optimizer), recipe(), 10) is None


# Prediction


def streamed(images):
    return StreamedImages(images.numpy(), np.arange(len(images)), torch.device("cpu"))


def test_prediction_is_in_eval_mode_and_in_order(monkeypatch):
    monkeypatch.setattr(prediction, "BATCH", 4)
    net, (images, _) = network().train(), data()
    rows, outputs = zip(*predict(net, ResidentImages(images), "float32"), strict=True)
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(N))
    with torch.no_grad():
        torch.testing.assert_close(torch.cat(outputs), net.eval()(images), rtol=0, atol=1e-6)
    assert not outputs[0].requires_grad


@pytest.mark.parametrize("what, width", [("logits", N_CLASSES), ("embeddings", 8)])
@pytest.mark.parametrize("batch", [1, 5, 100])
def test_prediction_does_not_depend_on_the_batch(monkeypatch, what, width, batch):
    net, (images, _) = network(), data()
    at_once = torch.cat([outputs for _, outputs in predict(net, ResidentImages(images), "float32", what)])
    monkeypatch.setattr(prediction, "BATCH", batch)
    in_batches = torch.cat([outputs for _, outputs in predict(net, streamed(images), "float32", what)])
    assert at_once.shape == (N, width)
    torch.testing.assert_close(in_batches, at_once, rtol=0, atol=1e-6)


def test_accuracy_is_the_share_of_largest_logits():
    net, (images, labels) = network(), data()
    right = (net.eval()(images).argmax(1) == labels).float().mean().item()
    assert accuracy(net, ResidentImages(images), labels.numpy(), "float32") == pytest.approx(right)


def test_a_store_is_embedded_and_measured_by_row(store):
    net = network()
    embeddings = embed_store(net, store / "train.npy", np.arange(2 * N), "float32", "cpu")
    images, labels = data(2 * N)
    with torch.no_grad():
        np.testing.assert_allclose(embeddings, net.embed(images).numpy(), atol=1e-6)
        right = (net(images).argmax(1) == labels).float().mean().item()
    write_table(store / "test.parquet", SUBSET, {}, sample_id=np.arange(2 * N), label=labels.numpy())
    measured = measure_accuracy(net, store / "train.npy", store / "test.parquet", "float32", "cpu")
    assert measured == pytest.approx(right)
    rows = np.arange(1, 2 * N, 3)
    with torch.no_grad():
        right = (net(images[rows]).argmax(1) == labels[rows]).float().mean().item()
    of_rows = measure_accuracy(net, store / "train.npy", store / "test.parquet", "float32", "cpu", rows=rows)
    assert of_rows == pytest.approx(right)


# A whole training


def bytes_of(store, chosen, seed, name):
    train_on_store(store, chosen, seed, name=name)
    return (store / f"{name}.safetensors").read_bytes(), (store / f"{name}.parquet").read_bytes()


def test_one_seed_gives_the_same_bytes_and_another_seed_others(store):
    chosen = recipe(augmentation={"crop_padding": 1, "flip": True})
    first, again, other = (bytes_of(store, chosen, seed, f"run{i}") for i, seed in enumerate((0, 0, 1)))
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_the_seed_draws_initialisation_and_order_apart(store):
    still = recipe(optimizer=ADAM | {"learning_rate": 1e-30})
    (a, _), (b, _) = (train_on_store(store, still, seed) for seed in (0, 1))
    assert not torch.equal(a.head.weight, b.head.weight)
    orders = []
    for seed in (0, 1):
        recorder = Recorder()
        train(network(), *data(), recipe(), seed, "training", recorder)
        orders.append(np.concatenate([rows for rows, _ in recorder.epochs[0]]))
    assert (orders[0] != orders[1]).any()


def test_the_global_random_state_does_not_matter(store):
    torch.manual_seed(1)
    np.random.seed(1)
    first = bytes_of(store, recipe(), 0, "a")
    torch.rand(7)
    np.random.rand(7)
    assert bytes_of(store, recipe(), 0, "b") == first


def test_training_takes_images_and_labels_by_sample_id(store):
    _, metrics = train_on_store(store, recipe())
    images, labels = data(2 * N)
    torch.manual_seed(derive_seed(0, "training/initialisation"))
    net = build_model(MODEL, SHAPE, N_CLASSES, [0.5], [0.25])
    history = train(net, images[::2].contiguous(), labels[::2].contiguous(), recipe(), 0, "training")
    seen = {"images_seen": 2 * N, "images_predicted": 0}
    assert metrics == {"n_samples": N, **seen, "peak_gpu_memory_bytes": 0, "epochs": history, "seconds_before": 0}
    _, apart = train_on_store(store, recipe(recording="eval_pass"))
    assert (apart["images_seen"], apart["images_predicted"]) == (2 * N, 2 * N)


def test_retraining_has_random_streams_of_its_own(store):
    train_as = {kind: train_on_store(store, recipe(kind, epochs=1))[0].head.weight for kind in (Training, Recipe)}
    assert not torch.equal(train_as[Training], train_as[Recipe])


def test_a_diverged_training_is_refused_and_leaves_no_dynamics(store):
    message = r"diverged: the loss is \w+ in epoch \d; lower .*learning_rate \(it is 1e\+20"
    with pytest.raises(InputFault, match=message):
        train_on_store(store, recipe(optimizer={"name": "sgd", "learning_rate": 1e20}, epochs=3))
    assert not list(store.glob("dynamics*"))
    assert not list(store.glob("*.safetensors"))


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_samples_are_refused(store, n):
    write_table(store / "subset.parquet", SUBSET, {}, sample_id=np.arange(n), label=np.zeros(n, int))
    with pytest.raises(InputFault, match=rf"subset.parquet: {n} samples cannot be trained on; keep 2 or more"):
        train_on_store(store, recipe())


def test_bfloat16_trains_close_to_float32(store):
    losses = {p: train_on_store(store, recipe(precision=p))[1]["epochs"][0]["loss"] for p in ("float32", "bfloat16")}
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.05)


def test_bfloat16_records_are_float32_probabilities():
    recorder = Recorder()
    train(network(), *data(), recipe(precision="bfloat16"), 0, "training", recorder)
    _, seen = recorder.epochs[0][0]
    assert seen.dtype == torch.float32
    torch.testing.assert_close(seen.sum(1), torch.ones(len(seen)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("native, precision", [(True, "bfloat16"), (False, "float32")])
def test_auto_trains_as_the_native_precision_to_the_bit(store, monkeypatch, native, precision):
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: native)
    histories = [train_on_store(store, recipe(precision=name))[1] for name in ("auto", precision)]
    assert histories[0] == histories[1]


@pytest.mark.parametrize("kind, stage", [(Training, "training"), (Recipe, "retraining")])
def test_emulated_bfloat16_is_one_warning_before_the_first_step_and_changes_nothing(
    store, monkeypatch, caplog, kind, stage
):
    of_native, states = {}, []
    step = Trainer._step

    def noting(*args):
        states.append(list(caplog.messages))
        step(*args)

    monkeypatch.setattr(Trainer, "_step", noting)
    for native in (True, False):
        monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device, native=native: native)
        _, metrics = train_on_store(store, recipe(kind, precision="bfloat16"), name=str(native))
        of_native[native] = metrics, (store / f"{native}.safetensors").read_bytes()
        assert len(caplog.messages) == (not native)
    assert of_native[True] == of_native[False]
    (sentence,) = caplog.messages
    assert re.fullmatch(
        rf"{stage}\.precision = bfloat16 is emulated on this processor: a batch takes [\d.]+ times as long as in "
        r"float32; set precision: auto",
        sentence,
    )
    assert len(states) == 12 and states[6:] == [[sentence]] * 6


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_what_is_not_emulated_is_not_warned_of(store, monkeypatch, caplog, precision):
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: False)
    train_on_store(store, recipe(precision=precision))
    assert not caplog.messages


@pytest.mark.parametrize("seconds, expected, n", [((0.001, 0.0213), "21", 16), ((0.05, 0.18), "3.6", 2)])
def test_the_slowdown_is_that_of_batches_long_enough_to_time(monkeypatch, caplog, seconds, expected, n):
    """On a clock that only the batches move: an image of 1 ms, of which 16 are half a batch, and one of 50 ms."""
    clock, seen = [0.0], []

    def compute(n, precision):
        seen.append(n)
        clock[0] += n * seconds[precision == "bfloat16"]

    monkeypatch.setattr(devices.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(devices, "multiplies_bfloat16", lambda device: False)
    devices.warn_of_emulation("training.precision", "bfloat16", torch.device("cpu"), 32, compute)
    assert f"takes {expected} times as long" in caplog.messages[0] and seen[-1] == max(seen) == n


DECISION = """
import torch
from score_extrapolation.training.devices import multiplies_bfloat16
print(torch.cpu._is_avx512_bf16_supported(), multiplies_bfloat16(torch.device("cpu")))
"""


@pytest.mark.parametrize(
    "limits, allowed",
    [
        ({}, True),
        ({"ATEN_CPU_CAPABILITY": "default"}, True),  # of torch's own kernels; oneDNN multiplies as before
        ({"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}, False),
        ({"DNNL_MAX_CPU_ISA": "avx512_core_vnni"}, False),
    ],
    ids=str,
)
def test_bfloat16_is_native_where_onednn_may_use_the_processor_s(limits, allowed):
    names = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY")
    environment = {name: value for name, value in os.environ.items() if name not in names} | limits
    environment["PYTHONPATH"] = str(Path(devices.__file__).parents[2])
    run = subprocess.run([sys.executable, "-c", DECISION], env=environment, capture_output=True, text=True, check=True)
    has, native = (word == "True" for word in run.stdout.split())
    assert native == (has and allowed)


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_that_emulates_bfloat16_does_not_multiply_it(monkeypatch, native):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or native)
    assert devices.multiplies_bfloat16(torch.device("cuda")) == native


# Devices


def test_cuda_that_is_absent_is_refused(store, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputFault, match=r"device: cuda was asked for, but .* set device: cpu or auto"):
        train_on_store(store, recipe(), device="cuda")
    with pytest.raises(InputFault, match="device: cuda"):
        embed_store(network(), store / "train.npy", np.arange(2 * N), "float32", "cuda")


def test_auto_takes_cuda_where_there_is_one(monkeypatch):
    for available, device in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        monkeypatch.setattr(torch.cuda, "device_count", lambda available=available: int(available))
        assert devices.resolve_device("auto").type == device
        assert devices.resolve_device("cpu").type == "cpu"


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices.resolve_device("auto", n_processes=2, rank=1) == torch.device("cuda", 1)
    with pytest.raises(InputFault, match="resources: 3 GPUs were asked for, but torch finds 2 here; lower gpu"):
        devices.resolve_device("cuda", n_processes=3)


def test_each_epoch_is_one_line_of_the_log(caplog):
    caplog.set_level(logging.INFO, "score_extrapolation")
    train(network(), *data(), recipe(), 0, "training")
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("epoch")]
    assert [line.split(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    numbers = r"epoch \d/2: loss \d\.\d{4}, training accuracy 0\.\d{4}, \d+ images/s"
    form = rf"{numbers}, \d+:\d\d:\d\d left, until \d{{4}}-\d\d-\d\d \d\d:\d\d"
    assert all(re.fullmatch(form, line) for line in lines)


# Options of the recipe


def test_label_smoothing_reaches_the_loss():
    plain, smooth = (train(network(), *data(), recipe(label_smoothing=s), 0, "training")[0]["loss"] for s in (0.0, 0.5))
    assert plain != smooth
    net, (images, labels) = network(), data()
    chosen = recipe(label_smoothing=0.5, epochs=1, batch_size=N)
    with torch.no_grad():
        expected = cross_entropy(net.train()(images), labels, label_smoothing=0.5).item()
    assert train(network(), images, labels, chosen, 0, "training")[0]["loss"] == pytest.approx(expected, abs=1e-6)


def test_a_clipped_gradient_is_no_longer_than_that():
    norm = 1e-3
    before = network()
    net = copy.deepcopy(before)
    sgd = {"name": "sgd", "learning_rate": 1.0}
    train(net, *data(), recipe(optimizer=sgd, epochs=1, batch_size=N, clip_gradient=norm), 0, "training")
    moved = [(a - b).flatten() for a, b in zip(net.parameters(), before.parameters(), strict=True)]
    assert torch.cat(moved).norm().item() == pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("recording", ["train_forward", "eval_pass"])
def test_averaged_weights_are_those_that_are_left_and_that_the_eval_pass_sees(recording):
    decay, chosen = 0.7, recipe(average_decay=0.7, recording=recording)
    net, recorder = network(), Recorder()
    train(net, *data(), chosen, 5, "training", recorder)
    # By hand: the first step's weights are taken as they are, each later step's with a share of 1 - decay.
    average, steps = None, 0
    plain, rng = network(), np.random.default_rng(derive_seed(5, "training/batches"))
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01, weight_decay=0.0)
    for _ in range(2):
        for rows in epoch_batches(rng, N, 8):
            loss = cross_entropy(plain.train()(data()[0][rows]), data()[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            state = {name: value.clone().double() for name, value in plain.state_dict().items()}
            average = state if average is None else {n: decay * average[n] + (1 - decay) * state[n] for n in state}
            steps += 1
    assert steps == 6
    for name, value in net.state_dict().items():
        if "num_batches" not in name:
            torch.testing.assert_close(value.double(), average[name], rtol=1e-4, atol=1e-5)
    rows, seen = recorder.epochs[1][-1]
    with torch.no_grad():
        of_averaged = softmax(net(data()[0][rows]), 1)
    assert torch.allclose(seen, of_averaged, atol=1e-6) == (recording == "eval_pass")


@pytest.mark.slow
@pytest.mark.skipif(CAPABILITY == "DEFAULT", reason="torch translates to vectors, which it does not have here")
def test_a_compiled_training_is_the_same_but_for_rounding(monkeypatch):
    # torch's cache does not tell code for one set of instructions from that for another, and mixes them.
    cache = Path(tempfile.gettempdir(), f"torchinductor_{os.getuid()}_{CAPABILITY}")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(cache))
    histories = [train(network(), *data(), recipe(compile=compiled), 0, "training") for compiled in (False, True)]
    for plain, compiled in zip(*histories, strict=True):
        assert compiled["loss"] == pytest.approx(plain["loss"], rel=1e-4)


def test_a_network_for_crops_is_shown_the_middle_of_larger_images():
    torch.manual_seed(0)
    net = build_model(MODEL, (6, 6, 1), N_CLASSES, [0.5], [0.25]).eval()
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 10, 8, 1), dtype=np.uint8))
    with torch.no_grad():
        assert torch.equal(net(images), net(images[:, 2:8, 1:7].contiguous()))


def test_crops_of_a_size_are_what_the_network_is_trained_on(store):
    net, _ = train_on_store(store, recipe(augmentation={"crop_size": 4, "flip": True}))
    assert net.description["image_shape"] == [4, 4, 1]
    assert embed_store(net, store / "train.npy", np.arange(2 * N), "float32", "cpu").shape == (2 * N, net.width)
    with pytest.raises(InputFault, match=r"crop_size: 9 is larger than the images, 6 x 6 and 1 pixels of padding"):
        train_on_store(store, recipe(augmentation={"crop_size": 9, "crop_padding": 1}))
