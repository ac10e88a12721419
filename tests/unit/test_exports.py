"""Kept lists in every format, read again by whom they are for: ids, labels, scores, sources, images and order."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import datasets as huggingface
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.utils.data import Subset, WeightedRandomSampler

from formats import random_images
from preparing import prepare_samples
from score_extrapolation.datasets import Split
from score_extrapolation.exports import export_kept
from score_extrapolation.exports._reading import Reading
from score_extrapolation.exports.links import _class_folders
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import KEPT, read_table, write_table
from score_extrapolation.plugins import load_method, method_constant, method_names, method_options
from score_extrapolation.torchvision_import import torchvision

# Names that a person's files may have; two classes have one of each.
NAMES = ("a b.jpg", "ä 猫.png", 'it\'s, "so".jpg', "UPPER.JPEG", "1.webp")
CLASSES = ("cat", "dog house", "Ünder")


def write_photos(root: Path) -> None:
    """Write a folder per class, five images each, and one that is damaged."""
    images = iter(random_images(len(NAMES) * len(CLASSES), 20, 24, 3))
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for file in NAMES:
            Image.fromarray(next(images)).save(root / name / file)
    (root / "cat" / "b damaged.jpg").write_bytes(b"\xff\xd8\xff nothing")


def write_parquet(path: Path, n=21) -> None:
    """Write images and labels as Hugging Face has them, in row groups of five; two images are files beside."""
    rows = []
    for i, pixels in enumerate(random_images(n, 12, 12, 3, seed=1)):
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, ("png", "jpeg")[i % 2])
        if i in (3, 8):
            (path.parent / f"{i}.png").write_bytes(written.getvalue())
            rows.append({"bytes": None, "path": f"{i}.png"})
        else:
            rows.append({"bytes": written.getvalue(), "path": None})
    names = {"info": {"features": {"label": {"names": ["x/y", "x-y", "", "z"], "_type": "ClassLabel"}}}}
    table = pa.table({"image": rows, "label": [i % 3 for i in range(n)]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(names)}), path, row_group_size=5)


class Data(NamedTuple):
    """A data set, how it was read, and a kept list of some of its samples."""

    settings: dict
    classes: list
    kept: Path
    table: dict
    images: list  # of the kept samples, undecoded


def keep(folder: Path, settings: dict, scores=True, rows=None, **changes) -> Data:
    """Prepare a data set, a fifth of it split off, and keep a part of the rest."""
    settings = {"train": [], "options": {}, "pool": None} | settings
    form = {"image_size": 8, "on_bad_image": "drop", "test": 0.2, "validation": None} | changes
    summary = prepare_samples(**settings, **form, folder=folder / "samples")
    samples = read_table(folder / "samples/train.parquet")
    n = len(samples["sample_id"])
    rows = np.flatnonzero(np.random.default_rng(1).random(n) < 0.6) if rows is None else np.asarray(rows)
    known = np.random.default_rng(2).normal(size=n).astype(np.float32) if scores else np.full(n, np.nan, np.float32)
    columns = {name: values[rows] for name, values in (samples | {"score": known}).items()}
    write_table(folder / "kept.parquet", KEPT, {}, **columns)
    listed = Reading(settings)
    images = [listed.read(np.array([listed.sources.to_pylist().index(source)]))[0] for source in columns["source"]]
    return Data(settings, summary["classes"], folder / "kept.parquet", columns, images)


def photos(folder, **changes):
    write_photos(folder / "my photos")
    return keep(folder, {"dataset": "imagefolder", "train": [str(folder / "my photos")]}, **changes)


def parquet(folder, **changes):
    write_parquet(folder / "images.parquet")
    return keep(folder, {"dataset": "parquet", "train": [str(folder / "images.parquet")]}, scores=False, **changes)


def digits(folder, **changes):
    return keep(folder, {"dataset": "digits"}, image_size=None, **changes)


KINDS_OF_DATA = [photos, parquet, digits]


@pytest.fixture(scope="module", params=KINDS_OF_DATA, ids=lambda make: make.__name__)
def data(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp(request.param.__name__))


def export(data: Data, path: Path, name: str, **options) -> Path:
    whole = method_options("exports", name)(**options).model_dump()
    export_kept(data.kept, path, {"name": name, **whole}, data.classes, data.settings)
    return path


def expected(data: Data) -> list[dict]:
    """The kept list row by row, as the formats tell it."""
    names = ("sample_id", "label", "source", "score")
    rows = zip(*(data.table[name].tolist() for name in names), strict=True)
    rows = [dict(zip(names, row, strict=True)) for row in rows]
    return [row | {"class": data.classes[row["label"]], "score": none_for_nan(row["score"])} for row in rows]


def none_for_nan(score):
    return None if score is None or np.isnan(score) else score


def raw_bytes(image) -> bytes:
    """What a format must have of an image that is one already."""
    return image.read_bytes() if isinstance(image, Path) else image


def assert_same_image(found: bytes, image) -> None:
    if isinstance(image, np.ndarray):
        with Image.open(io.BytesIO(found)) as decoded:
            assert decoded.format == "PNG"
            np.testing.assert_array_equal(np.asarray(decoded), image.reshape(np.asarray(decoded).shape))
    else:
        assert found == raw_bytes(image)


# Tables


def test_parquet_has_the_list_and_the_classes_names(data, tmp_path):
    table = pq.read_table(export(data, tmp_path / "kept.parquet", "parquet"))
    assert table.column_names == ["sample_id", "label", "class", "source", "score"]
    assert table.to_pylist() == expected(data)


def test_csv_has_the_list_as_python_s_reader_and_pandas_read_it(data, tmp_path):
    path = export(data, tmp_path / "kept.csv", "csv")
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found = [
        {
            "sample_id": int(row["sample_id"]),
            "label": int(row["label"]),
            "source": row["source"],
            "score": float(np.float32(row["score"])) if row["score"] else None,
            "class": row["class"],
        }
        for row in rows
    ]
    assert found == expected(data)
    frame = pd.read_csv(path, keep_default_na=False, dtype={"class": str})
    assert frame["source"].tolist() == data.table["source"].tolist()
    assert frame["class"].tolist() == [row["class"] for row in expected(data)]


def test_paths_is_a_source_a_line(data, tmp_path):
    text = export(data, tmp_path / "kept.txt", "paths").read_text(encoding="utf-8")
    assert text == "".join(f"{source}\n" for source in data.table["source"])


# torch


def test_indices_and_weights_find_the_kept_images_in_all_that_the_reader_lists(data, tmp_path):
    listed = Reading(data.settings)
    sources = listed.sources.to_pylist()
    indices = np.load(export(data, tmp_path / "i.npy", "torch"))
    weights = np.load(export(data, tmp_path / "w.npy", "weights"))
    assert (indices.dtype, weights.dtype, weights.shape) == (np.int64, np.float64, (listed.n,))
    assert list(Subset(sources, indices)) == data.table["source"].tolist()
    assert len(sources) > len(read_table(data.kept.parent / "samples/train.parquet")["sample_id"])
    np.testing.assert_array_equal(np.flatnonzero(weights), indices)
    assert set(weights) == {0, 1}
    drawn = list(WeightedRandomSampler(weights, num_samples=len(indices), replacement=False))
    assert sorted(drawn) == indices.tolist()


def test_indices_are_those_of_torchvision_s_own_folder(tmp_path):
    data = photos(tmp_path)
    own = torchvision.datasets.ImageFolder(data.settings["train"][0])
    kept = [own.samples[index] for index in np.load(export(data, tmp_path / "i.npy", "torch"))]
    assert [path for path, _ in kept] == data.table["source"].tolist()
    assert [label for _, label in kept] == data.table["label"].tolist()


def test_indices_of_a_pool_follow_those_of_the_own_images(tmp_path):
    write_photos(tmp_path / "own")
    write_photos(tmp_path / "more")
    pool = {"dataset": "imagefolder", "path": [str(tmp_path / "more")], "split": "train", "options": {}}
    settings = {"dataset": "imagefolder", "train": [str(tmp_path / "own")], "pool": pool}
    data = keep(tmp_path, settings)
    own, more = (torchvision.datasets.ImageFolder(tmp_path / name).samples for name in ("own", "more"))
    indices = np.load(export(data, tmp_path / "i.npy", "torch"))
    assert [(own + more)[index][0] for index in indices] == data.table["source"].tolist()
    assert indices.max() >= len(own) > indices.min()
    tar = export(data, tmp_path / "tar", "webdataset")
    assert [sample["jpg" if "jpg" in sample else "png" if "png" in sample else "webp"] for sample in stored(tar)] == [
        raw_bytes(image) for image in data.images
    ]


# Folders


def test_links_lead_to_the_kept_files_in_the_folders_of_their_classes(tmp_path):
    data = photos(tmp_path)
    folder = export(data, tmp_path / "links", "links")
    found = torchvision.datasets.ImageFolder(folder)
    assert [os.readlink(path) for path, _ in found.samples] == [os.path.abspath(s) for s in data.table["source"]]
    assert [label for _, label in found.samples] == data.table["label"].tolist()
    assert found.classes == data.classes
    assert [int(Path(path).stem) for path, _ in found.samples] == data.table["sample_id"].tolist()
    with Image.open(data.table["source"][0]) as image:
        np.testing.assert_array_equal(np.asarray(found[0][0]), np.asarray(image.convert("RGB")))


def test_hard_links_are_the_files_themselves_and_copies_are_not(tmp_path):
    data = photos(tmp_path)
    for how in ("hardlink", "copy"):
        found = torchvision.datasets.ImageFolder(export(data, tmp_path / how, "links", how=how))
        for (path, _), source in zip(found.samples, data.table["source"], strict=True):
            assert not os.path.islink(path)
            assert os.path.samefile(path, source) == (how == "hardlink")
            assert Path(path).read_bytes() == Path(source).read_bytes()


def test_copies_of_any_data_and_links_of_files_alone(data, tmp_path):
    folder = export(data, tmp_path / "copies", "links", how="copy")
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.name)
    assert [int(path.stem) for path in files] == data.table["sample_id"].tolist()
    for path, image in zip(files, data.images, strict=True):
        assert_same_image(path.read_bytes(), image)
    if not all(isinstance(image, Path) for image in data.images):
        with pytest.raises(InputFault, match=r"#\d+ is no file of its own .* \{name: links, how: copy\}"):
            export(data, tmp_path / "links", "links")
        assert not list(tmp_path.glob("links*"))


def test_classes_whose_names_are_no_folders_have_their_numbers_before_them(tmp_path):
    data = parquet(tmp_path)
    folder = export(data, tmp_path / "copies", "links", how="copy")
    assert sorted(path.name for path in folder.iterdir()) == ["0-x-y", "1-x-y", "2-", "3-z"]


def test_a_class_of_which_nothing_is_kept_keeps_its_folder_and_so_its_number(tmp_path, caplog):
    data = photos(tmp_path, rows=[0, 9])
    assert data.table["label"].tolist() == [0, 2]
    folder = export(data, tmp_path / "links", "links")
    assert "no image of 1 classes is kept, such as dog house" in caplog.text
    found = torchvision.datasets.ImageFolder(folder, allow_empty=True)
    assert [label for _, label in found.samples] == [0, 2]


# Hugging Face


def test_hugging_face_opens_the_list_with_the_images_as_they_were(data, tmp_path):
    loaded = huggingface.load_from_disk(export(data, tmp_path / "hf", "huggingface"))
    assert loaded.features["label"].names == data.classes
    assert loaded.split == "train"
    found = loaded.select_columns(["sample_id", "label", "source", "score"]).to_list()
    assert [row | {"class": loaded.features["label"].int2str(row["label"])} for row in found] == expected(data)
    decoded = loaded[0]["image"]
    assert isinstance(decoded, Image.Image)
    for row, image in zip(loaded.cast_column("image", huggingface.Image(decode=False)), data.images, strict=True):
        assert_same_image(row["image"]["bytes"], image)


def test_hugging_face_writes_what_we_write(tmp_path):
    data = photos(tmp_path)
    ours = huggingface.load_from_disk(export(data, tmp_path / "ours", "huggingface"))
    ours.save_to_disk(tmp_path / "theirs")
    kinds = [pa.ipc.open_stream(next((tmp_path / name).glob("*.arrow"))).schema for name in ("ours", "theirs")]
    assert kinds[0].equals(kinds[1])
    infos = [json.loads((tmp_path / name / "dataset_info.json").read_text()) for name in ("ours", "theirs")]
    assert infos[0] == infos[1]
    states = [json.loads((tmp_path / name / "state.json").read_text()) for name in ("ours", "theirs")]
    assert states[0].pop("_fingerprint") != states[1].pop("_fingerprint")  # theirs counts what was done before
    assert states[0] == states[1]


def test_a_fingerprint_tells_lists_and_images_apart(tmp_path):
    data = photos(tmp_path, rows=[0, 1])

    def fingerprint():
        return huggingface.load_from_disk(export(data, tmp_path / "hf", "huggingface"))._fingerprint

    first = fingerprint()
    assert fingerprint() == first
    write_table(data.kept, KEPT, {}, **{**data.table, "score": data.table["score"] + 1})
    second = fingerprint()
    Image.new("RGB", (9, 9)).save(data.table["source"][1])
    assert len({first, second, fingerprint()}) == 3


# WebDataset


def stored(folder: Path) -> list[dict]:
    """The samples of all tar files, as WebDataset reads them, undecoded."""
    shards = sorted(map(str, folder.glob("*.tar")))
    return list(webdataset.WebDataset(shards, shardshuffle=False, empty_check=False))


def test_webdataset_reads_the_list_with_the_images_as_they_were(data, tmp_path):
    samples = stored(export(data, tmp_path / "tar", "webdataset"))
    assert [json.loads(sample["json"]) for sample in samples] == expected(data)
    assert [int(sample["__key__"]) for sample in samples] == data.table["sample_id"].tolist()
    assert [int(sample["cls"]) for sample in samples] == data.table["label"].tolist()
    for sample, image in zip(samples, data.images, strict=True):
        (suffix,) = sample.keys() - {"json", "cls"} - {key for key in sample if key.startswith("__")}
        assert_same_image(sample[suffix], image)
        with Image.open(io.BytesIO(sample[suffix])) as decoded:
            assert decoded.format == {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[suffix]


def test_a_drawn_order_is_one_of_all_samples_and_of_its_seed(data, tmp_path):
    in_order = {sample["__key__"]: sample for sample in stored(export(data, tmp_path / "tar", "webdataset"))}
    orders = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        drawn = stored(export(data, tmp_path / name, "webdataset", shuffle_seed=seed))
        orders.append([sample["__key__"] for sample in drawn])
        assert sorted(orders[-1]) == sorted(in_order)
        for sample in drawn:
            known = in_order[sample["__key__"]]
            assert {key: sample[key] for key in sample if key[0] != "_"} == {
                key: known[key] for key in known if key[0] != "_"
            }
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != list(in_order)


# Shards


def large_photos(folder):
    """Images of 0.4 MB each, which do not compress, one of them of 1.6 MB."""
    (folder / "photos/a").mkdir(parents=True)
    (folder / "photos/b").mkdir()
    for i, pixels in enumerate(random_images(8, 365, 365, 3)):
        large = np.tile(pixels, (2, 2, 1)) if i == 3 else pixels
        Image.fromarray(large).save(folder / "photos" / "ab"[i % 2] / f"{i}.bmp")
    settings = {"dataset": "imagefolder", "train": [str(folder / "photos")]}
    return keep(folder, settings, test=None, rows=np.arange(8))


@pytest.mark.parametrize("name, suffix", [("webdataset", "tar"), ("huggingface", "arrow")])
def test_a_shard_is_as_large_as_it_may_be(tmp_path, name, suffix):
    data = large_photos(tmp_path)
    folder = export(data, tmp_path / "out", name, shard_size=1)
    sizes = [path.stat().st_size for path in sorted(folder.glob(f"*.{suffix}"))]
    # The order is by class: 0 2 4 6 of a, then 1 3 5 7 of b, of which 3 is by itself.
    assert [round(size / 4e5) for size in sizes] == [2, 2, 1, 4, 2]
    if name == "webdataset":
        assert sorted(path.name for path in folder.iterdir())[-1] == "kept-000004.tar"
        assert [int(sample["__key__"]) for sample in stored(folder)] == list(range(8))
    else:
        assert (folder / "data-00004-of-00005.arrow").is_file()
        assert huggingface.load_from_disk(folder)["sample_id"][:] == list(range(8))


# All formats


@pytest.mark.parametrize("name", method_names("exports"))
def test_one_sample_and_no_label(tmp_path, name):
    data = photos(tmp_path, rows=[4])
    unlabelled = {**data.table, "label": pa.chunked_array([pa.array([None], pa.int64())])}
    for label, columns in (
        (data.table["label"][0], data.table),
        (None, unlabelled),
        (-1, {**data.table, "label": [-1]}),
    ):
        write_table(data.kept, KEPT, {}, **columns)
        path = export(data, tmp_path / f"{label}{method_constant('exports', name, 'SUFFIX')}", name)
        if name == "links":
            (file,) = (file for file in path.rglob("*") if file.is_symlink())
            assert file.parent.name == ("_unlabeled" if label in (None, -1) else data.classes[label])
        elif name == "webdataset":
            (sample,) = stored(path)
            assert sample.get("cls") == (None if label in (None, -1) else str(label).encode())
        elif name == "huggingface":
            assert huggingface.load_from_disk(path)["label"][:] == [-1 if label is None else label]
        elif name == "parquet":
            (row,) = pq.read_table(path).to_pylist()
            assert row["label"] == label
            assert row["class"] == (None if label in (None, -1) else data.classes[label])
        else:
            assert path.stat().st_size > 0


@pytest.mark.parametrize("name", method_names("exports"))
def test_what_was_there_is_replaced_and_a_fault_leaves_it_as_it_was(tmp_path, name):
    data = photos(tmp_path)
    path = tmp_path / f"out/kept{method_constant('exports', name, 'SUFFIX')}"
    first = contents(export(data, path, name))
    assert contents(export(data, path, name)) == first
    if method_constant("exports", name, "REREADS"):
        os.unlink(data.table["source"][-1])
        with pytest.raises(InputFault, match=r"猫.png is kept, but samples.train has it no more \(1 of 8 are missing"):
            export(data, path, name)
        assert contents(path) == first
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def contents(path: Path) -> dict:
    """Bytes, or where they lead to, of all files."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return {
        str(file): os.readlink(file) if file.is_symlink() else file.read_bytes()
        for file in files
        if file.is_symlink() or file.is_file()
    }


