"""What a training needs in memory: counted exactly where it can be, refused where it is too much."""

import logging

import pytest
import torch

from score_extrapolation.faults import InputFault
from score_extrapolation.models import build_model
from score_extrapolation.training import preflight
from score_extrapolation.training.preflight import free_bytes, plan_memory, training_bytes
from score_extrapolation.training.recipe import Recipe

GB = 10**9


def recipe(**changes):
    settings = {"model": {}, "epochs": 1, "batch_size": 64, "optimizer": {"name": "adam", "learning_rate": 0.1}}
    return Recipe(**(settings | changes))


def network(width=4, side=16):
    return build_model({"name": "convnet", "width": width}, (side, side, 3), 10, [0.5] * 3, [0.25] * 3)


@pytest.mark.parametrize(
    "changes, copies",
    [
        ({}, 4),  # weights, gradients, two moments
        ({"average_decay": 0.9}, 5),
        ({"optimizer": {"name": "adamw", "learning_rate": 0.1}}, 4),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.1}}, 2),
        ({"optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9}}, 3),
    ],
)
def test_weights_are_counted_with_all_their_copies(changes, copies):
    net = network()
    weights, _ = training_bytes(net, recipe(**changes), 64)
    assert weights == copies * 4 * sum(p.numel() for p in net.parameters())


def test_a_batch_s_activations_are_those_that_autograd_keeps():
    net, batch = network(), 64
    saved = {}

    def keep(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        net.train()(torch.zeros((batch, 16, 16, 3), dtype=torch.uint8)).sum()
    kept = sum(saved.values())
    _, estimated = training_bytes(net, recipe(), batch)
    largest = max(saved.values())
    assert kept <= estimated <= kept + 2.1 * largest


def test_activations_grow_with_the_batch_and_shrink_with_bfloat16():
    of_32, of_64 = (training_bytes(network(), recipe(), batch)[1] for batch in (32, 64))
    assert of_64 == pytest.approx(2 * of_32, rel=0.05)
    assert training_bytes(network(), recipe(precision="bfloat16"), 64)[1] < 0.8 * of_64


def test_estimating_changes_neither_the_network_nor_the_random_state():
    net = network()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    training_bytes(net, recipe(), 8)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_images_that_do_not_fit_are_read_from_the_store(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "score_extrapolation")
    monkeypatch.setattr(preflight, "free_bytes", lambda device: GB)
    assert plan_memory(network(), recipe(), (16, 16, 3), 1000, 0)
    assert "stay there" in caplog.messages[-1]
    assert not plan_memory(network(), recipe(), (16, 16, 3), 2 * GB // 768, 0)
    assert "2.00 GB, are read from the store while training" in caplog.messages[-1]


@pytest.mark.parametrize("too_much", [{"n_records_bytes": 2 * GB}, {"recipe": recipe(batch_size=10**6)}])
def test_a_training_that_cannot_fit_is_refused_in_one_sentence(monkeypatch, too_much):
    monkeypatch.setattr(preflight, "free_bytes", lambda device: GB)
    settings = {"recipe": recipe(), "image_shape": (16, 16, 3), "n_samples": 10, "n_records_bytes": 0} | too_much
    sentence = r"memory: this training needs about [\d.]+ [GM]B on cpu, .* and 1.00 GB are free; lower batch_size"
    with pytest.raises(InputFault, match=sentence):
        plan_memory(network(), **settings)


def test_processes_share_a_batch(monkeypatch):
    monkeypatch.setattr(preflight, "free_bytes", lambda device: GB)
    one, batch = training_bytes(network(), recipe(), 1)[1], 10**9
    large = recipe(batch_size=batch // one)
    with pytest.raises(InputFault):
        plan_memory(network(), large, (16, 16, 3), 10, 0)
    assert plan_memory(network(), large, (16, 16, 3), 10, 0, n_processes=2)


def test_free_memory_is_within_that_of_the_machine_and_its_control_group(tmp_path, monkeypatch):
    free = free_bytes(torch.device("cpu"))
    assert 10**8 < free < 10**14
    monkeypatch.setattr(preflight, "group_limits", lambda: [12345, 678])
    assert free_bytes(torch.device("cpu")) == 678


def test_limits_of_control_groups_count_what_processes_hold(tmp_path, monkeypatch):
    group = tmp_path / "fs" / "a" / "b"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    (group.parent / "memory.max").write_text("1000\n")
    (group.parent / "memory.stat").write_text("anon 300\nfile 500\n")
    old = tmp_path / "fs" / "memory" / "job"
    old.mkdir(parents=True)
    (old / "memory.limit_in_bytes").write_text("900\n")
    (old / "memory.stat").write_text("cache 5\ntotal_rss 400\n")
    (tmp_path / "cgroup").write_text("7:memory:/job\n3:cpu:/x\n0::/a/b\n")
    assert preflight.group_limits(tmp_path / "cgroup", tmp_path / "fs") == [500, 700]
    assert preflight.group_limits(tmp_path / "absent", tmp_path / "fs") == []
