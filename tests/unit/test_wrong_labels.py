"""Labels that are replaced by wrong ones: how many, by which, and that nothing else of the store changes."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preparing import prepare_samples
from score_extrapolation.datasets.store import store_tables as _tables
from score_extrapolation.datasets.store.checksums import verify_store
from score_extrapolation.datasets.store.labels import draw_wrong
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import read_table

LABELS = st.lists(st.integers(0, 4), min_size=2, max_size=60).filter(lambda labels: len(set(labels)) > 1)


@given(LABELS, st.floats(0.01, 0.99), st.integers(0, 5))
def test_so_many_get_another_class_that_there_is(labels, share, seed):
    labels = np.array(labels)
    if round(share * len(labels)) == 0:
        with pytest.raises(InputFault, match=r"^samples.wrong_labels = .* is none of them; give "):
            draw_wrong(labels, share, seed)
        return
    rows, wrong = draw_wrong(labels, share, seed)
    assert len(rows) == len(wrong) == len(set(rows.tolist())) == round(share * len(labels))
    assert rows.tolist() == sorted(rows.tolist()) and set(rows.tolist()) <= set(range(len(labels)))
    assert not (wrong == labels[rows]).any()
    assert set(wrong.tolist()) <= set(labels.tolist())
    again = draw_wrong(labels, share, seed)
    assert (rows.tolist(), wrong.tolist()) == tuple(part.tolist() for part in again)


def test_samples_and_classes_are_drawn_uniformly():
    labels = np.repeat([0, 2, 5], [6000, 3000, 1000])
    rows, wrong = draw_wrong(labels, 0.3, 0)
    counts = {(old, new): np.sum((labels[rows] == old) & (wrong == new)) for old in (0, 2, 5) for new in (0, 2, 5)}
    for (old, new), count in counts.items():
        expected = 0.0 if old == new else 0.3 * np.sum(labels == old) / 2
        assert abs(count - expected) <= 4 * np.sqrt(expected)  # four standard deviations or more
    other = draw_wrong(labels, 0.3, 1)
    assert len(np.intersect1d(rows, other[0])) < 0.4 * len(rows)


def test_of_one_class_there_is_no_other():
    with pytest.raises(InputFault, match=r"^samples.wrong_labels = 0.5, but all training samples are of one class; "):
        draw_wrong(np.full(10, 3), 0.5, 0)


@pytest.fixture
def arguments(tmp_path):
    """60 images of three classes, of which some are equal, with a test set that is split off and one that is not."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 4, 4), dtype=np.uint8)
    images[50:55] = images[:5]
    np.savez(tmp_path / "train.npz", x=images, y=np.arange(60) % 3)
    np.savez(tmp_path / "validation.npz", x=images[:9], y=np.arange(9) % 3)
    return {
        "dataset": "npz",
        "train": [str(tmp_path / "train.npz")],
        "test": 0.25,
        "validation": [str(tmp_path / "validation.npz")],
        "options": {},
        "seed": 2,
    }


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("duplicates", ["keep", "drop"])
def test_only_labels_of_training_samples_change_and_a_file_says_which(
    arguments, tmp_path, monkeypatch, caplog, duplicates
):
    monkeypatch.setattr(_tables, "BLOCK", 7)  # labels are replaced block by block
    arguments["duplicates"] = duplicates
    plain, noisy = tmp_path / "plain", tmp_path / "noisy"
    summary = prepare_samples(**arguments, folder=plain)
    with caplog.at_level("WARNING"):
        found = prepare_samples(**arguments, folder=noisy, wrong_labels=0.2)
    n_train = summary["n"]["train"]
    n_wrong = round(0.2 * n_train)
    assert found == {**summary, "wrong_labels": n_wrong} == json.loads((noisy / "summary.json").read_text())
    listed, before, after = (
        read_table(noisy / "wrong_labels.parquet"),
        read_table(plain / "train.parquet"),
        read_table(noisy / "train.parquet"),
    )
    changed = np.flatnonzero(before["label"] != after["label"])
    assert len(changed) == n_wrong
    np.testing.assert_array_equal(listed["sample_id"], changed)
    np.testing.assert_array_equal(listed["label"], after["label"][changed])
    np.testing.assert_array_equal(listed["true_label"], before["label"][changed])
    assert after["source"].tolist() == before["source"].tolist()
    same = {"train.npy", "test.npy", "test.parquet", "validation.npy", "validation.parquet", "duplicates.parquet"}
    of_plain, of_noisy = contents(plain), contents(noisy)
    assert all(of_plain[name] == of_noisy[name] for name in same)
    assert of_noisy.keys() - of_plain.keys() == {"wrong_labels.parquet"}
    assert f"{n_wrong} of {n_train} training images have the label of another class" in caplog.text
    assert verify_store(noisy) == []
    (noisy / "wrong_labels.parquet").write_bytes(b"damaged")
    (sentence,) = verify_store(noisy)
    assert "wrong_labels.parquet" in sentence


def test_the_draw_follows_the_seed_of_the_splits_and_nothing_is_left_of_it(arguments, tmp_path):
    arguments["test"] = None
    for name, seed in (("one", 2), ("again", 2), ("other", 3)):
        prepare_samples(**{**arguments, "seed": seed}, folder=tmp_path / name, wrong_labels=0.3)
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    ids = [read_table(tmp_path / name / "wrong_labels.parquet")["sample_id"].tolist() for name in ("one", "other")]
    assert ids[0] != ids[1] and len(ids[0]) == len(ids[1]) == 18
    assert one["train.npy"] == other["train.npy"]
    prepare_samples(**arguments, folder=tmp_path / "one")
    assert "wrong_labels.parquet" not in contents(tmp_path / "one")


def test_images_of_a_pool_are_training_images_too(arguments, tmp_path):
    pool = {"dataset": "npz", "path": arguments["validation"], "split": "train", "options": {}}
    arguments |= {"validation": None, "pool": pool}
    plain = prepare_samples(**arguments, folder=tmp_path / "plain")
    noisy = prepare_samples(**arguments, folder=tmp_path / "noisy", wrong_labels=0.9)
    labels = [read_table(tmp_path / name / "train.parquet")["label"] for name in ("plain", "noisy")]
    assert noisy["wrong_labels"] == np.sum(labels[0] != labels[1]) == round(0.9 * plain["n"]["train"])
    assert (labels[0] != labels[1])[-plain["n_pool"] :].any()
