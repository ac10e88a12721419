"""Images on the device and images read ahead are the same images."""

import threading

import numpy as np
import pytest
import torch

from score_extrapolation.training import images
from score_extrapolation.training.images import READ_AHEAD, ResidentImages, StreamedImages

CPU = torch.device("cpu")


@pytest.fixture
def store(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "train.npy", rng.integers(0, 256, (50, 4, 3, 2), dtype=np.uint8))
    return np.load(tmp_path / "train.npy", mmap_mode="r")


@pytest.mark.parametrize("make", [ResidentImages.load, StreamedImages])
@pytest.mark.parametrize("n_batches", [0, 1, READ_AHEAD, READ_AHEAD + 3])
def test_batches_are_the_rows_asked_for_in_their_order(store, make, n_batches):
    places = np.array([3, 4, 10, 11, 30, 47, 49])
    source, rng = make(store, places, CPU), np.random.default_rng(1)
    batches = [rng.integers(0, 7, size) for size in rng.integers(0, 6, n_batches)]
    assert source.shape == (7, 4, 3, 2)
    assert len(source) == 7
    seen = list(source.batches(batches))
    assert len(seen) == n_batches
    for rows, found in zip(batches, seen, strict=True):
        assert found.dtype == torch.uint8
        np.testing.assert_array_equal(found.numpy(), store[places[rows]])


@pytest.mark.parametrize("make", [ResidentImages.load, StreamedImages])
def test_a_batch_is_the_caller_s_to_change(store, make):
    source = make(store, np.arange(50), CPU)
    next(iter(source.batches([np.array([5])]))).zero_()
    (again,) = source.batches([np.array([5])])
    np.testing.assert_array_equal(again.numpy(), store[[5]])


def test_loading_in_chunks_is_loading(store, monkeypatch):
    monkeypatch.setattr(images, "CHUNK", 24 * 3)
    places = np.array([1, 2, 5, 8, 9, 30, 49])
    np.testing.assert_array_equal(ResidentImages.load(store, places, CPU).images.numpy(), store[places])


def test_batches_are_read_before_they_are_needed_and_not_all_at_once(store, monkeypatch):
    source = StreamedImages(store, np.arange(50), CPU)
    n_read, first_needed = [], threading.Event()
    read = source._read

    def counted(rows):
        n_read.append(len(rows))
        if len(n_read) == READ_AHEAD:
            first_needed.set()
        return read(rows)

    monkeypatch.setattr(source, "_read", counted)
    batches = source.batches([np.array([i]) for i in range(20)])
    next(batches)
    assert first_needed.wait(10)
    assert READ_AHEAD <= len(n_read) <= READ_AHEAD + 1
    batches.close()


def test_a_fault_while_reading_reaches_the_training(store):
    with pytest.raises(IndexError):
        list(StreamedImages(store, np.arange(60), CPU).batches([np.array([55])]))
