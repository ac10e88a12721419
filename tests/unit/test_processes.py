"""One training in two processes (gloo, on the CPU) equals that of one but for the order of additions."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from test_checkpoints import ADVERSARIAL, EVERYTHING, PLAIN, N, store, task  # noqa: F401 - store is a fixture
from torch import nn

from score_extrapolation.faults import InputFault
from score_extrapolation.training import processes
from score_extrapolation.training.launch import launch, train_on
from score_extrapolation.training.processes import Group
from score_extrapolation.training.task import TrainingTask
from trainings import task_of

# float32, since bfloat16 rounds what differs in the last place of float32 to what differs in its own.
EVERYTHING_32 = EVERYTHING | {"precision": "float32", "previous_dtype": "float32"}

ADVERSARIAL_32 = ADVERSARIAL | {"precision": "float32", "previous_dtype": "float32"}


@pytest.fixture(autouse=True)
def one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def dynamics(folder):
    table = pq.read_table(folder / "dynamics.parquet").to_pandas()
    assert not table.duplicated(["epoch", "sample_id"]).any()
    return table.set_index(["epoch", "sample_id"])


@pytest.mark.slow
def test_several_processes_train_adversarially_to_one_network(store, tmp_path):  # noqa: F811
    """Starts are drawn by each process for its part, so that the network is not that of one process but as good."""
    results = {}
    for n in (1, 2):
        folder = tmp_path / str(n)
        folder.mkdir()
        metrics = train_on(task(store, folder, ADVERSARIAL_32), n)
        results[n] = metrics["epochs"], metrics["best_epoch"], load_file(folder / "model.safetensors")
    (epochs, _, weights), (epochs_2, best_epoch, weights_2) = results.values()
    assert 1 <= best_epoch <= 3
    for one, two in zip(epochs, epochs_2, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=0.1)
    assert all(torch.isfinite(value).all() for value in weights_2.values())
    assert not all(torch.equal(weights[name], value) for name, value in weights_2.items())


# 90 samples in batches of 29 leave a last one of three; in batches of 44 one of two, of which a third process has none.
@pytest.mark.parametrize(
    "recipe, n_processes",
    [
        pytest.param(EVERYTHING_32 | {"batch_size": 29}, 2, id="everything"),
        pytest.param(PLAIN | {"batch_size": 44, "epochs": 2}, 3, id="an empty part", marks=pytest.mark.slow),
    ],
)
def test_several_processes_equal_one(store, tmp_path, recipe, n_processes):  # noqa: F811
    results = {}
    for n in (1, n_processes):
        folder = tmp_path / str(n)
        folder.mkdir()
        metrics = train_on(task(store, folder, recipe), n)
        results[n] = metrics, dynamics(folder), load_file(folder / "model.safetensors")
        assert not (folder / "checkpoint").exists()
    snapshots = [sorted((tmp_path / str(n) / "snapshots").iterdir()) for n in (1, n_processes)]
    assert [path.name for path in snapshots[0]] == [path.name for path in snapshots[1]]
    assert len(snapshots[0]) == min(recipe["snapshots"], recipe["epochs"] - 1) > 0
    for one, several in zip(*(map(load_file, paths) for paths in snapshots), strict=True):
        assert_close(several, one)
    (metrics, records, weights), (metrics_n, records_n, weights_n) = results.values()
    assert metrics_n["n_samples"] == metrics["n_samples"] == N
    for one, several in zip(metrics["epochs"], metrics_n["epochs"], strict=True):
        assert several == pytest.approx(one, abs=1e-4)
    assert len(records) == len(records_n) == recipe["epochs"] * N
    np.testing.assert_array_equal(records.index, records_n.index)
    np.testing.assert_allclose(records, records_n, atol=2e-4)
    assert_close(weights_n, weights)


def assert_close(several, one):
    assert several.keys() == one.keys()
    for name, value in one.items():
        torch.testing.assert_close(several[name], value, rtol=1e-3, atol=2e-4)


@pytest.mark.slow
def test_a_fault_in_the_processes_is_the_same_sentence(store, tmp_path):  # noqa: F811
    diverging = PLAIN | {"optimizer": {"name": "sgd", "learning_rate": 1e20}}
    with pytest.raises(InputFault, match="training diverged: the loss is nan in epoch"):
        train_on(task(store, tmp_path, diverging), 2)


def test_other_processes_are_told_the_same_task(store, tmp_path):  # noqa: F811
    told = task(store, tmp_path, EVERYTHING)
    assert TrainingTask.from_json(told.to_json()) == told
    redrawn = task_of(
        images_path="i",
        summary_path="s",
        samples_path=tmp_path,
        recipe=PLAIN,
        seed=1,
        model_path="m",
        checkpoint_path="c",
        n_steps=3,
        per_epoch=4,
    )
    again = TrainingTask.from_json(redrawn.to_json())
    assert again.epochs == redrawn.epochs and again.validation is None and again.stage == "retraining"
    assert again.data.samples == str(tmp_path)


LAUNCHED = """
import sys
sys.path.insert(0, sys.argv[1])
from score_extrapolation.faults import Interrupted
from score_extrapolation.training.launch import train_on
from score_extrapolation.training.task import TrainingTask
try:
    train_on(TrainingTask.from_json(sys.argv[2]), n_processes=2)
