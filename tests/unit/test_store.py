"""The sample store: what it writes, that threads change nothing, dropping, statistics, and what it refuses."""

import io
import json
import shutil
from collections import namedtuple

import numpy as np
import pytest
from PIL import Image

from preparing import prepare_samples
from score_extrapolation.datasets.store import chunks as _chunks
from score_extrapolation.faults import InputFault
from score_extrapolation.io import tables


def random_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def prepare(folder, train, dataset="npz", test=None, validation=None, options=None, **more):
    return prepare_samples(dataset, [str(p) for p in train], test, validation, options or {}, folder, **more)


def fault_of(*args, **kwargs):
    with pytest.raises(InputFault) as fault:
        prepare(*args, **kwargs)
    assert "\n" not in str(fault.value)
    return str(fault.value)


@pytest.fixture
def archive(tmp_path):
    """40 grey images in three classes of 24, 10 and 6."""
    labels = np.random.default_rng(1).permutation(np.repeat([3, 5, 9], [24, 10, 6]))
    np.savez(tmp_path / "x.npz", x=random_images(40, 6, 5), y=labels)
    return tmp_path / "x.npz"


@pytest.fixture
def tree(tmp_path):
    """12 PNG images of 9 x 7 in two class folders."""
    for i, pixels in enumerate(random_images(12, 9, 7, 3)):
        path = tmp_path / "tree" / ("cat" if i < 5 else "dog") / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode(pixels))
    return tmp_path / "tree"


def read_back(folder, name):
    table = tables.read_table(folder / f"{name}.parquet")
    images = np.load(folder / f"{name}.npy", mmap_mode="r")
    assert table["sample_id"].tolist() == list(range(len(images)))
    assert images.dtype == np.uint8 and images.ndim == 4 and images.flags.c_contiguous
    return images, table


