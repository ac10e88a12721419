"""Each reader, on small files of exactly its format, against independent code; and each sentence of a fault."""

import gzip
import hashlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from score_extrapolation import plugins
from score_extrapolation.datasets import parquet
from score_extrapolation.faults import InputFault


def read(dataset, split, paths, **options):
    reader = plugins.load_method("datasets", dataset)
    return reader.read_split(split, [str(path) for path in paths], reader.Options(**options))


def encode(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def random_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def all_arrays(split):
    return np.stack(split.read(0, len(split.sources)))


# ---- all readers ----------------------------------------------------------------------------------------------


def test_names_options_and_constants_are_read_without_importing_anything_heavy():
    code = """
import sys
from score_extrapolation import plugins
for name in plugins.method_names("datasets"):
    plugins.method_options("datasets", name)
    assert set(plugins.method_constant("datasets", name, "SPLITS")) <= {"train", "test"}
    assert plugins.method_constant("datasets", name, "NEEDS_PATH") in (True, False)
print(*plugins.method_names("datasets"))
assert not {"torch", "torchvision", "numpy", "pyarrow", "PIL", "sklearn"} & set(sys.modules)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["digits", "idx", "imagefolder", "npz", "parquet", "torchvision"]


@pytest.mark.parametrize("name", plugins.method_names("datasets"))
def test_options_read_from_the_syntax_tree_are_those_of_the_module(name):
    compiled = plugins.method_options("datasets", name)
    imported = plugins.load_method("datasets", name).Options
    assert compiled.model_json_schema() == imported.model_json_schema()


@pytest.mark.parametrize("name", ["imagefolder", "npz", "parquet", "idx"])
def test_a_path_to_nothing_names_itself(name, tmp_path):
    with pytest.raises(InputFault) as fault:
        read(name, "train", [tmp_path / "none"])
    assert str(fault.value) == (
        f"samples.train: {tmp_path / 'none'} does not exist; give an existing file, folder or glob"
    )


# ---- digits ---------------------------------------------------------------------------------------------------


def test_digits_are_scikit_learns_scaled_to_bytes():
    from sklearn.datasets import load_digits

    split = read("digits", "train", [])
    expected = [[[round(v * 255 / 16) for v in row] for row in image] for image in load_digits().images[:50].tolist()]
    np.testing.assert_array_equal(np.stack(split.read(0, 50)), expected)
    assert all_arrays(split).shape == (1797, 8, 8) and all_arrays(split).dtype == np.uint8
    assert all_arrays(split).max() == 255
    assert list(split.labels) == list(load_digits().target)
    assert split.class_names == list("0123456789") and split.sources[3] == "digits#3"


def test_digits_refuse_a_path():
    with pytest.raises(InputFault, match=r"^samples\.train: digits come with scikit-learn, but a path is given"):
        read("digits", "train", ["x"])


# ---- parquet --------------------------------------------------------------------------------------------------


def write_parquet(path, images, labels, row_group_size=3, names=None, **more):
    structs = pa.array([{"bytes": b, "path": None} if isinstance(b, bytes) else b for b in images])
    structs = structs.cast(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    table = pa.table({"img": structs, "label": labels, **more})
    if names:
        features = {"img": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size)


def test_parquet_reads_files_folders_and_globs_in_order(tmp_path):
    payloads = [bytes([i]) * (i + 1) for i in range(20)]
    write_parquet(tmp_path / "d" / "train-0.parquet", payloads[:8], list(range(8)), names=list("abcdefgh"))
    write_parquet(tmp_path / "d" / "train-1.parquet", payloads[8:], [0] * 12, 5, names=list("abcdefgh"))
    for paths in ([tmp_path / "d"], [tmp_path / "d" / "*.parquet"], sorted((tmp_path / "d").iterdir())):
        split = read("parquet", "train", paths)
        assert list(split.labels) == [*range(8), *[0] * 12]
        assert split.sources[9] == f"{tmp_path / 'd' / 'train-1.parquet'}#1" and len(set(split.sources)) == 20
        assert split.class_names == list("abcdefgh")
        for start in range(20):
            for stop in range(start, 21):
                assert split.read(start, stop) == payloads[start:stop]


def test_parquet_keeps_few_row_groups_in_memory_and_reads_each_once_in_order(tmp_path, monkeypatch):
    write_parquet(tmp_path / "x.parquet", [b"x"] * 40, [0, 1] * 20, row_group_size=4)
    opened = []
    original = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile, "read_row_group", lambda self, i, **k: opened.append(i) or original(self, i, **k)
    )
    split = read("parquet", "train", [tmp_path / "x.parquet"])
    for start in range(0, 40, 3):
        split.read(start, min(start + 3, 40))
    assert opened == list(range(10))
    assert len(split.read.__self__.cache) == parquet.CACHED_ROW_GROUPS


def test_parquet_takes_plain_binary_strings_paths_and_empty_row_groups(tmp_path):
    table = pa.table({"picture": pa.array([b"a", None, b"c"], pa.large_binary()), "kind": ["dog", "cat", "dog"]})
    with pq.ParquetWriter(tmp_path / "x.parquet", table.schema) as writer:
        writer.write_table(table.slice(0, 1))
        writer.write_table(table.slice(0, 0))
        writer.write_table(table.slice(1))
    split = read("parquet", "train", [tmp_path / "x.parquet"])
    assert list(split.labels) == ["dog", "cat", "dog"] and split.class_names is None
    assert split.read(0, 3) == [b"a", b"", b"c"]
    rows = [{"bytes": None, "path": "sub/1.png"}, {"bytes": b"b", "path": "2.png"}, {"bytes": None, "path": None}]
    write_parquet(tmp_path / "y.parquet", rows, pa.array(["u", "v", "u"]).dictionary_encode())
    split = read("parquet", "train", [tmp_path / "y.parquet"])
    assert split.read(0, 3) == [tmp_path / "sub" / "1.png", b"b", b""]
    assert list(split.labels) == ["u", "v", "u"]


def test_parquet_chooses_columns_by_name_or_option(tmp_path):
    more = {"fine": [5, 6], "fine_label": [7, 8], "other": pa.array([b"p", b"q"])}
    write_parquet(tmp_path / "x.parquet", [b"a", b"b"], [1, 2], **more)
    split = read("parquet", "train", [tmp_path / "x.parquet"], image_column="other", label_column="fine")
    assert list(split.labels) == [5, 6] and split.read(0, 2) == [b"p", b"q"]
    kinds = "img (struct<bytes: binary, path: string>), label (int64), fine (int64), fine_label (int64), other (binary)"
    for options, sentence in (
        ({}, "img and other could each be the image column (struct with bytes, or binary)"),
        ({"image_column": "img"}, "label and fine_label could each be the label column (integers or strings)"),
        ({"image_column": "fine"}, "fine is no image column (struct with bytes, or binary)"),
        ({"image_column": "img", "label_column": "img"}, "img is no label column (integers or strings)"),
    ):
        role = "label" if " label column" in sentence else "image"
        with pytest.raises(InputFault) as fault:
            read("parquet", "train", [tmp_path / "x.parquet"], **options)
        assert str(fault.value) == (
            f"samples.train: {sentence} among the columns {kinds} of {tmp_path / 'x.parquet'}; "
            f"name it in samples.options.{role}_column"
        )


def test_parquet_faults(tmp_path):
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputFault, match=r"text\.parquet is not a readable Parquet file \("):
        read("parquet", "train", [tmp_path / "text.parquet"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputFault, match=r"the folder .*empty has no \.parquet file; give one that does, or a glob"):
        read("parquet", "test", [tmp_path / "empty"])
    write_parquet(tmp_path / "n.parquet", [b"a", b"b"], pa.array([1, None]))
    with pytest.raises(InputFault, match=r"the column label of .*n\.parquet has 1 nulls; give each sample a label"):
        read("parquet", "train", [tmp_path / "n.parquet"])
    write_parquet(tmp_path / "i.parquet", [b"a"], [1], names=["x", "y"])
    write_parquet(tmp_path / "s.parquet", [b"a"], ["1"])
    with pytest.raises(InputFault, match=r"s\.parquet has no column label of type int64 as .*i\.parquet has; give"):
        read("parquet", "train", [tmp_path / "i.parquet", tmp_path / "s.parquet"])
    write_parquet(tmp_path / "j.parquet", [b"a"], [1], names=["y", "x"])
    with pytest.raises(InputFault, match=r"j\.parquet names the classes otherwise than .*i\.parquet; give files of"):
        read("parquet", "train", [tmp_path / "i.parquet", tmp_path / "j.parquet"])
    write_parquet(tmp_path / "hub" / "train-00000-of-00001.parquet", [b"a"], [1])
    write_parquet(tmp_path / "hub" / "test-00000-of-00001.parquet", [b"a"], [1])
    with pytest.raises(InputFault) as fault:
        read("parquet", "train", [tmp_path / "hub"])
    assert str(fault.value) == (
        f"samples.train: the folder {tmp_path / 'hub'} has files of several splits (test, train); give a glob of one, "
        f"such as {tmp_path / 'hub' / 'train-*.parquet'}"
    )


# ---- imagefolder ----------------------------------------------------------------------------------------------


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def test_imagefolder_lists_classes_and_paths_in_order(tmp_path):
    touch(tmp_path / "a", "dog/2.JPG", "dog/10.jpeg", "dog/deep/er/0.png", "cat/z.webp", "cat/notes.txt", "readme.md")
    touch(tmp_path / "a", "cat/.hidden.png", ".git/x.png", "cat/.cache/y.png")
    touch(tmp_path / "b", "dog/1.tiff", "eel/1.ppm")
    split = read("imagefolder", "train", [tmp_path / "a", tmp_path / "b"])
    found = [str(Path(source).relative_to(tmp_path)) for source in split.sources]
    assert found == [
        "a/cat/z.webp",
        "a/dog/10.jpeg",
        "a/dog/2.JPG",
        "a/dog/deep/er/0.png",
        "b/dog/1.tiff",
        "b/eel/1.ppm",
    ]
    assert list(split.labels) == ["cat", "dog", "dog", "dog", "dog", "eel"] and split.class_names is None
    assert split.read(1, 3) == [tmp_path / "a/dog/10.jpeg", tmp_path / "a/dog/2.JPG"]


def test_imagefolder_faults(tmp_path):
    touch(tmp_path, "flat/1.png", "hole/dog/1.png", "hole/cat/notes.txt")
    for path, sentence in (
        ("flat", "{} has no class folders; give a folder that has one per class"),
        ("flat/1.png", "{} is a file; give a folder that has one folder per class"),
        (
            "hole",
            "the class folder {}/cat has no image (jpg jpeg png bmp gif tif tiff webp ppm pgm); "
            "add images or remove the folder",
        ),
    ):
        with pytest.raises(InputFault) as fault:
            read("imagefolder", "test", [tmp_path / path])
        assert str(fault.value) == "samples.test: " + sentence.format(tmp_path / path)


# ---- idx ------------------------------------------------------------------------------------------------------


def write_idx(folder, images, labels, prefix="train", pack=lambda content: content, suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    pairs = (("images-idx3-ubyte", images), ("labels-idx1-ubyte", np.asarray(labels, np.uint8)))
    for name, array in pairs:
        header = struct.pack(f">I{array.ndim}I", 0x0800 + array.ndim, *array.shape)
        (folder / f"{prefix}-{name}{suffix}").write_bytes(pack(header + array.tobytes()))


def test_idx_reads_folders_and_pairs_of_files_gzipped_or_not(tmp_path):
    train, test = random_images(7, 4, 5), random_images(3, 4, 5, seed=1)
    write_idx(tmp_path, train, range(7), pack=gzip.compress, suffix=".gz")
    write_idx(tmp_path, test, [2, 1, 0], prefix="t10k")
    split = read("idx", "train", [tmp_path])
    np.testing.assert_array_equal(all_arrays(split), train)
    assert list(split.labels) == list(range(7)) and split.sources[2].endswith("train-images-idx3-ubyte.gz#2")
    split = read("idx", "test", [tmp_path])
    np.testing.assert_array_equal(np.stack(split.read(1, 3)), test[1:])
    pair = [tmp_path / "t10k-images-idx3-ubyte", tmp_path / "t10k-labels-idx1-ubyte"]
    split = read("idx", "validation", pair)
    assert list(split.labels) == [2, 1, 0]
    with pytest.raises(
        InputFault,
        match="begins with 0x00000801, but an IDX file of bytes in 3 dimensions with 0x00000803; give images",
    ):
        read("idx", "train", pair[::-1])
    with pytest.raises(InputFault, match=r"^samples\.validation: found .*; give two files, images and labels$"):
        read("idx", "validation", [tmp_path])


def test_idx_faults(tmp_path):
    write_idx(tmp_path, random_images(7, 4, 5), range(6))
    with pytest.raises(InputFault, match=r"has 7 images, but .* has 6 labels; give two files that belong together"):
        read("idx", "train", [tmp_path])
    with pytest.raises(InputFault, match=r"has no t10k-images-idx3-ubyte or t10k-images-idx3-ubyte\.gz; put it there"):
        read("idx", "test", [tmp_path])
    images = tmp_path / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-1])
    with pytest.raises(InputFault, match=r"has 139 bytes of data, but its header says 140 \(7 x 4 x 5\); get the file"):
        read("idx", "train", [tmp_path])
    images.write_bytes(whole[:9])
    with pytest.raises(InputFault, match="train-images-idx3-ubyte is cut short inside its header"):
        read("idx", "train", [tmp_path])
    images.write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(InputFault, match=r"cannot be decompressed .*; get it again"):
        read("idx", "train", [tmp_path])


# ---- npz ------------------------------------------------------------------------------------------------------


def test_npz_reads_files_one_after_the_other(tmp_path):
    first, second = random_images(4, 3, 3), random_images(2, 3, 3, seed=1)
    np.savez(tmp_path / "0.npz", x=first, y=np.arange(4))
    np.savez_compressed(tmp_path / "1.npz", x=second, y=np.array([[0], [1]]))
    split = read("npz", "train", [tmp_path])
    np.testing.assert_array_equal(all_arrays(split), np.concatenate([first, second]))
    assert list(split.labels) == [0, 1, 2, 3, 0, 1] and split.sources[5] == f"{tmp_path / '1.npz'}#1"
    np.savez(tmp_path / "own.npz", pictures=random_images(2, 3, 3, 3), kinds=np.array(["a", "b"]), x=0)
    split = read("npz", "test", [tmp_path / "own.npz"], image_key="pictures", label_key="kinds")
    assert all_arrays(split).shape == (2, 3, 3, 3) and list(split.labels) == ["a", "b"]


def test_npz_faults(tmp_path):
    def sentence(paths=("x.npz",), **arrays):
        np.savez(tmp_path / "x.npz", **arrays)
        with pytest.raises(InputFault) as fault:
            read("npz", "train", [tmp_path / path for path in paths])
        return str(fault.value).replace(str(tmp_path), "")

    assert sentence(data=random_images(2, 3072), labels=[0, 1]) == (
        "samples.train: data in /x.npz is uint8 of shape (2, 3072); give uint8 images of shape (n, height, width) or "
        "(n, height, width, channels) with 1, 3 or 4 channels"
    )
    assert "is float64 of shape (2, 3, 3)" in sentence(image=np.zeros((2, 3, 3)), label=[0, 1])
    assert "is uint8 of shape (2, 3, 8, 8)" in sentence(image=random_images(2, 3, 8, 8), label=[0, 1])
    assert sentence(image=random_images(2, 8, 8), label=[0.0, 1.0]) == (
        "samples.train: label in /x.npz is float64 of shape (2,); give one integer or string for each of the 2 images"
    )
    assert "label in /x.npz is int64 of shape (3,)" in sentence(image=random_images(2, 8, 8), label=[0, 1, 1])
    assert sentence(images=random_images(2, 8, 8), image=random_images(2, 8, 8), label=[0, 1]) == (
        "samples.train: /x.npz has the arrays images, image, label, of which 2 are image or images or x or data; "
        "name the image array in samples.options.image_key"
    )
    objects = sentence(image=np.array([1, "a"], dtype=object), label=[0, 1])
    assert objects.startswith("samples.train: /x.npz is not an .npz file of plain arrays (Object arrays")
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "bare.npy", np.zeros(3))
    assert "text.npz is not an .npz file of plain arrays" in sentence(["text.npz"])
    assert "bare.npy is not an .npz file of plain arrays" in sentence(["bare.npy"])


# ---- torchvision ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torchvision_datasets():
    from score_extrapolation.torchvision_import import torchvision

    return torchvision.datasets


def write_cifar(root, dataset, monkeypatch, label_key, names):
    """Write pickles as CIFAR's authors do; the checksums that torchvision expects become those of our files."""

    def dump(name, value):
        content = pickle.dumps(value)
        (root / dataset.base_folder).mkdir(parents=True, exist_ok=True)
        (root / dataset.base_folder / name).write_bytes(content)
        return hashlib.md5(content).hexdigest()

    rng, images, labels = np.random.default_rng(0), {}, {}
    for split, files in (("train", dataset.train_list), ("test", dataset.test_list)):
        batches = [rng.integers(0, 256, (3, 3072), dtype=np.uint8) for _ in files]
        kinds = [rng.integers(0, len(names), 3).tolist() for _ in files]
        checked = [
            [file, dump(file, {"data": batch, label_key: kind})]
            for (file, _), batch, kind in zip(files, batches, kinds, strict=True)
        ]
        monkeypatch.setattr(dataset, f"{split}_list", checked)
        # Oracle: a row holds 1,024 red values, then green, then blue, each row by row.
        images[split] = np.array(
            [
                [[[r[c * 1024 + y * 32 + x] for c in range(3)] for x in range(32)] for y in range(32)]
                for b in batches
                for r in b
            ]
        )
        labels[split] = np.concatenate(kinds).tolist()
    meta = {**dataset.meta, "md5": dump(dataset.meta["filename"], {dataset.meta["key"]: names})}
    monkeypatch.setattr(dataset, "meta", meta)
    return images, labels


@pytest.mark.parametrize("name, key", [("CIFAR10", "labels"), ("CIFAR100", "fine_labels")])
def test_torchvision_reads_cifar_from_the_disk(name, key, torchvision_datasets, tmp_path, monkeypatch):
    names = [f"class {i}" for i in range(10)]
    images, labels = write_cifar(tmp_path, getattr(torchvision_datasets, name), monkeypatch, key, names)
    for kind in ("train", "test"):
        split = read("torchvision", kind, [tmp_path], name=name, download=False)
        np.testing.assert_array_equal(all_arrays(split), images[kind])
        assert list(split.labels) == labels[kind] and split.class_names == names
        assert split.sources[1] == f"{tmp_path}/{name}/{kind}#1"


def test_torchvision_reads_fashion_mnist_from_the_disk(torchvision_datasets, tmp_path):
    images = random_images(5, 28, 28)
    for prefix in ("train", "t10k"):
        write_idx(tmp_path / "FashionMNIST" / "raw", images, [4, 3, 2, 1, 0], prefix)
    split = read("torchvision", "test", [tmp_path], name="FashionMNIST")
    np.testing.assert_array_equal(all_arrays(split), images)
    assert list(split.labels) == [4, 3, 2, 1, 0] and split.class_names[9] == "Ankle boot"


def test_torchvision_faults(torchvision_datasets, tmp_path, monkeypatch):
    with pytest.raises(InputFault) as fault:
        read("torchvision", "train", [tmp_path], name="CIFAR10", download=False)
    assert str(fault.value) == (
        f"samples.train: {tmp_path} has no complete CIFAR10 in torchvision's layout; put it there, or set "
        "samples.options.download: true"
    )
    closed = "http://127.0.0.1:9/"  # discard port: the connection is refused at once
    monkeypatch.setattr(torchvision_datasets.CIFAR10, "url", closed + "cifar-10-python.tar.gz")
    monkeypatch.setattr(torchvision_datasets.FashionMNIST, "mirrors", [closed])
    for name in ("CIFAR10", "FashionMNIST"):
        with pytest.raises(InputFault) as fault:
            read("torchvision", "train", [tmp_path], name=name)
        assert str(fault.value).startswith(f"samples.train: {name} is not in {tmp_path} and cannot be downloaded (")
        assert str(fault.value).endswith("; put it there in torchvision's layout, or mend the network")
        assert "\n" not in str(fault.value) and "refused" in str(fault.value)
    with pytest.raises(InputFault, match=r"^samples\.validation: CIFAR10 has only a train and a test split; give a fr"):
        read("torchvision", "validation", [tmp_path], name="CIFAR10")
    with pytest.raises(InputFault, match="2 paths are given; give one folder, which has CIFAR10"):
        read("torchvision", "train", [tmp_path, tmp_path], name="CIFAR10")
