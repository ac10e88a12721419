"""The reader of Hugging Face data sets on disk, as `save_to_disk` writes them; and each sentence of a fault."""

import json
from importlib.util import find_spec

import pyarrow as pa
import pytest

from formats import encoded, write_arrow
from preparing import prepare_samples
from score_extrapolation.datasets.readers import huggingface
from score_extrapolation.faults import InputFault


def read(split, *paths, **options):
    return huggingface.read_split(split, [str(path) for path in paths], huggingface.Options(**options))


def fault_of(split, *paths, **options):
    with pytest.raises(InputFault) as fault:
        read(split, *paths, **options)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def test_reads_the_files_of_a_data_set_in_order(tmp_path):
    images = [bytes([row]) * (row + 1) for row in range(11)]
    write_arrow(tmp_path / "set", images, [row % 3 for row in range(11)], n_files=4, names=["u", "v", "w"])
    split = read("train", tmp_path / "set")
    assert split.labels.tolist() == [row % 3 for row in range(11)]
    assert split.class_names == ["u", "v", "w"]
    assert split.sources[4] == f"{tmp_path}/set/data-00001-of-00004.arrow#1"
    for start in range(11):
        for stop in range(start, 12):
            assert split.read(start, stop) == images[start:stop]
    assert read("test", tmp_path / "set", tmp_path / "set").read(10, 13) == [images[10], *images[:2]]


def test_images_may_be_paths_and_labels_texts(tmp_path):
    rows = [{"bytes": None, "path": "/else/1.png"}, {"bytes": b"b", "path": "2.png"}, {"bytes": None, "path": None}]
    more = {"kind": ["dog", "cat", "dog"], "mask": pa.array([b"1", b"2", b"3"])}
    write_arrow(tmp_path / "set", rows, None, **more)
    split = read("train", tmp_path / "set", image_column="image")
    assert split.labels.tolist() == ["dog", "cat", "dog"]
    assert split.class_names is None
    assert [str(image) if hasattr(image, "suffix") else image for image in split.read(0, 3)] == [
        "/else/1.png",
        b"b",
        b"",
    ]
    assert fault_of("train", tmp_path / "set").startswith("samples.train: image and mask could each be the image ")


def test_splits_of_several_are_given(tmp_path):
    write_arrow(tmp_path / "all" / "train", encoded(6), [0, 1] * 3, names=["u", "v"])
    write_arrow(tmp_path / "all" / "test", encoded(2, seed=1), [1, 0], names=["u", "v"])
    (tmp_path / "all" / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    path = str(tmp_path / "all")
    assert prepare_samples("huggingface", [path], "given", None, {}, tmp_path / "out")["n"] == {"train": 6, "test": 2}
    assert fault_of("validation", path) == (
        f"samples.validation: {path} has the splits train, test, but no validation; give a fraction, or the path of "
        "one of them"
    )
    with pytest.raises(
        InputFault, match=r"samples\.test: given, but .*/all/train has no test set of its own: it begins"
    ):
        prepare_samples("huggingface", [f"{path}/train"], "given", None, {}, tmp_path / "out")
    summary = prepare_samples("huggingface", [f"{path}/train"], [f"{path}/test"], None, {}, tmp_path / "out")
    assert summary["n"] == {"train": 6, "test": 2}


def test_without_labels_there_need_be_no_column_of_them(tmp_path):
    write_arrow(tmp_path / "set", encoded(3), None)
    split = huggingface.read_unlabelled("train", [str(tmp_path / "set")], huggingface.Options())
    assert split.labels is None
    assert split.read(0, 3) == encoded(3)
    assert fault_of("train", tmp_path / "set").startswith("samples.train: there is no label column (integers or stri")


def test_faults(tmp_path):
    assert fault_of("train", tmp_path) == (
        f"samples.train: {tmp_path} has no state.json; give a folder that save_to_disk wrote, or use dataset: parquet "
        "for files of the hub"
    )
    write_arrow(tmp_path / "a", encoded(3), [0, 1, 0], names=["u", "v"])
    write_arrow(tmp_path / "b", encoded(3), [0, 1, 0], names=["v", "u"])
    files = [tmp_path / name / "data-00000-of-00001.arrow" for name in "ab"]
    assert fault_of("train", tmp_path / "a", tmp_path / "b") == (
        f"samples.train: {files[1]} names the classes otherwise than {files[0]}; give files of one data set"
    )
    write_arrow(tmp_path / "c", encoded(3), [0, None, 0])
    assert "has 1 nulls; give each sample a label" in fault_of("train", tmp_path / "c")
    content = files[0].read_bytes()
    for length in (0, 100, len(content) // 2, len(content) - 8):  # the last is cut between two batches
        files[0].write_bytes(content[:length])
        said = fault_of("train", tmp_path / "a")
        assert said.startswith(f"samples.train: {files[0]} is not a readable Arrow stream (")
    files[0].unlink()
    assert fault_of("train", tmp_path / "a").startswith(f"samples.train: {files[0]} is not a readable Arrow stream (")
    (tmp_path / "b" / "state.json").write_text("{}")
    assert fault_of("train", tmp_path / "b").endswith(
        "state.json is not as save_to_disk writes it (KeyError('_data_files')); save it again"
    )


@pytest.mark.skipif(find_spec("datasets") is None, reason="the package datasets is not installed")
def test_what_datasets_saves_is_read(tmp_path):
    import datasets

    images = encoded(9)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["u", "v", "w"])})
    rows = {"image": [{"bytes": image, "path": None} for image in images], "label": [row % 3 for row in range(9)]}
    whole = datasets.Dataset.from_dict(rows, features=features)
    parts = datasets.DatasetDict({"train": whole.select(range(6)), "test": whole.select([8, 6])})
    parts.save_to_disk(str(tmp_path / "all"), num_shards={"train": 2, "test": 1})
    train, test = read("train", tmp_path / "all"), read("test", tmp_path / "all")
    assert (train.read(0, 6), test.read(0, 2)) == (images[:6], [images[8], images[6]])
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 2] * 2, [2, 0])
    assert train.class_names == ["u", "v", "w"]
