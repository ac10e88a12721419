"""ScoreRecorder in a loop of one's own: the workflow's scores, epochs, ids, checkpoints, and what is refused."""

import io
import json
import re

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch.nn.functional import cross_entropy

from score_extrapolation import ScoreRecorder, score_dynamics
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import SUBSET, write_table
from score_extrapolation.models import build_model
from score_extrapolation.plugins import method_names
from score_extrapolation.rng import derive_seed
from score_extrapolation.scores import score_file
from score_extrapolation.training.epochs import Epochs
from score_extrapolation.training.launch import train_on
from score_extrapolation.training.recipe import Training
from trainings import task_of

N, N_CLASSES, N_EPOCHS = 23, 4, 12
# Options under which twelve epochs make several windows.
OPTIONS = {
    "du": {"window": 5},
    "dual": {"window": 4, "epochs": 9},
    "tdds": {"trajectory": 8, "window": 4},
    "el2n": {"epochs": 3},
}
EVERY = [{"name": name, **OPTIONS.get(name, {})} for name in method_names("scores")]


def logits_and_labels(seed=0, n_epochs=N_EPOCHS):
    """Random logits (K, n, C) and labels (n,)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n_epochs, N, N_CLASSES, generator=generator)
    return logits, torch.randint(0, N_CLASSES, (N,), generator=generator)


def batches(epoch, size=6):
    return torch.randperm(N, generator=torch.Generator().manual_seed(epoch)).split(size)


def record_epochs(recorder, logits, labels, epochs, ids=None):
    for epoch in epochs:
        for rows in batches(epoch):
            recorder.record(rows if ids is None else ids[rows], logits[epoch][rows], labels[rows])


# What is recorded


def test_a_plain_loop_gives_the_scores_that_the_workflow_writes(tmp_path):
    # The digits, as the workflow stores them, and the default experiment's recipe without augmentation.
    digits = load_digits()
    images, ids = np.rint(digits.images[..., None] * (255 / 16)).astype(np.uint8), np.arange(0, 1797, 5)
    np.save(tmp_path / "train.npy", images)
    summary = {"classes": [str(digit) for digit in range(10)], "mean": [0.3], "std": [0.37]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    write_table(tmp_path / "subset.parquet", SUBSET, {}, sample_id=ids, label=digits.target[ids])
    recipe = {
        "model": {"name": "convnet"},
        "epochs": 12,
        "batch_size": 32,
        "optimizer": {"name": "adam", "learning_rate": 0.005, "weight_decay": 0.0001},
    }
    scores = [{"name": "du", "window": 10}, "tdds", "el2n", "aum", "forgetting", "entropy"]
    task = task_of(
        images_path=tmp_path / "train.npy",
        summary_path=tmp_path / "summary.json",
        samples_path=tmp_path / "subset.parquet",
        recipe=recipe,
        seed=3,
        device="cpu",
        model_path=tmp_path / "model.safetensors",
        checkpoint_path=tmp_path / "checkpoint",
        dynamics_path=tmp_path / "dynamics.parquet",
        records=["probability", "divergence", "error_norm", "margin", "entropy"],
    )
    train_on(task)

    # The same initial weights and batches; all else is a loop as anybody writes it.
    torch.manual_seed(derive_seed(3, "training/initialisation"))
    network = build_model(recipe["model"], images.shape[1:], 10, summary["mean"], summary["std"])
    optimizer = torch.optim.Adam(network.parameters(), lr=0.005, weight_decay=0.0001, fused=True)
    order = np.random.default_rng(derive_seed(3, "training/batches"))
    epochs = Epochs(len(ids), Training(**recipe), 3, "training")
    inputs, labels = torch.from_numpy(images), torch.from_numpy(digits.target)
    recorder = ScoreRecorder(scores, sample_ids=ids)
    network.train()
    for epoch in range(12):
        for rows in epochs.batches(epoch, order):
            indices = ids[rows]
            logits = network(inputs[indices])
            recorder.record(indices, logits, labels[indices])
            loss = cross_entropy(logits, labels[indices])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    recorded = recorder.scores()
    assert list(recorded) == ["du", "tdds", "el2n", "aum", "forgetting", "entropy"]
    for score in scores:
        score = {"name": score} if isinstance(score, str) else score
        sample_ids, expected = score_file(score, tmp_path / "dynamics.parquet")
        assert sample_ids.tolist() == ids.tolist()
        assert np.ptp(expected) > 0
        np.testing.assert_array_equal(recorded[score["name"]], expected)  # to the bit


@pytest.mark.parametrize("score", EVERY, ids=lambda score: score["name"])
def test_a_single_score_is_that_of_the_stored_history(score):
    logits, labels = logits_and_labels()
    name, options = score["name"], {key: value for key, value in score.items() if key != "name"}
    recorder = ScoreRecorder(name, n_samples=N, **options)
    record_epochs(recorder, logits, labels, range(N_EPOCHS))
    expected = score_dynamics(name, logits.softmax(2).numpy(), labels.numpy(), **options)
    assert recorder.scores().dtype == np.float64
    np.testing.assert_allclose(recorder.scores(), expected, rtol=1e-4, atol=1e-6)


def test_a_subset_is_scored_in_the_order_of_its_ids():
    logits, labels = logits_and_labels()
    ids = torch.randperm(1000, generator=torch.Generator().manual_seed(1))[:N]
    whole, subset = ScoreRecorder("du", n_samples=N), ScoreRecorder("du", sample_ids=ids.numpy())
    record_epochs(whole, logits, labels, range(N_EPOCHS))
    record_epochs(subset, logits, labels, range(N_EPOCHS), ids)
    np.testing.assert_array_equal(subset.scores(), whole.scores())


@pytest.mark.parametrize("kind", [torch.Tensor.int, torch.Tensor.numpy, torch.Tensor.tolist], ids=lambda f: f.__name__)
def test_indices_and_labels_are_tensors_arrays_or_lists(kind):
    logits, labels = logits_and_labels()
    expected, recorder = ScoreRecorder("aum", n_samples=N), ScoreRecorder("aum", n_samples=N)
    record_epochs(expected, logits, labels, range(2))
    for epoch in range(2):
        for rows in batches(epoch):
            recorder.record(kind(rows), logits[epoch][rows], kind(labels[rows]))
    np.testing.assert_array_equal(recorder.scores(), expected.scores())


def test_logits_of_half_precision_are_noted_in_float32_and_no_gradient_is_kept():
    logits, labels = logits_and_labels(n_epochs=1)
    half = logits[0].bfloat16().requires_grad_()
    of_half, of_float = ScoreRecorder("entropy", n_samples=N), ScoreRecorder("entropy", n_samples=N)
    of_half.record(range(N), half, labels)
    of_float.record(range(N), half.detach().float(), labels)
    np.testing.assert_array_equal(of_half.scores(), of_float.scores())


# Epochs


def test_a_batch_may_end_one_epoch_and_begin_the_next():
    logits, labels = logits_and_labels()
    expected, recorder = ScoreRecorder("du", n_samples=N), ScoreRecorder("du", n_samples=N)
    record_epochs(expected, logits, labels, range(N_EPOCHS))
    rows = torch.cat([torch.cat(batches(epoch)) for epoch in range(N_EPOCHS)])
    epochs = torch.arange(N_EPOCHS).repeat_interleave(N)
    for part in torch.arange(len(rows)).split(2 * N + 5):  # the ends of two epochs are within one
        recorder.record(rows[part], logits[epochs[part], rows[part]], labels[rows[part]])
    assert recorder.n_epochs == N_EPOCHS
    np.testing.assert_array_equal(recorder.scores(), expected.scores())


def test_an_epoch_that_has_begun_does_not_count_and_recording_goes_on():
    logits, labels = logits_and_labels()
    recorder, short, whole = (ScoreRecorder(EVERY, n_samples=N) for _ in range(3))
    record_epochs(short, logits, labels, range(N_EPOCHS - 1))
    record_epochs(whole, logits, labels, range(N_EPOCHS))
    record_epochs(recorder, logits, labels, range(N_EPOCHS - 1))
    first, *rest = batches(N_EPOCHS - 1)
    recorder.record(first, logits[-1][first], labels[first])
    for name, scores in recorder.scores().items():
        np.testing.assert_array_equal(scores, short.scores()[name])
    for rows in rest:
        recorder.record(rows, logits[-1][rows], labels[rows])
    for name, scores in recorder.scores().items():
        np.testing.assert_array_equal(scores, whole.scores()[name])


def test_a_sample_left_out_of_an_epoch_is_a_fault_that_names_it():
    logits, labels = logits_and_labels()
    recorder = ScoreRecorder("du", sample_ids=np.arange(100, 100 + N))
    order = torch.cat([torch.arange(N), torch.arange(N - 2), torch.tensor([0, 1])])  # drop_last, and the next epoch
    with pytest.raises(
        InputFault, match="2 of 23 samples did not come in epoch 2, the first of them 121, because others"
    ):
        for rows in order.split(6):
            recorder.record(100 + rows, logits[0][rows], labels[rows])


@pytest.mark.parametrize("index", [-1, N, 10**12])
def test_an_index_of_no_sample_is_a_fault(index):
    logits, labels = logits_and_labels()
    with pytest.raises(InputFault, match=re.escape(f"epoch 1 has index {index} not in 0..22; give")):
        ScoreRecorder("du", n_samples=N).record([0, index], logits[0][:2], labels[:2])
    with pytest.raises(InputFault, match=f"epoch 1 has index {index} not among sample_ids; give"):
        ScoreRecorder("du", sample_ids=[3, 0]).record([0, index], logits[0][:2], labels[:2])


def test_too_few_epochs_are_a_fault():
    logits, labels = logits_and_labels()
    recorder = ScoreRecorder("du", n_samples=N, window=4)
    with pytest.raises(InputFault, match="du, window = 4: needs at least 5 epochs, found 0"):
        recorder.scores()
    record_epochs(recorder, logits, labels, range(4))
    with pytest.raises(InputFault, match="du, window = 4: needs at least 5 epochs, found 4"):
        recorder.scores()


@pytest.mark.parametrize("score", EVERY, ids=lambda score: score["name"])
def test_a_training_that_diverged_gives_a_fault_and_no_nan(score):
    logits, labels = logits_and_labels()
    logits[2, 7] = torch.nan
    options = {**score, "trajectory_from": "first"} if score["name"] == "tdds" else score
    recorder = ScoreRecorder([options], sample_ids=np.arange(50, 50 + N))
    record_epochs(recorder, logits, labels, range(N_EPOCHS), torch.arange(50, 50 + N))
    with pytest.raises(InputFault, match=f"diverged: 1 {score['name']} scores are not finite, the first of sample 57"):
        recorder.scores()


# Checkpoints


@pytest.mark.parametrize("previous_dtype", ["float32", "float16"])
@pytest.mark.parametrize("n_batches", [0, 1, 4, 9, 46])
def test_a_recorder_goes_on_from_its_state(n_batches, previous_dtype):
    logits, labels = logits_and_labels()
    todo = [(epoch, rows) for epoch in range(N_EPOCHS) for rows in batches(epoch)]
    whole, killed, resumed = (ScoreRecorder(EVERY, n_samples=N, previous_dtype=previous_dtype) for _ in range(3))
    for epoch, rows in todo:
        whole.record(rows, logits[epoch][rows], labels[rows])
    for epoch, rows in todo[:n_batches]:
        killed.record(rows, logits[epoch][rows], labels[rows])
    file = io.BytesIO()
    torch.save(killed.state_dict(), file)
    for epoch, rows in todo[n_batches:]:  # what comes after the state was saved is not in it
        killed.record(rows, logits[epoch][rows] + 1, labels[rows])
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    torch.save(resumed.state_dict(), io.BytesIO())  # also before the first batch
    for epoch, rows in todo[n_batches:]:
        resumed.record(rows, logits[epoch][rows], labels[rows])
    assert resumed.n_epochs == N_EPOCHS
    for name, scores in whole.scores().items():
        np.testing.assert_array_equal(resumed.scores()[name], scores)


def test_a_state_of_another_recorder_is_refused():
    state = ScoreRecorder("du", n_samples=N, window=5).state_dict()
    for other in (
        ScoreRecorder("du", n_samples=N),
        ScoreRecorder("aum", n_samples=N),
        ScoreRecorder("du", n_samples=N + 1, window=5),
        ScoreRecorder("du", sample_ids=np.arange(N)[::-1], window=5),
    ):
        with pytest.raises(ValueError, match="the state is of a recorder with"):
            other.load_state_dict(state)


# What is refused at once


@pytest.mark.parametrize(
    "arguments, text",
    [
        ({"scores": "du"}, "n_samples, of a data set"),
        ({"scores": "du", "n_samples": 3, "sample_ids": [1]}, "n_samples, of a data set"),
        ({"scores": ["du"], "n_samples": 3, "window": 5}, "options are of a single score"),
        ({"scores": [], "n_samples": 3}, "name at least one"),
        ({"scores": [{"du": {"window": 5}}], "n_samples": 3}, "name at least one"),
        ({"scores": ["du", {"name": "du", "window": 5}], "n_samples": 3}, "each once"),
        ({"scores": "du", "sample_ids": [1, 1]}, "whole numbers"),
        ({"scores": "du", "sample_ids": [1.5]}, "whole numbers"),
        ({"scores": "du", "n_samples": 0}, "one or more"),
        ({"scores": "du", "n_samples": 3, "window": 1}, "window"),
        ({"scores": "du", "n_samples": 3, "frobnicate": 1}, "frobnicate"),
        ({"scores": "tdds", "n_samples": 3, "previous_dtype": "int8"}, "previous_dtype"),
    ],
)
def test_a_bad_setting_is_refused_at_once(arguments, text):
    with pytest.raises(ValueError, match=text):
        ScoreRecorder(**arguments)


def test_a_score_that_is_not_there_is_a_fault_that_lists_those_that_are():
    with pytest.raises(InputFault, match="'dux' is none of the scores; there are: aum, du, "):
        ScoreRecorder("dux", n_samples=3)


@pytest.mark.parametrize("shapes", [((2,), (3, 4), (3,)), ((3,), (3, 4), (3, 4)), ((3,), (3,), (3,))])
def test_shapes_that_do_not_fit_are_refused(shapes):
    indices, logits, labels = (torch.zeros(shape, dtype=torch.int64) for shape in shapes)
    with pytest.raises(ValueError, match=re.escape("not (b,), (b, C) and (b,)")):
        ScoreRecorder("du", n_samples=3).record(indices, logits.float(), labels)


def test_indices_that_are_no_whole_numbers_are_refused():
    with pytest.raises(ValueError, match=r"indices are torch\.float32, not whole numbers"):
        ScoreRecorder("du", n_samples=3).record(torch.zeros(3), torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))


# On a GPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("place", ["cpu", "cuda"])
def test_on_a_gpu_a_batch_does_not_wait_and_the_scores_are_those_of_the_cpu(place):
    logits, labels = logits_and_labels()
    expected, recorder = (ScoreRecorder(EVERY, n_samples=N) for _ in range(2))
    record_epochs(expected, logits, labels, range(N_EPOCHS))
    for epoch in range(N_EPOCHS):
        *before, last = (
            (rows.to(place), logits[epoch][rows].cuda(), labels[rows].to(place)) for rows in batches(epoch)
        )
        torch.cuda.set_sync_debug_mode("error")
        for batch in before:
            recorder.record(*batch)
        torch.cuda.set_sync_debug_mode("default")
        recorder.record(*last)  # the epoch's end waits
    for name, scores in recorder.scores().items():
        np.testing.assert_allclose(scores, expected.scores()[name], rtol=1e-4, atol=1e-6)
    with pytest.raises(InputFault, match=r"epoch 13 has .* not in 0\.\.22"):
        recorder.record(torch.arange(1, N + 1, device=place), logits[0].cuda(), labels)
