"""The data sets of the paper, from small files of exactly their published formats to what the workflow stores."""

import hashlib
import json
import pickle
import random
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from formats import TRAIN, VAL, in_a_fork, random_images, write_imagenet, write_places
from preparing import prepare_samples
from score_extrapolation import plugins
from score_extrapolation.datasets.readers import npz
from score_extrapolation.datasets.store import chunks as _chunks
from score_extrapolation.faults import InputFault
from score_extrapolation.io import tables


def read(dataset, split, paths, **options):
    reader = plugins.load_method("datasets", dataset)
    return reader.read_split(split, [str(path) for path in paths], reader.Options(**options))


def prepare(folder, dataset, train, test, validation=None, options=None, **more):
    return prepare_samples(dataset, [str(path) for path in train], test, validation, options or {}, folder, **more)


def fault_of(function, *args, **kwargs):
    with pytest.raises(InputFault) as fault:
        function(*args, **kwargs)
    assert "\n" not in str(fault.value)
    return str(fault.value)


def stored(folder, name):
    """Return images, labels and sources that were written of a split."""
    table = tables.read_table(folder / f"{name}.parquet")
    assert table["sample_id"].tolist() == list(range(len(table["label"])))
    return np.load(folder / f"{name}.npy"), table["label"].tolist(), table["source"].tolist()


@pytest.fixture
def small_pieces(monkeypatch):
    """Blocks and chunks of few images that do not fit each other."""
    monkeypatch.setattr(npz, "BLOCK_ROWS", 4)
    monkeypatch.setattr(_chunks, "CHUNK_IMAGES", 3)


# ---- ImageNet 64x64: train_data_batch_1 ... 10, val_data ---------------------------------------------------------


def of_channel_first_rows(data):
    """All red values of an image come first, row by row, then all green, then all blue."""
    red, green, blue = data[:, :4096], data[:, 4096:8192], data[:, 8192:]
    return np.stack([red, green, blue], axis=-1).reshape(-1, 64, 64, 3)


@pytest.mark.parametrize("suffix, save", [(".npz", np.savez), ("", np.savez_compressed)])
def test_imagenet_from_its_files_to_the_store(suffix, save, tmp_path, small_pieces):
    data, labels = write_imagenet(tmp_path / "in", suffix, save)
    train, test = [tmp_path / "in" / "train_data_batch_*"], [str(tmp_path / "in" / f"val_data{suffix}")]
    summary = prepare(tmp_path / "out", "npz", train, test, options={"layout": "chw"}, threads=3)
    assert summary["classes"] == [str(label) for label in range(1, 10)]
    assert summary["n"] == {"train": sum(range(5, 15)), "test": 15}
    assert (summary["height"], summary["width"], summary["channels"]) == (64, 64, 3)
    np.testing.assert_allclose(summary["mean"], of_channel_first_rows(data["train"]).mean((0, 1, 2)) / 255, rtol=1e-12)
    for name, published in (("train", "train"), ("test", "val")):
        images, stored_labels, sources = stored(tmp_path / "out", name)
        np.testing.assert_array_equal(images, of_channel_first_rows(data[published]))
        assert stored_labels == [label - 1 for label in labels[published]]
        assert len(set(sources)) == len(sources)
    expected = [f"train_data_batch_{i + 1}{suffix}#{row}" for i in range(10) for row in range(5 + i)]
    assert [source.rsplit("/", 1)[1] for source in stored(tmp_path / "out", "train")[2]] == expected


def test_imagenet_s_folder_is_not_read_as_one_split(tmp_path):
    write_imagenet(tmp_path / "in")
    beginning = f"the folder {tmp_path / 'in'} has files of several splits (train, val); give a glob of one, such as "
    for split, glob in (("train", "train_*.npz"), ("test", "val_*.npz")):
        said = fault_of(read, "npz", split, [tmp_path / "in"], layout="chw")
        assert said == f"samples.{split}: {beginning}{tmp_path / 'in' / glob}"
    (tmp_path / "in" / "val_data.npz").unlink()
    split = read("npz", "train", [tmp_path / "in"], layout="chw")
    assert split.sources[-1].endswith("train_data_batch_10.npz#13")


