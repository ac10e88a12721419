"""The file of training dynamics: its form, one row group an epoch, whole or absent."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from score_extrapolation.training.dynamics import DynamicsWriter, read_epochs, read_sample_ids

IDS = np.array([2, 3, 5, 7, 10**12])
RECORDS = ["probability", "divergence"]


def random_epochs(n_epochs=3):
    """What a training writes: of each epoch each record; the first epoch has no divergence."""
    rng = np.random.default_rng(0)
    epochs = [{name: rng.random(len(IDS)).astype(np.float32) for name in RECORDS} for _ in range(n_epochs)]
    epochs[0]["divergence"][:] = np.nan
    return epochs


def test_every_epoch_is_one_row_group_of_epoch_sample_id_and_records(tmp_path):
    epochs = random_epochs()
    with DynamicsWriter(tmp_path / "d.parquet", IDS, RECORDS) as writer:
        for values in epochs:
            writer.write_epoch(values)
    file = pq.ParquetFile(tmp_path / "d.parquet")
    assert file.metadata.num_row_groups == 3
    expected = [("epoch", pa.int32()), ("sample_id", pa.int64()), *((name, pa.float32()) for name in RECORDS)]
    assert file.schema_arrow == pa.schema(expected)
    table = file.read()
    assert table["epoch"].to_pylist() == [0] * 5 + [1] * 5 + [2] * 5
    assert table["sample_id"].to_pylist() == IDS.tolist() * 3
    np.testing.assert_array_equal(read_sample_ids(tmp_path / "d.parquet"), IDS)
    for name in RECORDS:
        written = [values[name] for values in epochs]
        assert table[name].null_count == 0  # NaN is a number of the file, not a hole in it
        np.testing.assert_array_equal(table[name].to_numpy(), np.concatenate(written))
        np.testing.assert_array_equal(list(read_epochs(tmp_path / "d.parquet", name)), written)


def test_values_go_to_the_column_of_their_record_whatever_the_order_of_the_mapping(tmp_path):
    (values,) = random_epochs(1)
    with DynamicsWriter(tmp_path / "d.parquet", IDS, RECORDS) as writer:
        writer.write_epoch(dict(reversed(values.items())))
    for name in RECORDS:
        np.testing.assert_array_equal(list(read_epochs(tmp_path / "d.parquet", name)), [values[name]])


def test_an_epoch_is_written_at_once_so_that_its_arrays_can_be_used_again(tmp_path):
    epochs, buffer = random_epochs(), {name: np.empty(len(IDS), np.float32) for name in RECORDS}
    with DynamicsWriter(tmp_path / "d.parquet", IDS, RECORDS) as writer:
        for values in epochs:
            for name in RECORDS:
                buffer[name][:] = values[name]
            writer.write_epoch(buffer)
    read = list(read_epochs(tmp_path / "d.parquet", "probability"))
    np.testing.assert_array_equal(read, [values["probability"] for values in epochs])


def test_the_file_is_absent_when_the_block_raises(tmp_path):
    with pytest.raises(KeyboardInterrupt), DynamicsWriter(tmp_path / "d.parquet", IDS, RECORDS) as writer:
        writer.write_epoch(random_epochs()[0])
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_an_older_file_stays_when_the_block_raises(tmp_path):
    (tmp_path / "d.parquet").write_text("older")
    with pytest.raises(KeyError), DynamicsWriter(tmp_path / "d.parquet", IDS, RECORDS) as writer:
        writer.write_epoch({"probability": np.zeros(5, np.float32)})  # the other record is missing
    assert (tmp_path / "d.parquet").read_text() == "older"


def test_more_than_a_mebi_of_samples_are_one_row_group_an_epoch(tmp_path):
    n = 2**20 + 3
    with DynamicsWriter(tmp_path / "d.parquet", np.arange(n), ["probability"]) as writer:
        for _ in range(2):
            writer.write_epoch({"probability": np.full(n, 0.5, np.float32)})
    assert len(read_sample_ids(tmp_path / "d.parquet")) == n
    assert [len(values) for values in read_epochs(tmp_path / "d.parquet", "probability")] == [n, n]


def test_the_same_dynamics_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        with DynamicsWriter(tmp_path / name, IDS, RECORDS) as writer:
            for values in random_epochs():
                writer.write_epoch(values)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
