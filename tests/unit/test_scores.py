"""Scores from training dynamics: DU by hand, by the oracle, streamed from a file, and what is refused."""

import math

import numpy as np
import pytest
import torch

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.scores import score_dynamics, score_file
from score_extrapolation.training.recorder import DynamicsRecorder


def history(n_epochs, n_classes, n_samples, seed=0):
    """Softmax outputs (K, m, C) of random logits, and labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=3, size=(n_epochs, n_samples, n_classes))
    return oracles.softmax(logits), rng.integers(0, n_classes, n_samples)


def record(path, probabilities, labels, batches_of, sample_ids=None):
    """Write dynamics as a training would: each epoch in the batches of `batches_of(rng)`."""
    rng = np.random.default_rng(7)
    sample_ids = np.arange(len(labels)) if sample_ids is None else sample_ids
    with DynamicsRecorder(path, sample_ids, ["probability"], torch.device("cpu")) as recorder:
        for epoch in probabilities.astype(np.float32):
            for rows in batches_of(rng):
                recorder.observe(rows, torch.from_numpy(epoch[rows]), torch.from_numpy(labels[rows]))
            recorder.end_epoch()


def test_du_of_four_samples_is_what_a_person_computes():
    # p_y of three epochs and a window of two: one window, the first two epochs; the last epoch closes none.
    p_y = np.array([[0.5, 0.0, 0.2, 0.3], [0.5, 1.0, 0.4, 0.3], [0.5, 0.0, 0.9, 1.0]])
    probabilities = np.stack([p_y, 1 - p_y], axis=2)
    scores = score_dynamics("du", probabilities, np.zeros(4, int), window=2)
    #            constant, jumps 0/1,     |0.4 - 0.2| / sqrt(2), changes only in the last epoch
    expected = [0.0, math.sqrt(0.5), 0.2 / math.sqrt(2), 0.0]
    np.testing.assert_allclose(scores, expected, atol=1e-12)


def test_du_is_the_mean_over_windows():
    p_y = np.array([0.0, 1.0, 1.0, 0.0])[:, None]  # windows of two: (0, 1) and (1, 1)
    scores = score_dynamics("du", np.stack([p_y, 1 - p_y], axis=2), np.array([0]), window=2)
    np.testing.assert_allclose(scores, [math.sqrt(0.5) / 2], atol=1e-12)


def test_du_reads_the_probability_of_the_label():
    p_y = np.array([[0.1], [0.7], [0.1]])
    probabilities = np.stack([p_y, 1 - p_y, np.zeros_like(p_y)], axis=2)
    assert score_dynamics("du", probabilities, np.array([2]), window=2)[0] == 0
    assert score_dynamics("du", probabilities, np.array([0]), window=2)[0] > 0.4


@pytest.mark.parametrize(
    "n_epochs, n_classes, window", [(3, 2, 2), (12, 10, 10), (11, 3, 10), (25, 7, 4), (9, 100, 3), (50, 2, 10)]
)
def test_du_equals_the_oracle(n_epochs, n_classes, window):
    probabilities, labels = history(n_epochs, n_classes, n_samples=23)
    scores = score_dynamics("du", probabilities, labels, window=window)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, oracles.du(probabilities, labels, window), atol=1e-6)


def test_du_in_blocks_equals_du_at_once(monkeypatch):
    probabilities, labels = history(12, 3, 50)
    at_once = score_dynamics("du", probabilities, labels, window=5)
    monkeypatch.setattr("score_extrapolation.scores.du.BLOCK", 7)
    np.testing.assert_array_equal(score_dynamics("du", probabilities, labels, window=5), at_once)


@pytest.mark.parametrize("batch_size", [1, 7, 30])
@pytest.mark.parametrize("shuffled", [False, True])
def test_streamed_scores_equal_stored_ones_for_any_batches(batch_size, shuffled, tmp_path):
    probabilities, labels = history(14, 5, 30)

    def batches_of(rng):
        order = rng.permutation(30) if shuffled else np.arange(30)
        return np.split(order, range(batch_size, 30, batch_size))

    record(tmp_path / "dynamics.parquet", probabilities, labels, batches_of)
    _, scores = score_file({"name": "du", "window": 10}, tmp_path / "dynamics.parquet")
    stored = score_dynamics("du", probabilities.astype(np.float32), labels, window=10)
    np.testing.assert_array_equal(scores, stored)
    np.testing.assert_allclose(scores, oracles.du(probabilities, labels, 10), atol=1e-6)


def test_a_score_file_keeps_the_sample_ids(tmp_path):
    probabilities, labels = history(4, 2, 6)
    ids = np.array([3, 10, 11, 500, 501, 10**12])
    record(tmp_path / "dynamics.parquet", probabilities, labels, lambda rng: [np.arange(6)], ids)
    np.testing.assert_array_equal(score_file({"name": "du", "window": 3}, tmp_path / "dynamics.parquet")[0], ids)


def test_memory_mapped_history_is_scored(tmp_path):
    probabilities, labels = history(5, 3, 8)
    np.save(tmp_path / "history.npy", probabilities)
    mapped = np.load(tmp_path / "history.npy", mmap_mode="r")
    expected = score_dynamics("du", probabilities, labels, window=3)
    np.testing.assert_array_equal(score_dynamics("du", mapped, labels, window=3), expected)


@pytest.mark.parametrize("n_epochs", [1, 2, 4])
def test_too_few_epochs_are_refused(n_epochs):
    probabilities, labels = history(n_epochs, 3, 5)
    with pytest.raises(InputFault, match=rf"window = 4 needs at least 5 epochs, found {n_epochs}"):
        score_dynamics("du", probabilities, labels, window=4)


def test_scores_that_are_not_finite_are_refused(tmp_path):
    probabilities, labels = history(4, 2, 6)
    probabilities[1, 2] = np.nan
    record(tmp_path / "dynamics.parquet", probabilities, labels, lambda rng: [np.arange(6)], np.arange(10, 16))
    with pytest.raises(InputFault, match="1 du scores are not finite, the first of sample 12"):
        score_file({"name": "du", "window": 3}, tmp_path / "dynamics.parquet")


def test_an_unknown_score_is_refused():
    with pytest.raises(InputFault, match=r"'uncertainty' is none of the scores; there are: .*du"):
        score_dynamics("uncertainty", *history(4, 2, 6))


@pytest.mark.parametrize("options", [{"windw": 10}, {"window": 1}, {"window": 2.5}, {"window": "10"}])
def test_a_wrong_option_is_refused(options):
    with pytest.raises(ValueError, match=r"windw|window"):
        score_dynamics("du", *history(12, 2, 6), **options)


@pytest.mark.parametrize(
    "probabilities, labels",
    [((4, 6), (6,)), ((4, 6, 2), (5,)), ((4, 6, 2), (6, 1)), ((4, 6, 2), ()), ((1, 4, 6, 2), (4,))],
)
def test_shapes_that_do_not_fit_are_refused(probabilities, labels):
    with pytest.raises(ValueError, match=r"are not \(K, m, C\) and \(m,\)"):
        score_dynamics("du", np.full(probabilities, 0.5), np.zeros(labels, int), window=2)