def test_channels_first_needs_rows_that_can_be_rgb_squares(tmp_path):
    np.savez(tmp_path / "x.npz", data=random_images(4, 3, 5, 7), labels=[0, 1, 0, 1])
    split = read("npz", "train", [tmp_path / "x.npz"], layout="chw")
    (image,) = split.read(2, 3)
    assert image.shape == (5, 7, 3)
    np.testing.assert_array_equal(image[..., 1], np.load(tmp_path / "x.npz")["data"][2, 1])
    for shape in ((3073,), (5, 7, 3), (2, 6, 6)):
        np.savez(tmp_path / "x.npz", data=random_images(2, *shape), labels=[0, 1])
        assert fault_of(read, "npz", "train", [tmp_path / "x.npz"], layout="chw") == (
            f"samples.train: data in {tmp_path / 'x.npz'} is uint8 in C order of shape {(2, *shape)}; give uint8 "
            "images in C order of shape (n, channels, height, width) with 1, 3 or 4 channels or (n, 3 * side * side), "
            "or set samples.options.layout: hwc if the channels come last"
        )


# ---- Large archives ----------------------------------------------------------------------------------------------


def test_an_archive_is_decompressed_once_and_never_whole(tmp_path, monkeypatch):
    n, image_bytes = 40_000, 32 * 32 * 3
    np.savez_compressed(tmp_path / "x.npz", image=np.zeros((n, 32, 32, 3), np.uint8), label=np.arange(n) % 100)
    read_up_to, decompress = [], npz._Images._decompress
    monkeypatch.setattr(
        npz._Images, "_decompress", lambda self, *block: read_up_to.append(block[2]) or decompress(self, *block)
    )
    tracemalloc.start()
    try:
        split = read("npz", "train", [tmp_path / "x.npz"])
        assert read_up_to == []
        before = tracemalloc.get_traced_memory()[0]
        for start in range(0, n, 512):
            images = split.read(start, min(start + 512, n))
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert len(images) == n % 512 and images[-1].shape == (32, 32, 3)
    assert read_up_to == [*range(npz.BLOCK_ROWS, n, npz.BLOCK_ROWS), n]
    assert peak < 4 * npz.BLOCK_ROWS * image_bytes < n * image_bytes / 2


def test_rows_may_be_read_in_any_order(tmp_path, small_pieces):
    parts = [random_images(n, 4, 4, seed=n) for n in (9, 1, 0, 14)]
    for i, part in enumerate(parts):
        np.savez_compressed(tmp_path / f"{i}.npz", x=part, y=np.zeros(len(part), int))
    whole = np.concatenate(parts)
    split = read("npz", "train", [tmp_path])
    ranges = [(start, stop) for start in range(24) for stop in range(start + 1, 25)]
    random.Random(0).shuffle(ranges)
    for start, stop in ranges:
        np.testing.assert_array_equal(np.stack(split.read(start, stop)), whole[start:stop])


def test_processes_that_were_forked_read_each_for_itself(tmp_path, small_pieces):
    images = random_images(40, 40, 40)  # more than zipfile reads ahead
    np.savez_compressed(tmp_path / "x.npz", x=images, y=np.arange(40))
    split = read("npz", "train", [tmp_path])
    np.testing.assert_array_equal(split.read(0, 1)[0], images[0])
    for start in range(0, 36, 4):
        np.testing.assert_array_equal(np.stack(in_a_fork(lambda: split.read(36, 40))), images[36:])
        np.testing.assert_array_equal(np.stack(split.read(start, start + 4)), images[start : start + 4])


