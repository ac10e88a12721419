"""The sample store: decoding, splitting, labels, statistics, and what it refuses."""

import io
import json
import shutil
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from score_extrapolation import tables
from score_extrapolation.datasets import Split, _decode
from score_extrapolation.datasets._decode import BadImage, decode_image
from score_extrapolation.datasets._labels import draw_fraction, map_labels
from score_extrapolation.datasets._store import prepare_samples
from score_extrapolation.faults import InputFault


def random_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def encode(image, kind="PNG", **options):
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def smooth(height, width):
    """Return an image that survives resampling and JPEG: waves in each channel."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / width * 5) + np.cos(y / height * (3 + c)) for c in range(3)]
    return np.rint(127.5 + 60 * np.stack(waves, axis=-1)).astype(np.uint8)


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


# ---- one image ------------------------------------------------------------------------------------------------


def test_lossless_formats_and_arrays_come_back_as_they_are():
    pixels = random_images(1, 6, 9, 3)[0]
    for kind in ("PNG", "BMP", "TIFF", "PPM"):
        np.testing.assert_array_equal(decode_image(encode(pixels, kind), 3), pixels)
    np.testing.assert_array_equal(decode_image(encode(pixels, "WEBP", lossless=True), 3), pixels)
    assert decode_image(pixels, 3) is pixels
    assert decode_image(pixels[..., 0], 1).shape == (6, 9, 1)


def test_grey_is_repeated_and_colour_becomes_luma():
    pixels = random_images(1, 6, 9, 3)[0]
    luma = np.array([[round(0.299 * r + 0.587 * g + 0.114 * b) for r, g, b in row] for row in pixels.tolist()])
    for raw in (pixels, encode(pixels)):
        assert np.abs(decode_image(raw, 1)[..., 0].astype(int) - luma).max() <= 1
    for raw in (pixels[..., 0], pixels[..., :1], encode(pixels[..., 0])):
        np.testing.assert_array_equal(decode_image(raw, 3), np.repeat(pixels[..., :1], 3, axis=2))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_to_the_nearest_of_8(kind):
    wide = np.array([[0, 128, 129, 257], [32768, 65535, 65407, 65406]], dtype=np.uint16)
    expected = [[round(v / 257) for v in row] for row in wide.tolist()]
    np.testing.assert_array_equal(decode_image(encode(wide, kind), 1)[..., 0], expected)
    assert decode_image(encode(wide, kind), 3).shape == (2, 4, 3)


def test_transparency_is_blended_over_black():
    pixels = random_images(1, 6, 9, 4)[0]
    expected = pixels[..., :3] * (pixels[..., 3:] / 255)
    for raw in (encode(pixels), pixels):
        assert np.abs(decode_image(raw, 3) - expected).max() <= 1
    palette = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    assert decode_image(encode(palette, transparency=0), 3).tolist() == [[[0, 0, 0], [40, 50, 60]]]
    assert decode_image(encode(palette), 3).tolist() == [[[10, 20, 30], [40, 50, 60]]]
    assert decode_image(encode(palette, "GIF"), 3).tolist() == [[[10, 20, 30], [40, 50, 60]]]


def test_cmyk_and_one_bit():
    ink = Image.fromarray(np.zeros((2, 2, 4), np.uint8), "CMYK")
    assert decode_image(encode(ink, "TIFF"), 3).min() == 255
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert decode_image(encode(bits), 1).tolist() == [[[0], [255]]]


def test_exif_orientation_turns_the_image_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate by 90 degrees clockwise to view"
    pixels = random_images(1, 6, 9, 3)[0]
    upright = np.rot90(pixels, k=-1)
    np.testing.assert_array_equal(decode_image(encode(pixels, exif=exif), 3), upright)
    big = smooth(300, 600)
    turned = decode_image(encode(big, "JPEG", quality=95, exif=exif), 3, (60, 30))
    expected = np.asarray(Image.fromarray(np.rot90(big, k=-1)).resize((30, 60), Image.Resampling.BICUBIC))
    assert np.abs(turned.astype(int) - expected).max() <= 6


@pytest.mark.parametrize("size", [(10, 10), (20, 20), (60, 60), (9, 30)])
def test_crop_resizes_the_shorter_side_and_takes_the_centre(size):
    image = smooth(60, 120)
    scale = max(size[0] / 60, size[1] / 120)
    height, width = round(60 * scale), round(120 * scale)
    whole = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    expected = whole[top : top + size[0], left : left + size[1]].astype(int)
    for raw in (image, encode(image)):
        assert np.abs(decode_image(raw, 3, size, "crop") - expected).max() <= 1


def test_stretch_keeps_the_whole_image():
    image = smooth(60, 120)
    expected = np.asarray(Image.fromarray(image).resize((20, 15), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(decode_image(encode(image), 3, (15, 20), "stretch"), expected)


def test_a_large_jpeg_is_reduced_while_decoded_without_harm():
    image = smooth(800, 1000)
    whole = np.asarray(Image.fromarray(image).resize((40, 40), Image.Resampling.BICUBIC, box=(100, 0, 900, 800)))
    assert np.abs(decode_image(encode(image, "JPEG", quality=95), 3, (40, 40)).astype(int) - whole).max() <= 4


def test_what_is_no_image_says_why(tmp_path, monkeypatch):
    def reason(raw):
        with pytest.raises(BadImage) as bad:
            decode_image(raw, 3)
        return str(bad.value)

    assert reason(b"") == reason(b"text") == "no image of a known format"
    assert "truncated" in reason(encode(smooth(50, 50), "JPEG")[:-200])
    assert "No such file" in reason(tmp_path / "none.png")
    reason(encode(smooth(50, 50))[:-200])
    broken = bytearray(encode(smooth(50, 50)))
    broken[60] ^= 255
    reason(bytes(broken))
    assert reason(random_images(1, 4, 4, 5)[0]).startswith("an array of shape (4, 4, 5)")
    assert reason(encode(np.zeros((2, 2), np.float32), "TIFF")) == "its pixels are floating-point numbers"
    assert reason(encode(np.full((2, 2), 70000, np.int32), "TIFF")) == "its pixels have more than 16 bits"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert "decompression bomb" in reason(encode(smooth(50, 50)))


# ---- labels and fractions -------------------------------------------------------------------------------------


def split_of(labels, names=None):
    return Split(labels, [f"s{i}" for i in range(len(labels))], lambda start, stop: [], names)


def test_labels_are_numbered_by_the_sorted_training_labels():
    classes, labels = map_labels({"train": split_of([10, 2, 30, 2]), "test": split_of([30, 10])})
    assert classes == ["2", "10", "30"] and labels["train"].dtype == np.int64
    assert labels["train"].tolist() == [1, 0, 2, 0] and labels["test"].tolist() == [2, 1]
    classes, labels = map_labels({"train": split_of(["b", "a", "b"])})
    assert classes == ["a", "b"] and labels["train"].tolist() == [1, 0, 1]


def test_the_data_sets_own_names_keep_its_numbers():
    classes, labels = map_labels({"train": split_of([2, 0], ["x", "y", "z"]), "test": split_of([0])})
    assert classes == ["x", "y", "z"] and labels["train"].tolist() == [2, 0]
    classes, labels = map_labels({"train": split_of([7, 0], ["x", "y", "z"])})  # the names do not fit
    assert classes == ["0", "7"] and labels["train"].tolist() == [1, 0]


@pytest.mark.parametrize(
    "train, test, sentence",
    [
        (split_of([]), None, "samples.train: there are no samples; give a path that has some"),
        (split_of([0, 1]), split_of([]), "samples.test: there are no samples; give a path that has some"),
        (
            split_of([4, 4, 4]),
            None,
            "samples.train: all 3 samples are of one class, 4; give samples of two or more",
        ),
        (
            split_of(["a", "b"]),
            split_of(["a", "c", "c"]),
            "samples.test: 2 samples are of the class c, which samples.train lacks; add it there or remove it here",
        ),
        (
            split_of([0, 1]),
            split_of([0, -1, -1]),
            "samples.test: 2 labels are negative (first s1); remove unlabelled samples, classes begin at 0",
        ),
        (
            split_of([0, 1]),
            split_of(["0", "1"]),
            "samples.test: its labels are strings, but samples.train has integers; give one kind",
        ),
        (
            split_of([0, 1], ["x", "y"]),
            split_of([0, 1], ["y", "x"]),
            "samples.test: its classes are named otherwise than in samples.train, so that equal numbers may mean "
            "different classes; give splits of one data set",
        ),
    ],
)
def test_label_faults(train, test, sentence):
    with pytest.raises(InputFault) as fault:
        map_labels({"train": train, "test": test} if test else {"train": train})
    assert str(fault.value) == sentence


@settings(max_examples=200, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_a_fraction_is_drawn_in_proportion(counts, fraction, seed, data):
    n, counts = sum(counts), np.array(counts)
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    free = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    free |= np.random.default_rng(seed).random(n) < 0.7
    spare = np.maximum(np.bincount(labels[free], minlength=len(counts)) - 1, 0)
    wanted = round(fraction * n)
    if not 0 < wanted <= spare.sum():
        with pytest.raises(InputFault):
            draw_fraction(labels, free, fraction, seed, "samples.test")
        return
    rows = draw_fraction(labels, free, fraction, seed, "samples.test")
    assert len(rows) == wanted == len(set(rows.tolist())) and free[rows].all() and (np.diff(rows) > 0).all()
    taken = np.bincount(labels[rows], minlength=len(counts))
    assert (taken <= spare).all()
    if (np.ceil(fraction * counts) <= spare).all():  # nothing in the way of each class's own share
        assert (np.abs(taken - fraction * counts) < 1).all()
        up = taken > fraction * counts
        remainder = fraction * counts - np.floor(fraction * counts)
        assert not up.any() or remainder[up].min() >= remainder[(~up) & (remainder > 0)].max(initial=0)
    again = draw_fraction(labels, free, fraction, seed, "samples.test")
    np.testing.assert_array_equal(rows, again)


def test_an_impossible_fraction_says_what_is_possible():
    labels, free = np.array([0, 0, 0, 1, 1]), np.ones(5, bool)
    for fraction, wanted in ((0.9, 4), (0.05, 0)):
        with pytest.raises(InputFault) as fault:
            draw_fraction(labels, free, fraction, 0, "samples.test")
        assert str(fault.value) == (
            f"samples.test = {fraction} asks for {wanted} of 5 training samples; give a fraction that takes 1 to 3, so "
            "that each class keeps one for training"
        )


# ---- the store ------------------------------------------------------------------------------------------------


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
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".json", *[".npy"] * 3, *[".parquet"] * 3]
    other = prepare(tmp_path / "other", [archive], test=0.25, validation=0.1, seed=4)
    assert other["n"] == summary["n"]
    assert (tmp_path / "other/test.parquet").read_bytes() != (tmp_path / "out/test.parquet").read_bytes()


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


@pytest.mark.parametrize("threads, chunk, small", [(1, 5, 0), (3, 1, 0), (2, 7, 0), (4, 512, 0), (4, 3, 1 << 30)])
def test_threads_and_chunks_change_nothing(tree, tmp_path, monkeypatch, threads, chunk, small):
    (tree / "cat" / "02.png").write_bytes(b"damaged")
    settings_ = {"test": 0.25, "image_size": [8, 6], "on_bad_image": "drop", "seed": 2}
    prepare(tmp_path / "a", [tree], "imagefolder", **settings_)
    monkeypatch.setattr(_decode, "CHUNK_IMAGES", chunk)
    monkeypatch.setattr(_decode, "SMALL_IMAGE_BYTES", small)
    prepare(tmp_path / "b", [tree], "imagefolder", threads=threads, **settings_)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_dropped_images_leave_no_gap(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(_decode, "CHUNK_IMAGES", 4)
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


def test_memory_stays_bounded(tmp_path, monkeypatch):
    """However many images: no more chunks are decoded ahead than two per thread, and the one in hand."""
    monkeypatch.setattr(_decode, "CHUNK_IMAGES", 1)
    monkeypatch.setattr(_decode, "SMALL_IMAGE_BYTES", 0)
    read_up_to = [0]

    def read(start, stop):
        read_up_to[0] = max(read_up_to[0], stop)
        return list(np.zeros((stop - start, 2, 2), np.uint8))

    split = Split([0] * 50, [""] * 50, read)
    form = _decode.find_form(split, None, "crop", None)
    for start, images, _ in _decode.decode_split("train", split, form, threads=2):
        assert images.shape == (1, 2, 2, 1) and read_up_to[0] <= start + 1 + 2 * 2