except Interrupted as stop:
    print(stop)
    sys.exit(7)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_told_to_stop_both_processes_end_and_the_next_start_goes_on(store, tmp_path, number):  # noqa: F811
    # So slow that rounding does not grow.
    recipe = PLAIN | {"epochs": 150, "optimizer": {"name": "adam", "learning_rate": 1e-6}}
    arguments = task(store, tmp_path, recipe, checkpoints={"minutes": None, "epochs": 1})
    scripts = Path(processes.__file__).parents[2]
    started = subprocess.Popen(
        [sys.executable, "-c", LAUNCHED, str(scripts), arguments.to_json()], stdout=subprocess.PIPE, text=True
    )
    state = tmp_path / "checkpoint" / "state.pt"
    for _ in range(1200):
        if state.exists():
            break
        assert started.poll() is None
        time.sleep(0.05)
    family = psutil.Process(started.pid).children(recursive=True)
    assert len(family) >= 3  # torchrun and its two
    started.send_signal(number)
    printed, _ = started.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert started.returncode == 7
        assert "training was told to stop in epoch" in printed
    # Of a killed launcher too: the kernel tells torchrun, which tells its processes.
    _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive
    reached = torch.load(state, weights_only=True)["epoch"]
    assert 0 < reached < 150
    epochs = train_on(task(store, tmp_path, recipe))["epochs"]  # in one process, from the checkpoint of two
    assert len(epochs) == 150
    assert [epoch["loss"] for epoch in epochs] == pytest.approx([epochs[0]["loss"]] * 150, rel=0.05)


# The parts, in one process


def test_alone_a_group_does_nothing():
    group, batch = Group(), np.arange(5)
    assert (group.rank, group.size) == (0, 1)
    assert group.part(batch) is not None and group.part(batch).tolist() == batch.tolist()
    values = torch.rand(5)
    assert group.gather(5, values) is values
    assert group.sum(values) is values
    assert group.any(True, torch.device("cpu")) is True
    network = nn.BatchNorm2d(2)
    assert group.wrap(network) is network


@pytest.fixture
def group_of_one(tmp_path):
    """A group of one process that does all that a larger one does."""
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/rendezvous", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_batch_norm_of_all_is_batch_norm(group_of_one, dtype):
    torch.manual_seed(0)
    theirs = nn.BatchNorm2d(3)
    with torch.no_grad():
        theirs.weight.uniform_(0.5, 2)
        theirs.bias.uniform_(-1, 1)
    ours = nn.BatchNorm2d(3)
    ours.load_state_dict(theirs.state_dict())
    ours.__class__ = processes.BatchNormOfAll
    maps = [torch.randn(5, 3, 4, 2).add(7).to(dtype).requires_grad_() for _ in range(2)]
    maps[1].data.copy_(maps[0].data)
    tolerance = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 0.02, "atol": 0.02}
    for _ in range(2):
        outputs = [module(m) for module, m in zip((theirs, ours), maps, strict=True)]
        assert outputs[1].dtype == dtype
        torch.testing.assert_close(outputs[1], outputs[0], **tolerance)
        for output in outputs:
            output.float().pow(3).sum().backward()
    torch.testing.assert_close(maps[1].grad, maps[0].grad, rtol=2e-3 if dtype == torch.float32 else 0.1, atol=2e-2)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), **tolerance)
    torch.testing.assert_close(ours.eval()(maps[0]), theirs.eval()(maps[0]), **tolerance)


@pytest.mark.slow
def test_no_exit_without_a_report(store, tmp_path):  # noqa: F811
    with pytest.raises(RuntimeError, match="torchrun ended with exit code 1"):
        launch(task(store / "nowhere", tmp_path, PLAIN), 2)  # there is nothing to read: no process comes to report
