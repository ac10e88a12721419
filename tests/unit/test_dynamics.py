"""The recorder of training dynamics: every sample once an epoch, the file's form, whole or absent."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from score_extrapolation.training.dynamics import read_epochs, read_sample_ids
from score_extrapolation.training.recorder import DynamicsRecorder

CPU = torch.device("cpu")
IDS = np.array([2, 3, 5, 7, 11])
LABELS = torch.tensor([0, 1, 2, 1, 0])


def softmax(n_epochs=3, n_samples=5, n_classes=3):
    return torch.rand(n_epochs, n_samples, n_classes, generator=torch.Generator().manual_seed(0)).softmax(2)


def observe(recorder, probabilities, rows):
    recorder.observe(np.array(rows), probabilities[rows], LABELS[rows])


def test_every_epoch_is_one_row_group_of_epoch_sample_id_and_records(tmp_path):
    probabilities = softmax()
    with DynamicsRecorder(tmp_path / "d.parquet", IDS, ["probability"], CPU) as recorder:
        for epoch in probabilities:
            observe(recorder, epoch, [4, 1])
            observe(recorder, epoch, [0, 2, 3])
            recorder.end_epoch()
    file = pq.ParquetFile(tmp_path / "d.parquet")
    assert file.metadata.num_row_groups == 3
    expected = [("epoch", pa.int32()), ("sample_id", pa.int64()), ("probability", pa.float32())]
    assert file.schema_arrow == pa.schema(expected)
    table = file.read().to_pydict()
    assert table["epoch"] == [0] * 5 + [1] * 5 + [2] * 5
    assert table["sample_id"] == IDS.tolist() * 3
    of_label = probabilities[:, torch.arange(5), LABELS].numpy()
    np.testing.assert_array_equal(np.array(table["probability"], np.float32).reshape(3, 5), of_label)
    np.testing.assert_array_equal(read_sample_ids(tmp_path / "d.parquet"), IDS)
    np.testing.assert_array_equal(list(read_epochs(tmp_path / "d.parquet", "probability")), of_label)


@pytest.mark.parametrize(
    "batches, n_wrong",
    [([[0, 1, 2, 3]], 1), ([[0, 1, 2, 3, 4], [0]], 1), ([[0, 1], [1, 2, 3, 4]], 1), ([[0, 0, 1, 2, 3, 4]], 1), ([], 5)],
    ids=["one missing", "one again", "in two batches", "twice in a batch", "none"],
)
def test_a_sample_that_is_not_seen_exactly_once_is_an_error(batches, n_wrong, tmp_path):
    with (
        pytest.raises(RuntimeError, match=f"epoch 0: {n_wrong} samples not seen exactly once"),
        DynamicsRecorder(tmp_path / "d.parquet", IDS, ["probability"], CPU) as recorder,
    ):
        for rows in batches:
            observe(recorder, softmax()[0], rows)
        recorder.end_epoch()
    assert list(tmp_path.iterdir()) == []


def test_each_epoch_is_counted_anew(tmp_path):
    with DynamicsRecorder(tmp_path / "d.parquet", IDS, ["probability"], CPU) as recorder:
        observe(recorder, softmax()[0], [0, 1, 2, 3, 4])
        recorder.end_epoch()
        observe(recorder, softmax()[1], [0, 1, 2, 3])
        with pytest.raises(RuntimeError, match="epoch 1: 1 samples"):
            recorder.end_epoch()


def test_the_file_is_absent_when_the_block_raises(tmp_path):
    with (
        pytest.raises(KeyboardInterrupt),
        DynamicsRecorder(tmp_path / "d.parquet", IDS, ["probability"], CPU) as recorder,
    ):
        observe(recorder, softmax()[0], [0, 1, 2, 3, 4])
        recorder.end_epoch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_when_the_block_raises(tmp_path):
    (tmp_path / "d.parquet").write_text("older")
    with pytest.raises(ValueError), DynamicsRecorder(tmp_path / "d.parquet", IDS, ["probability"], CPU):
        raise ValueError
    assert (tmp_path / "d.parquet").read_text() == "older"


def test_more_than_a_mebi_of_samples_are_one_row_group_an_epoch(tmp_path):
    n = 2**20 + 3
    half, labels = torch.full((n, 2), 0.5), torch.zeros(n, dtype=torch.int64)
    with DynamicsRecorder(tmp_path / "d.parquet", np.arange(n), ["probability"], CPU) as recorder:
        for _ in range(2):
            recorder.observe(np.arange(n), half, labels)
            recorder.end_epoch()
    assert len(read_sample_ids(tmp_path / "d.parquet")) == n
    assert [len(values) for values in read_epochs(tmp_path / "d.parquet", "probability")] == [n, n]


def test_the_same_dynamics_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        with DynamicsRecorder(tmp_path / name, IDS, ["probability"], CPU) as recorder:
            observe(recorder, softmax()[0], [0, 1, 2, 3, 4])
            recorder.end_epoch()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