def test_a_line_end_in_a_path_is_quoted_in_csv_and_refused_in_a_plain_list(tmp_path):
    data = digits(tmp_path, rows=[0, 1, 2])
    odd = ["a\nb.png", 'c",\r\nd.png', "e.png"]
    write_table(data.kept, KEPT, {}, **{**data.table, "source": np.array(odd, object)})
    with open(export(data, tmp_path / "kept.csv", "csv"), newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)] == odd
    with pytest.raises(InputFault, match=r"'a\\nb.png' has a line end in it; rename it, or write csv"):
        export(data, tmp_path / "kept.txt", "paths")


@pytest.mark.parametrize("name", ["webdataset", "huggingface"])
def test_a_kept_image_that_is_none_any_more_is_named(tmp_path, name):
    data = photos(tmp_path)
    Path(data.table["source"][2]).write_bytes(b"no image")
    with pytest.raises(InputFault, match=r"is kept, but cannot be read now \(no image of a known format\)") as fault:
        export(data, tmp_path / "out", name)
    assert data.table["source"][2] in str(fault.value)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.data())
def test_csv_gives_back_whatever_a_source_or_a_class_is_called(tmp_path_factory, sources, data):
    folder, n = tmp_path_factory.mktemp("csv"), len(sources)
    classes = data.draw(st.lists(TEXTS, min_size=1, max_size=3))
    labels = data.draw(st.lists(st.integers(-1, len(classes) - 1), min_size=n, max_size=n))
    columns = {"sample_id": np.arange(n), "label": labels, "source": sources, "score": np.zeros(n)}
    write_table(folder / "kept.parquet", KEPT, {}, **columns)
    export_kept(folder / "kept.parquet", folder / "kept.csv", {"name": "csv"}, classes)
    with open(folder / "kept.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["source"] for row in rows] == sources
    assert [row["class"] for row in rows] == ["" if label < 0 else classes[label] for label in labels]


@given(st.lists(st.text(st.sampled_from("aA./_-é"), max_size=4), min_size=1, max_size=6))
def test_folders_of_classes_are_as_many_and_a_reader_finds_each(classes):
    folders = _class_folders(classes)
    assert len({name.casefold() for name in folders}) == len(classes)
    for name in folders:
        assert name and "/" not in name and not name.startswith(".")
    if folders != [name.strip("/").replace("/", "-") for name in classes]:
        assert folders == sorted(folders)


def test_a_source_that_is_listed_twice_cannot_be_told_apart(tmp_path):
    data = photos(tmp_path)
    settings = data.settings | {"train": data.settings["train"] * 2}
    with pytest.raises(InputFault, match=r"samples.train has .*1.webp twice, so that"):
        export(data._replace(settings=settings), tmp_path / "i.npy", "torch")


def test_images_without_labels_are_listed_as_they_were_read(tmp_path, monkeypatch):
    """By the reader's ``read_unlabelled``, which may list others than ``read_split``; such images lie in no class."""
    data = photos(tmp_path)
    flat = sorted(map(str, (tmp_path / "my photos").rglob("*.*")))
    reader = load_method("datasets", "imagefolder")
    listed = Split([-1] * len(flat), flat, lambda start, stop: [Path(path) for path in flat[start:stop]])
    monkeypatch.setattr(reader, "read_unlabelled", lambda split, paths, options: listed, raising=False)
    columns = {"sample_id": [0, 1], "label": [-1, -1], "source": flat[2:4], "score": [1.0, 2.0]}
    write_table(data.kept, KEPT, {}, **columns)
    data = data._replace(classes=[], settings=data.settings | {"labelled": False})
    assert np.load(export(data, tmp_path / "i.npy", "torch")).tolist() == [2, 3]
    links = sorted(export(data, tmp_path / "links", "links").rglob("0*"))
    assert [(link.parent.name, os.readlink(link)) for link in links] == [("_unlabeled", path) for path in flat[2:4]]


def test_runs_of_rows_are_read_across_the_end_of_the_own_images(tmp_path):
    write_photos(tmp_path / "own")
    write_parquet(tmp_path / "more.parquet")
    pool = {"dataset": "parquet", "path": [str(tmp_path / "more.parquet")], "split": "train", "options": {}}
    settings = {"dataset": "imagefolder", "train": [str(tmp_path / "own")], "options": {}, "pool": pool}
    listed = Reading(settings)
    rows = np.array([0, 1, 5, 14, 15, 16, 17, 18, 19, 30, 36])
    together, alone = listed.read(rows), [listed.read(rows[i : i + 1])[0] for i in range(len(rows))]
    assert [raw_bytes(image) for image in together] == [raw_bytes(image) for image in alone]
    own_and_beside = [image for image in alone if isinstance(image, Path)]
    assert own_and_beside[-1] == tmp_path / "3.png"
    assert len(own_and_beside) == 6


def test_writing_loads_no_torch():
    program = "import sys, score_extrapolation.exports\n"
    program += "".join(f"import score_extrapolation.exports.{name}\n" for name in method_names("exports"))
    program += "print('torch' in sys.modules)"
    path = {"PYTHONPATH": str(Path(__file__).parents[2] / "workflow_scripts")}
    done = subprocess.run([sys.executable, "-c", program], env=path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
