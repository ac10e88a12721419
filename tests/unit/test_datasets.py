"""The readers but Parquet and torchvision: small files of exactly their format, independent code, faults."""

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from score_extrapolation import plugins
from score_extrapolation.faults import InputFault


def read(dataset, split, paths, **options):
    reader = plugins.load_method("datasets", dataset)
    return reader.read_split(split, [str(path) for path in paths], reader.Options(**options))


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
    assert set(plugins.method_constant("datasets", name, "SPLITS")) <= {"train", "test", "validation"}
    assert plugins.method_constant("datasets", name, "NEEDS_PATH") in (True, False)
print(*plugins.method_names("datasets"))
assert not {"torch", "torchvision", "numpy", "pyarrow", "PIL", "sklearn"} & set(sys.modules)
"""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("digits", "huggingface", "idx", "imagefolder", "npz", "parquet", "places365", "table", "torchvision"),
        "webdataset",
    ]


@pytest.mark.parametrize("name", plugins.method_names("datasets"))
def test_options_read_from_the_syntax_tree_are_those_of_the_module(name):
    compiled = plugins.method_options("datasets", name)
    imported = plugins.load_method("datasets", name).Options
    assert compiled.model_json_schema() == imported.model_json_schema()


@pytest.mark.parametrize(
    "name", ["imagefolder", "npz", "parquet", "idx", "places365", "table", "webdataset", "huggingface"]
)
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
        "samples.train: data in /x.npz is uint8 in C order of shape (2, 3072); give uint8 images in C order of shape "
        "(n, height, width) or (n, height, width, channels) with 1, 3 or 4 channels, or set samples.options.layout: "
        "chw if the channels come first"
    )
    assert "is float64 in C order of shape (2, 3, 3)" in sentence(image=np.zeros((2, 3, 3)), label=[0, 1])
    assert "is uint8 in C order of shape (2, 3, 8, 8)" in sentence(image=random_images(2, 3, 8, 8), label=[0, 1])
    assert "is uint8 in Fortran order of shape (2, 4, 8)" in sentence(image=random_images(8, 4, 2).T, label=[0, 1])
    assert sentence(image=random_images(2, 8, 8), label=[0.0, 1.0]) == (
        "samples.train: label in /x.npz is float64 of shape (2,); give one integer or string for each of the 2 images"
    )
    assert "label in /x.npz is int64 of shape (3,)" in sentence(image=random_images(2, 8, 8), label=[0, 1, 1])
    assert "label in /x.npz is int64 of shape ()" in sentence(image=random_images(1, 8, 8), label=0)
    assert sentence(images=random_images(2, 8, 8), image=random_images(2, 8, 8), label=[0, 1]) == (
        "samples.train: /x.npz has the arrays images, image, label, of which 2 are image or images or x or data; "
        "name the image array in samples.options.image_key"
    )
    assert "is object in C order of shape (2,)" in sentence(image=np.array([1, "a"], dtype=object), label=[0, 1])
    objects = sentence(image=random_images(2, 8, 8), label=np.array([1, "a"], dtype=object))
    assert objects.startswith("samples.train: /x.npz is not an .npz file of plain arrays (Object arrays")
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "bare.npy", np.zeros(3))
    assert "text.npz is not an .npz file of plain arrays" in sentence(["text.npz"])
    assert "bare.npy is not an .npz file of plain arrays" in sentence(["bare.npy"])