def test_fractions_part_the_training_samples_and_keep_their_order(archive, tmp_path):
    summary = prepare(tmp_path / "out", [archive], test=0.25, validation=0.1, seed=3)
    source = np.load(archive)
    seen = []
    for name, n in (("train", 26), ("test", 10), ("validation", 4)):
        images, table = read_back(tmp_path / "out", name)
        rows = [int(text.split("#")[1]) for text in table["source"]]
        assert rows == sorted(rows) and len(rows) == n == summary["n"][name]
        np.testing.assert_array_equal(images[..., 0], source["x"][rows])
        assert [summary["classes"][label] for label in table["label"]] == [str(y) for y in source["y"][rows]]
        assert tables.read_metadata(tmp_path / "out" / f"{name}.parquet") == {
            "stage": "samples",
            "split": name,
            "seed": 3,
        }
        seen += rows
    assert sorted(seen) == list(range(40))
    assert np.bincount(tables.read_table(tmp_path / "out" / "test.parquet")["label"]).tolist() == [6, 3, 1]
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert {k: summary[k] for k in ("height", "width", "channels", "dropped")} == {
        "height": 6,
        "width": 5,
        "channels": 1,
        "dropped": [],
    }
    tables_and_arrays = {f"{name}.{kind}" for name in summary["n"] for kind in ("npy", "parquet")}
    others = {"summary.json", "checksums.json", "duplicates.parquet"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == tables_and_arrays | others
    assert not (tmp_path / "out.unfinished").exists()
    other = prepare(tmp_path / "other", [archive], test=0.25, validation=0.1, seed=4)
    assert other["n"] == summary["n"]
    assert (tmp_path / "other/test.parquet").read_bytes() != (tmp_path / "out/test.parquet").read_bytes()


def test_of_a_share_the_rest_is_in_no_split_and_in_no_statistic(archive, tmp_path):
    whole = prepare(tmp_path / "whole", [archive], test=0.25)
    summary = prepare(tmp_path / "out", [archive], test=0.25, share=0.5)
    assert summary["n"] == {"train": 15, "test": 10}
    assert (tmp_path / "out/test.npy").read_bytes() == (tmp_path / "whole/test.npy").read_bytes()
    images, table = read_back(tmp_path / "out", "train")
    every = tables.read_table(tmp_path / "whole/train.parquet")
    assert set(table["source"]) < set(every["source"])
    assert np.bincount(table["label"]).tolist() == [
        9,
        3,
        3,
    ]  # of 18, 7 and 5; of equal remainders the lower class gives
    pixels = images.reshape(-1, 1) / 255
    np.testing.assert_allclose(summary["mean"], pixels.mean(0))
    assert summary["mean"] != whole["mean"]
    other = prepare(tmp_path / "other", [archive], test=0.25, share=0.5, seed=1)
    assert other["n"] == summary["n"]
    assert (tmp_path / "other/train.parquet").read_bytes() != (tmp_path / "out/train.parquet").read_bytes()


def test_a_share_must_leave_every_class(archive, tmp_path):
    assert fault_of(tmp_path / "out", [archive], share=0.05) == (
        "samples.share = 0.05 leaves 2 of 40 training samples, and there are 3 classes; give 0.075 or more"
    )
    assert prepare(tmp_path / "out", [archive], share=0.075)["n"] == {"train": 3}
    assert prepare(tmp_path / "out", [archive], share=0.999)["n"] == {"train": 40}


def test_statistics_are_those_of_the_training_pixels(tree, tmp_path):
    summary = prepare(tmp_path / "out", [tree], "imagefolder", test=0.25)
    pixels = np.load(tmp_path / "out" / "train.npy").astype(np.float64) / 255
    np.testing.assert_allclose(summary["mean"], pixels.mean(axis=(0, 1, 2)), rtol=1e-13)
    np.testing.assert_allclose(summary["std"], pixels.std(axis=(0, 1, 2)), rtol=1e-13)
    given_values = prepare(tmp_path / "own", [tree], "imagefolder", mean=[0.5, 0.4, 0.3])
    assert given_values["mean"] == [0.5, 0.4, 0.3] and given_values["std"] != [0.5, 0.4, 0.3]


def test_own_paths_and_own_splits(tmp_path):
    train, test = random_images(6, 4, 4), random_images(3, 4, 4, seed=1)
    np.savez(tmp_path / "a.npz", x=train, y=[0, 1, 2, 0, 1, 2])
    np.savez(tmp_path / "b.npz", x=test, y=[2, 1, 1])
    summary = prepare(tmp_path / "out", [tmp_path / "a.npz"], test=[str(tmp_path / "b.npz")], validation=0.5, seed=1)
    assert summary["n"] == {"train": 3, "test": 3, "validation": 3}
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "test.npy")[..., 0], test)
    said = fault_of(tmp_path / "no", [tmp_path / "a.npz"], test="given")
    assert said == "samples.test: given, but npz has no test split of its own; give a fraction or paths"
    said = fault_of(tmp_path / "no", [])
    assert said == "samples.train: npz reads files, but no path is given; give a file or folder"
    assert prepare(tmp_path / "digits", [], "digits")["n"] == {"train": 1797}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("threads, chunk", [(1, 5), (3, 1), (2, 7), (4, 512)])
