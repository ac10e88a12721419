"""Equal images: counted, listed, left out."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from preparing import prepare_samples
from score_extrapolation.datasets.store import chunks as _chunks
from score_extrapolation.datasets.store import duplicates as _duplicates
from score_extrapolation.datasets.store.duplicates import Seen
from score_extrapolation.faults import InputFault


@pytest.mark.parametrize("recent", [1, 5, 10**6])
def test_seen_knows_what_a_set_knows(recent, monkeypatch):
    monkeypatch.setattr(_duplicates, "RECENT", recent)
    rng = np.random.default_rng(0)
    known = [bytes([value, 0, 0]) + bytes(12) + b"\1" for value in range(40)] + [bytes(16), b"a" + bytes(15)]
    drawn = [known[i] for i in rng.integers(0, len(known), 200)]
    seen, slow, found, expected = Seen(np.array(drawn[:20], "S16")), set(drawn[:20]), [], []
    for start in range(20, 200, 9):
        found += seen.add(np.array(drawn[start : start + 9], "S16")).tolist()
    for digest in drawn[20:]:
        expected.append(digest not in slow)
        slow.add(digest)
    assert found == expected


def write(path, values, labels):
    """Images of one value each: equal values are equal images."""
    np.savez(path, x=np.array(values, np.uint8)[:, None, None] * np.ones((1, 3, 3), np.uint8), y=labels)
    return str(path)


@pytest.fixture
def sets(tmp_path):
    train = write(tmp_path / "train.npz", [10, 20, 10, 30, 20, 40, 20, 50], [0, 1, 0, 1, 0, 0, 1, 1])
    test = write(tmp_path / "test.npz", [20, 60, 60, 10, 70], [1, 0, 1, 1, 0])
    return {"dataset": "npz", "train": [train], "test": [test], "validation": None, "options": {}}


def rows(folder):
    return [tuple(row.values()) for row in pq.read_table(folder / "duplicates.parquet").to_pylist()]


def test_kept_they_are_listed_with_the_first_of_them(sets, tmp_path, caplog):
    with caplog.at_level("WARNING"):
        summary = prepare_samples(**sets, folder=tmp_path / "out")
    assert summary["duplicates"] == {"train": 3, "other_label": 1, "test_in_train": 2}
    assert json.loads((tmp_path / "out/summary.json").read_text()) == summary and summary["n"]["train"] == 8
    train, test = sets["train"][0], sets["test"][0]
    assert rows(tmp_path / "out") == [
        ("train", 2, 0, f"{train}#2", "train", 0, 0),
        ("train", 4, 0, f"{train}#4", "train", 1, 1),
        ("train", 6, 1, f"{train}#6", "train", 1, 1),
        ("test", 0, 1, f"{test}#0", "train", 1, 1),
        ("test", 2, 1, f"{test}#2", "test", 1, 0),
        ("test", 3, 1, f"{test}#3", "train", 0, 0),
    ]
    assert (
        "samples: 3 training images are equal to earlier ones, 1 of these with another label, and 2 test images are "
        "training images too; duplicates.parquet lists them" in caplog.text
    )


@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_dropped_the_first_stays_and_all_stays_aligned(sets, tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(_chunks, "CHUNK_IMAGES", chunk)
    pool = write(tmp_path / "pool.npz", [80, 50, 80, 90], [1, 1, 0, 0])
    pool = {"dataset": "npz", "path": [pool], "split": "train", "options": {}}
    summary = prepare_samples(**sets, folder=tmp_path / "out", duplicates="drop", pool=pool)
    assert summary["n"] == {"train": 7, "test": 5} and summary["n_pool"] == 2 and summary["dropped"] == []
    assert summary["duplicates"] == {"train": 5, "other_label": 2, "test_in_train": 2}
    images, table = np.load(tmp_path / "out/train.npy"), pq.read_table(tmp_path / "out/train.parquet").to_pydict()
    assert images[:, 0, 0, 0].tolist() == [10, 20, 30, 40, 50, 80, 90] and table["label"] == [0, 1, 1, 0, 1, 1, 0]
    train, pool = sets["train"][0], pool["path"][0]
    assert table["source"] == [*(f"{train}#{row}" for row in (0, 1, 3, 5, 7)), f"{pool}#0", f"{pool}#3"]
    assert summary["mean"] == [pytest.approx(30 / 255)]  # of the own ones
    listed = rows(tmp_path / "out")
    assert [row for row in listed if row[0] == "test"] == [
        ("test", 0, 1, f"{sets['test'][0]}#0", "train", 1, 1),
        ("test", 2, 1, f"{sets['test'][0]}#2", "test", 1, 0),
        ("test", 3, 1, f"{sets['test'][0]}#3", "train", 0, 0),
    ]
    assert [row for row in listed if row[0] == "train"] == [
        ("train", None, 0, f"{train}#2", "train", 0, 0),
        ("train", None, 0, f"{train}#4", "train", 1, 1),
        ("train", None, 1, f"{train}#6", "train", 1, 1),
        ("train", None, 1, f"{pool}#1", "train", 4, 1),
        ("train", None, 0, f"{pool}#2", "train", 5, 1),
    ]


def test_dropping_may_not_take_a_whole_class_or_pool(sets, tmp_path):
    end = ", since each is equal to an earlier training image; mend the labels, or set samples.duplicates: keep"
    pool = {"dataset": "npz", "path": sets["train"], "split": "train", "options": {}}
    with pytest.raises(InputFault) as fault:
        prepare_samples(**sets, folder=tmp_path / "out", duplicates="drop", pool=pool)
    assert str(fault.value) == "samples.duplicates: drop leaves no sample of samples.pool" + end
    train = write(tmp_path / "other.npz", [1, 2, 1, 2], [0, 0, 1, 1])
    with pytest.raises(InputFault) as fault:
        prepare_samples(**sets | {"train": [train], "test": None}, folder=tmp_path / "out", duplicates="drop")
    assert str(fault.value) == "samples.duplicates: drop leaves no sample of the class 1 in train" + end


def test_none_are_no_warning(tmp_path, caplog):
    train = write(tmp_path / "train.npz", [1, 2, 3], [0, 1, 1])
    with caplog.at_level("WARNING"):
        summary = prepare_samples("npz", [train], None, None, {}, tmp_path / "out")
    assert summary["duplicates"] == {"train": 0, "other_label": 0} and rows(tmp_path / "out") == []
    assert not caplog.text