@pytest.mark.parametrize("save, reason", [(np.savez, "Bad CRC-32"), (np.savez_compressed, "while decompressing")])
def test_a_damaged_archive_is_told_and_nothing_is_left(save, reason, tmp_path, small_pieces):
    save(tmp_path / "x.npz", image=random_images(1000, 16, 16, 3) // 16, label=np.arange(1000) % 4)
    content = bytearray((tmp_path / "x.npz").read_bytes())
    third = len(content) // 3
    content[third : 2 * third] = np.random.default_rng(1).bytes(third)
    (tmp_path / "x.npz").write_bytes(content)
    said = fault_of(prepare, tmp_path / "out", "npz", [tmp_path / "x.npz"], None)
    assert said.startswith("samples.train: the images ") and said.endswith("); get the file again")
    assert f" of {tmp_path / 'x.npz'} cannot be read (" in said and reason in said
    assert not list((tmp_path / "out").iterdir())


# ---- Synthetic CIFAR-100, tested on the real one -----------------------------------------------------------------


@pytest.fixture
def cifar100(tmp_path, monkeypatch):
    """Write CIFAR-100 in its authors' format, four images a split; return root, images and labels of its test split."""
    from score_extrapolation.torchvision_import import torchvision

    dataset = torchvision.datasets.CIFAR100
    folder = tmp_path / "real" / dataset.base_folder
    folder.mkdir(parents=True)

    def dump(name, value):
        (folder / name).write_bytes(pickle.dumps(value))
        return hashlib.md5((folder / name).read_bytes()).hexdigest()

    rows, labels = random_images(4, 3 * 32 * 32, seed=5), [99, 0, 42, 42]
    for key in ("train_list", "test_list"):
        ((file, _),) = getattr(dataset, key)
        monkeypatch.setattr(dataset, key, [[file, dump(file, {"data": rows, "fine_labels": labels})]])
    names = [f"class {i}" for i in range(100)]
    monkeypatch.setattr(dataset, "meta", {**dataset.meta, "md5": dump("meta", {"fine_label_names": names})})
    return tmp_path / "real", rows.reshape(4, 3, 32, 32).transpose(0, 2, 3, 1), labels


def of_cifar100(root, split="test"):
    options = {"name": "CIFAR100", "download": False}
    return {"dataset": "torchvision", "path": [str(root)], "split": split, "options": options}


def test_synthetic_cifar_is_tested_on_the_real_one(cifar100, tmp_path, small_pieces):
    root, images, labels = cifar100
    synthetic, kinds = random_images(300, 32, 32, 3), np.random.default_rng(0).permutation(np.arange(300) % 100)
    np.savez(tmp_path / "1m.npz", image=synthetic, label=kinds)
    summary = prepare(tmp_path / "out", "npz", [tmp_path / "1m.npz"], of_cifar100(root), validation=0.5)
    assert summary["classes"] == [f"class {i}" for i in range(100)]
    assert summary["n"] == {"train": 150, "test": 4, "validation": 150}
    tested, tested_labels, sources = stored(tmp_path / "out", "test")
    np.testing.assert_array_equal(tested, images)
    assert tested_labels == labels and sources[3] == f"{root}/CIFAR100/test#3"
    trained, trained_labels, sources = stored(tmp_path / "out", "train")
    rows = [int(source.split("#")[1]) for source in sources]
    np.testing.assert_array_equal(trained, synthetic[rows])
    assert trained_labels == kinds[rows].tolist()
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


def test_labels_of_another_set_must_be_among_those_of_training(cifar100, tmp_path):
    root, _, _ = cifar100
    np.savez(tmp_path / "ten.npz", image=random_images(20, 32, 32, 3), label=np.arange(20) % 10)
    assert fault_of(prepare, tmp_path / "out", "npz", [tmp_path / "ten.npz"], of_cifar100(root)) == (
        "samples.test: 1 samples are of the class 99, which samples.train lacks; add it there or remove it here"
    )
    np.savez(tmp_path / "more.npz", image=random_images(202, 32, 32, 3), label=np.arange(202) % 101)
    assert fault_of(prepare, tmp_path / "out", "npz", [tmp_path / "more.npz"], of_cifar100(root)) == (
        "samples.test: it has 100 classes, but samples.train has the label 100, so that equal numbers may mean "
        "different classes; give splits of one data set"
    )


def test_faults_of_another_set_name_its_own_place(tmp_path):
    np.savez(tmp_path / "x.npz", image=random_images(20, 32, 32, 3), label=np.arange(20) % 10)
    said = fault_of(prepare, tmp_path / "out", "npz", [tmp_path / "x.npz"], None, of_cifar100(tmp_path / "none"))
    assert said == (
        f"samples.validation: {tmp_path / 'none'} has no complete CIFAR100 in torchvision's layout; put it there, or "
        "set samples.validation.options.download: true"
    )
    no_path = {**of_cifar100(""), "path": None}
    assert fault_of(prepare, tmp_path / "out", "npz", [tmp_path / "x.npz"], no_path) == (
        "samples.test.path: torchvision reads files, but no path is given; give a file or folder"
    )


def test_another_set_without_a_path_is_read_too(tmp_path):
    np.savez(tmp_path / "x.npz", image=random_images(20, 8, 8), label=np.arange(20) % 10)
    test = {"dataset": "digits", "path": None, "split": "test", "options": {}}
    summary = prepare(tmp_path / "out", "npz", [tmp_path / "x.npz"], test)
    assert summary["n"] == {"train": 20, "test": 1797} and summary["classes"] == list("0123456789")


# ---- Places365 ---------------------------------------------------------------------------------------------------


@pytest.fixture
def places(tmp_path):
    write_places(tmp_path / "places")
    return tmp_path / "places"


def test_places_from_its_files_to_the_store(places, tmp_path):
    summary = prepare(tmp_path / "out", "places365", [places], "given", threads=2)
    assert summary["classes"] == ["/a/airfield", "/f/field/wild", "/b/bar", "/z/zen_garden"]
    assert summary["n"] == {"train": 3, "test": 2} and summary["height"] == 256
    for name, folder, entries in (("train", "data_256_standard", TRAIN), ("test", "val_256", VAL)):
        images, labels, sources = stored(tmp_path / "out", name)
        assert sources == [f"{places}/{folder}/{path.lstrip('/')}" for path, _ in entries]
        assert labels == [label for _, label in entries]
        for image, source in zip(images, sources, strict=True):
            np.testing.assert_array_equal(image, np.asarray(Image.open(source)))
    smaller = prepare(tmp_path / "smaller", "places365", [places], "given", image_size=80)
    assert smaller["height"] == smaller["width"] == 80


@pytest.mark.parametrize(
    "file, content, sentence",
    [
        (
            "places365_val.txt",
            "Places365_val_00000001.jpg 1\nPlaces365_val_00000002.jpg\n",
            "line 2 of {} is 'Places365_val_00000002.jpg', but should be a path and a class below 4, with a space "
            "between them; get the file again",
        ),
        (
            "places365_val.txt",
            "Places365_val_00000001.jpg 4\n",
            "line 1 of {} is 'Places365_val_00000001.jpg 4', but should be a path and a class below 4, ...",
        ),
        (
            "places365_val.txt",
            "Places365_val_00000001.jpg -1\n",
            "line 1 of {} is 'Places365_val_00000001.jpg -1', ...",
        ),
        (
            "places365_val.txt",
            b"\x1f\x8b\xff\x00\n",
            "line 1 of {} is ..., but should be a path and a class below 4, ...",
        ),
        ("places365_val.txt", "", "{} is empty; get the file again"),
        ("categories_places365.txt", "<html>\n", "line 1 of {} is '<html>', but should be a name and its number, ..."),
        (
            "categories_places365.txt",
            "/a/airfield 0\n/b/bar 0\n",
            "the classes of {} are not numbered 0..1, each once; get the file again",
        ),
        (
            "places365_val.txt",
            None,
            "{} cannot be read (No such file or directory); put it there from Places365's "
            "filelist_places365-standard.tar",
        ),
    ],
)
def test_garbled_and_missing_lists_of_places(file, content, sentence, places, tmp_path):
    path = places / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = fault_of(read, "places365", "test", [places])
    beginning, _, rest = f"samples.test: {sentence}".format(path).partition("...")
    assert said.startswith(beginning) and rest.removesuffix("...") in said
    assert "..." in sentence or said == beginning


def test_missing_folders_and_images_of_places(places, tmp_path):
    assert fault_of(read, "places365", "validation", [places]) == (
        "samples.validation: Places365 has only a train and a test split; give a fraction"
    )
    assert fault_of(read, "places365", "train", [places, places / "val_256"]) == (
        f"samples.train: found {places}, {places / 'val_256'}; give one folder, which has categories_places365.txt"
    )
    lost = places / "data_256_standard" / "a" / "airfield" / "00000002.jpg"
    lost.unlink()
    said = fault_of(prepare, tmp_path / "out", "places365", [places], "given")
    assert said.startswith(f"samples.train: {lost} cannot be decoded (") and "No such file" in said
    (places / "val_256").rename(places / "val")
    assert fault_of(read, "places365", "test", [places]) == (
        f"samples.test: {places} has no folder val_256; unpack Places365's 256x256 images there, as torchvision does"
    )