def test_threads_and_chunks_change_nothing(tree, tmp_path, monkeypatch, threads, chunk):
    (tree / "cat" / "02.png").write_bytes(b"damaged")
    settings_ = {"test": 0.25, "image_size": [8, 6], "on_bad_image": "drop", "seed": 2}
    prepare(tmp_path / "a", [tree], "imagefolder", **settings_)
    monkeypatch.setattr(_chunks, "CHUNK_IMAGES", chunk)
    prepare(tmp_path / "b", [tree], "imagefolder", threads=threads, **settings_)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_dropped_images_leave_no_gap(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_IMAGES", 4)
    bad = [tree / "cat" / "00.png", tree / "dog" / "05.png", tree / "dog" / "11.png"]
    for path in bad:
        path.write_bytes(path.read_bytes()[:60])
    summary = prepare(tmp_path / "out", [tree], "imagefolder", on_bad_image="drop")
    good = [path for path in sorted(tree.glob("*/*.png")) if path not in bad]
    images, table = read_back(tmp_path / "out", "train")
    assert summary["dropped"] == [str(path) for path in bad] and summary["n"] == {"train": 9}
    assert table["source"].tolist() == [str(path) for path in good]
    np.testing.assert_array_equal(images, np.stack([np.asarray(Image.open(path)) for path in good]))
    np.testing.assert_allclose(summary["mean"], images.mean(axis=(0, 1, 2)) / 255, rtol=1e-13)
    said = fault_of(tmp_path / "no", [tree], "imagefolder")
    assert said.startswith(f"samples.train: {bad[0]} cannot be decoded (") and said.endswith(
        "; 1 bad of the first 4 images); mend or remove it, or set samples.on_bad_image: drop to skip such ones"
    )
    assert not list((tmp_path / "no").iterdir())


def test_dropping_may_not_take_a_whole_class_or_split(tree, tmp_path):
    for path in (tree / "cat").iterdir():
        path.write_bytes(b"")
    end = ", since none can be decoded; mend these images or remove them from the data set"
    said = fault_of(tmp_path / "out", [tree], "imagefolder", on_bad_image="drop")
    assert said == "samples.on_bad_image: drop leaves no sample of the class cat in train" + end
    for path in (tree / "dog").iterdir():
        path.write_bytes(b"")
    said = fault_of(tmp_path / "out", [tree], "imagefolder", on_bad_image="drop")
    assert said.startswith("samples.train: none of the 12 images can be decoded, the last being ")
    shutil.copytree(tree, tmp_path / "test")
    for i in range(12):
        (tree / ("cat" if i < 5 else "dog") / f"{i:02}.png").write_bytes(encode(random_images(1, 9, 7, seed=i)[0]))
    said = fault_of(tmp_path / "out", [tree], "imagefolder", test=[str(tmp_path / "test")], on_bad_image="drop")
    assert said == "samples.on_bad_image: drop leaves no sample of test" + end
    assert not list((tmp_path / "out").iterdir())


def test_images_of_two_sizes_need_image_size(tree, tmp_path):
    odd = tree / "dog" / "07.png"
    odd.write_bytes(encode(random_images(1, 9, 8, 3)[0]))
    for threads in (1, 2):
        assert fault_of(tmp_path / "out", [tree], "imagefolder", threads=threads) == (
            f"samples.train: {odd} is 9 x 8 (height x width), but the first image of samples.train is 9 x 7; "
            "set samples.image_size to bring all to one size"
        )
    assert not list((tmp_path / "out").iterdir())
    summary = prepare(tmp_path / "out", [tree], "imagefolder", image_size=4, channels=1, fit="stretch")
    assert np.load(tmp_path / "out" / "train.npy").shape == (12, 4, 4, 1)
    assert len(summary["mean"]) == 1


def test_a_full_disk_is_seen_before_decoding(archive, tmp_path, monkeypatch):
    Usage = namedtuple("Usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**40, 2**40, 2**20))
    prepare(tmp_path / "out", [archive])
    assert fault_of(tmp_path / "out", [archive], image_size=200) == (
        f"samples: the decoded images need 0.00149 GiB in {tmp_path / 'out'}, where 0.000977 GiB are free; "
        "free some space, set a smaller samples.image_size, or give fewer samples"
    )
    assert (tmp_path / "out" / "summary.json").exists()


def test_statistics_faults(tree, tmp_path):
    assert fault_of(tmp_path / "out", [tree], "imagefolder", std=[1.0]) == (
        "samples.std: has 1 values, but the images have 3 channels; give one each"
    )
    np.savez(tmp_path / "flat.npz", x=np.full((4, 2, 2), 7, np.uint8), y=[0, 1, 0, 1])
    assert fault_of(tmp_path / "out", [tmp_path / "flat.npz"]) == (
        "samples.std: channel 0 is the same in all training pixels, so that its standard deviation is 0; "
        "give samples.std"
    )
    assert not list((tmp_path / "out").iterdir())
    prepare(tmp_path / "out", [tmp_path / "flat.npz"], std=[1.0])
