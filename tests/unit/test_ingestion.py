"""Ingestion: processes that decode, what is taken up after a kill, what is not, and what is said of it."""

import fcntl
import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from preparing import prepare_samples
from score_extrapolation import faults
from score_extrapolation.datasets import Split
from score_extrapolation.datasets.readers import npz
from score_extrapolation.datasets.store import checksums as _checksums
from score_extrapolation.datasets.store import chunks as _chunks
from score_extrapolation.datasets.store import unfinished as _unfinished
from score_extrapolation.datasets.store.checksums import hash_images, verify_store
from score_extrapolation.datasets.store.decoding import find_form
from score_extrapolation.datasets.store.npy_files import npy_bytes, sum_channels
from score_extrapolation.faults import InputFault, Interrupted
from score_extrapolation.io.tables import read_table

N = 90
# Of processes that this file starts: the library and the tests' own modules are found.
FOLDERS = Path(faults.__file__).parents[1], Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, FOLDERS))}


def smooth(seed):
    """An image that JPEG and resizing leave recognisable, of a size of its own."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    return small.resize((int(rng.integers(12, 30)), int(rng.integers(12, 30))), Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Two classes of PNG and JPEG images: three are damaged, some are equal, within a class and across."""
    root = tmp_path_factory.mktemp("photos")
    for i in range(N):
        path = root / "train" / ("cat" if i < 40 else "dog") / f"{i:03}.{('png', 'jpg')[i % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        smooth(i if i % 7 else i // 14).save(path)
    for i, name in ((5, "cat/005.jpg"), (50, "dog/050.png"), (89, "dog/089.jpg")):
        path = root / "train" / name
        path.write_bytes(path.read_bytes()[: 40 + i])
    for i in range(12):
        path = root / "pool" / ("cat", "dog")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        smooth(200 + i // 2).save(path)
    time.sleep(0.05)  # the system's clock of files ticks by milliseconds
    return root


def settings(photos, **changes):
    pool = {"dataset": "imagefolder", "path": [str(photos / "pool")], "split": "train", "options": {}}
    values = {
        "dataset": "imagefolder",
        "train": [str(photos / "train")],
        "test": 0.2,
        "validation": None,
        "options": {},
    }
    values |= {"share": 0.9, "image_size": 8, "on_bad_image": "drop", "seed": 1, "threads": 2, "pool": pool}
    return values | {"duplicates": "drop", "wrong_labels": 0.3} | changes


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_IMAGES", 4)


@pytest.fixture(scope="module")
def undisturbed(photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed") / "samples"
    prepare_samples(**settings(photos, threads=1), folder=folder)
    return contents(folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# A process that dies where it is told to: before the k-th time that it writes pixels, notes or saves how far it is, or
# writes a note beside the images.
DIES = """
import json, os, signal, sys
from preparing import prepare_samples
from score_extrapolation.datasets.store import chunks as _chunks, npy_files as _arrays
from score_extrapolation.datasets.store import store_tables as _tables, unfinished as _unfinished
_chunks.CHUNK_IMAGES, _unfinished.SAVE_S = 4, 0
left = int(sys.argv[2])

def dying(function):
    def called(*args, **kwargs):
        global left
        left -= 1
        if left == 0:
            if function is append:  # in the middle of it
                function(args[0], args[1][: len(args[1]) // 2])
                args[0].file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return called

append = _arrays.GrowingArray.append
if sys.argv[3] == "images":
    _arrays.GrowingArray.append = dying(append)
    _unfinished.Unfinished.note = dying(_unfinished.Unfinished.note)
    _unfinished.write_json = dying(_unfinished.write_json)
else:
    _tables.write_json = dying(_tables.write_json)
prepare_samples(**json.loads(sys.argv[1]))
"""


def run_dying(arguments, folder, k, where="images"):
    command = [sys.executable, "-c", DIES, json.dumps(arguments | {"folder": str(folder)}), str(k), where]
    return subprocess.run(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_killed_again_and_again_it_gets_further_and_ends_with_the_same_bytes(photos, undisturbed, tmp_path, seed):
    rng, reached = random.Random(seed), []
    while True:
        run = run_dying(settings(photos), tmp_path / "samples", rng.randint(4, 40))
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL, run.stderr
        assert not (tmp_path / "samples/summary.json").exists()
        state = tmp_path / "samples.unfinished/state.json"
        reached.append(sum(json.loads(state.read_text())["read"].values()) if state.exists() else 0)
    assert len(reached) >= 2 and reached == sorted(reached) and 0 < reached[-1] <= N + 12
    assert contents(tmp_path / "samples") == undisturbed
    assert [path.name for path in tmp_path.iterdir()] == ["samples"]


def stop_after(monkeypatch, n):
    """Have it told to stop when it has noted n chunks."""
    note, left = _unfinished.Unfinished.note, [n]

    def counted(self, *args):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        note(self, *args)

    monkeypatch.setattr(_unfinished.Unfinished, "note", counted)


def test_told_to_stop_it_saves_and_goes_on_there(photos, undisturbed, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        stop_after(patched, 6)
        with pytest.raises(Interrupted, match=rf"^samples: told to stop after 2\d of {N + 12} images; the next start"):
            prepare_samples(**settings(photos), folder=tmp_path / "samples")
    assert not (tmp_path / "samples").exists() or not contents(tmp_path / "samples")
    starts, decode = [], _chunks.decode_split
    with monkeypatch.context() as patched:
        patched.setattr(
            "score_extrapolation.datasets.store.preparation.decode_split",
            lambda *args: starts.append(args[-1]) or decode(*args),
        )
        prepare_samples(**settings(photos, threads=1), folder=tmp_path / "samples")
    assert 20 <= starts[0] < 30 and starts[1:] == [0]
    assert contents(tmp_path / "samples") == undisturbed
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("k", [1, 2])
def test_killed_when_all_is_read_it_writes_what_is_missing(photos, undisturbed, tmp_path, k):
    assert run_dying(settings(photos), tmp_path / "samples", k, "tables").returncode == -signal.SIGKILL
    (tmp_path / "samples.unfinished/store/train.parquet.1.partial").write_text("of a killed process")
    prepare_samples(**settings(photos), folder=tmp_path / "samples")
    assert contents(tmp_path / "samples") == undisturbed
    assert verify_store(tmp_path / "samples") == []


@pytest.mark.parametrize("dataset", ["npz", "parquet"])
def test_what_lies_in_blocks_is_gone_on_with_inside_one(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "BLOCK_ROWS", 7)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 6, 5, 3), dtype=np.uint8), np.arange(60) % 3
    train = tmp_path / f"train.{dataset}"
    if dataset == "npz":
        np.savez_compressed(train, x=images, y=labels)
    else:
        encoded = [encode(Image.fromarray(image)) for image in images]
        pq.write_table(pa.table({"image": encoded, "label": labels}), train, row_group_size=7)
    time.sleep(0.05)
    arguments = {
        "dataset": dataset,
        "train": [str(train)],
        "test": 0.2,
        "validation": None,
        "options": {},
        "threads": 2,
    }
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        stop_after(patched, 7)
        prepare_samples(**arguments, folder=tmp_path / "samples")
    prepare_samples(**arguments, folder=tmp_path / "samples")
    prepare_samples(**arguments | {"threads": 1}, folder=tmp_path / "straight")
    assert contents(tmp_path / "samples") == contents(tmp_path / "straight")
    rows = [int(s.rpartition("#")[2]) for s in read_table(tmp_path / "samples/train.parquet")["source"]]
    np.testing.assert_array_equal(np.load(tmp_path / "samples/train.npy"), images[rows])


@pytest.mark.parametrize("change", ["settings", "a file", "a new file", "pixels", "notes", "cut short"])
def test_what_no_longer_fits_is_begun_anew(photos, tmp_path, monkeypatch, caplog, change):
    copied = tmp_path / "photos"
    subprocess.run(["cp", "-r", photos, copied], check=True)
    time.sleep(0.05)
    arguments = settings(copied, pool=None)
    with monkeypatch.context() as patched:
        stop_after(patched, 8)
        with pytest.raises(Interrupted):
            prepare_samples(**arguments, folder=tmp_path / "samples")
    unfinished = tmp_path / "samples.unfinished"
    time.sleep(0.05)
    if change == "settings":
        arguments["image_size"] = 7
    if change == "a file":
        smooth(999).save(copied / "train/cat/000.png")
    if change == "a new file":
        smooth(999).save(copied / "train/cat/000b.png")
    if change == "pixels":
        flip_byte(unfinished / "store/train.npy", 700)
    if change == "notes":
        flip_byte(unfinished / "train.rows", 5)
    if change == "cut short":
        os.truncate(unfinished / "store/train.npy", 500)
    with caplog.at_level("INFO"):
        prepare_samples(**arguments, folder=tmp_path / "samples")
    said = {"settings": "of other settings or data", "a new file": "of other settings or data"}
    said["a file"] = f"{copied / 'train/cat/000.png'} has changed since it was read"
    assert said.get(change, "is damaged") + ("" if change == "a file" else "; starting") in caplog.text
    prepare_samples(**arguments, folder=tmp_path / "straight")
    assert contents(tmp_path / "samples") == contents(tmp_path / "straight")


def flip_byte(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_mended_image_is_gone_on_from(photos, tmp_path, monkeypatch):
    copied = tmp_path / "photos"
    subprocess.run(["cp", "-r", photos, copied], check=True)
    smooth(5).save(copied / "train/cat/005.jpg")
    time.sleep(0.05)
    arguments = settings(copied, on_bad_image="fail", share=None, pool=None)
    with pytest.raises(InputFault, match=r"dog/050.png cannot be decoded .*mend or remove it"):
        prepare_samples(**arguments, folder=tmp_path / "samples")
    smooth(50).save(copied / "train/dog/050.png")
    smooth(89).save(copied / "train/dog/089.jpg")
    read, load = [], _unfinished.Unfinished._load
    monkeypatch.setattr(_unfinished.Unfinished, "_load", lambda self: (load(self), read.append(self.read["train"]))[0])
    prepare_samples(**arguments, folder=tmp_path / "samples")
    assert 44 <= read[0] <= 50
    prepare_samples(**arguments, folder=tmp_path / "straight")
    assert contents(tmp_path / "samples") == contents(tmp_path / "straight")


def test_two_processes_do_not_write_to_one_store(photos, undisturbed, tmp_path):
    """The job of a killed run may still be at work when the next begins."""
    (tmp_path / "samples.unfinished").mkdir()
    held = os.open(tmp_path / "samples.unfinished", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    worker = threading.Thread(target=prepare_samples, kwargs=settings(photos) | {"folder": tmp_path / "samples"})
    worker.start()
    worker.join(0.5)
    assert worker.is_alive() and not (tmp_path / "samples.unfinished/store").exists()
    (tmp_path / "samples.unfinished").rmdir()  # as one does that finishes
    os.close(held)
    worker.join(60)
    assert contents(tmp_path / "samples") == undisturbed  # in a thread, with processes of its own


def encode(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def encoded_split(n):
    images, read = [encode(smooth(i)) for i in range(n)], []

    def read_rows(start, stop):
        read.append((start, stop))
        return images[start:stop]

    return Split([0] * n, [f"image {i}" for i in range(n)], read_rows), read


def test_a_killed_process_is_one_sentence_and_no_hang(photos, undisturbed, tmp_path, monkeypatch):
    """Killed with a chunk in hand: one that is waiting for work takes nothing with it, and another does all of it."""
    decoded = []  # by each process, a fork

    def die_at_the_20th(*args):
        decoded.append(args)
        if len(decoded) == 20:
            os.kill(os.getpid(), signal.SIGKILL)
        return decode_image(*args)

    decode_image = _chunks.decode_image
    with monkeypatch.context() as patched, pytest.raises(InputFault) as fault:
        patched.setattr(_chunks, "decode_image", die_at_the_20th)
        prepare_samples(**settings(photos), folder=tmp_path / "samples")
    assert not decoded
    assert str(fault.value) == (
        "samples.train: a process that decodes images was killed, most likely since the memory was used up; give "
        "resources.samples more mem_mb or fewer threads and start again: what is done stays"
    )
    assert not psutil.Process().children()
    prepare_samples(**settings(photos), folder=tmp_path / "samples")
    assert contents(tmp_path / "samples") == undisturbed


ORPHANS = """
import os, signal, sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_ingestion import encoded_split
from score_extrapolation.datasets.store import chunks as _chunks, decoding as _decode
_chunks.CHUNK_IMAGES = 4
split, _ = encoded_split(60)
form = _decode.find_form(split, 8, "crop", None)
for chunk in _chunks.decode_split("train", split, form, np.ones(60, bool), 2):
    print(*(child.pid for child in __import__("psutil").Process().children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_with_a_killed_parent():
    command = [sys.executable, "-c", ORPHANS, str(Path(__file__).parent)]
    pids = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True).stdout.split()
    assert len(pids) == 2
    for _ in range(100):
        if not any(map(psutil.pid_exists, map(int, pids))):
            return
        time.sleep(0.1)
    raise AssertionError("a process that decodes outlived its parent")


def test_memory_stays_bounded():
    """However many images: no more chunks are read ahead than two for each process, and the one in hand."""
    split, read = encoded_split(60)
    form = find_form(split, 8, "crop", None)
    for chunk in _chunks.decode_split("train", split, form, np.ones(60, bool), 2):
        assert read[-1][1] <= chunk.stop + 4 * (1 + 2 * 2)


def test_large_images_are_read_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(_chunks, "CHUNK_BYTES", 1000)
    asked = []

    def read(start, stop):
        asked.append(stop - start)
        return [b"x" * (100 if row < 40 else 400) for row in range(start, stop)]

    split = Split([0] * 60, [""] * 60, read)
    rows = [rows for _, rows, _ in _chunks.read_chunks(split, np.ones(60, bool), 0, 8, 100)]
    assert np.concatenate(rows).tolist() == list(range(60))
    assert asked[:5] == [8] * 5 and asked[5] == 8 and set(asked[6:-1]) == {2}


def test_what_no_split_uses_is_neither_read_nor_decoded(monkeypatch):
    split, read = encoded_split(40)
    wanted = np.zeros(40, bool)
    wanted[[9, 30, 31]] = True
    form = find_form(split, 8, "crop", None)
    decoded, decode = [], _chunks.decode_image
    monkeypatch.setattr(_chunks, "decode_image", lambda raw, *args: decoded.append(raw) or decode(raw, *args))
    del read[:]
    chunks = [(chunk.rows.tolist(), chunk.stop) for chunk in _chunks.decode_split("train", split, form, wanted, 1)]
    assert chunks == [([9], 12), ([30, 31], 32)] and len(decoded) == 3
    assert read == [(0, 1), (8, 12), (28, 32)]


def test_sums_and_digests_are_those_of_each_image():
    images = np.random.default_rng(0).integers(0, 256, (7, 200, 300, 3), dtype=np.uint8)
    images[3] = 255
    wide = images.astype(np.int64)
    np.testing.assert_array_equal(sum_channels(images)[:, 0], wide.sum((1, 2)))
    np.testing.assert_array_equal(sum_channels(images)[:, 1], (wide**2).sum((1, 2)))
    assert hash_images(images).tobytes() == b"".join(hashlib.sha256(image.tobytes()).digest()[:16] for image in images)


def test_labels_and_sources_are_those_of_the_images(finished):
    seen = set()
    for split in ("train", "test"):
        table = read_table(finished / f"{split}.parquet")
        if split == "train":
            wrong = read_table(finished / "wrong_labels.parquet")
            assert (table["label"][wrong["sample_id"]] == wrong["label"]).all()
            table["label"] = table["label"].copy()
            table["label"][wrong["sample_id"]] = wrong["true_label"]
        images = np.load(finished / f"{split}.npy")
        assert len(images) == len(table["source"]) and not seen & set(table["source"])
        seen |= set(table["source"])
        for image, label, source in zip(images, table["label"], table["source"], strict=True):
            assert Path(source).parent.name == ("cat", "dog")[label]
            np.testing.assert_array_equal(image, _chunks.decode_image(Path(source), 3, (8, 8)))


# The checksums


@pytest.fixture
def finished(undisturbed, tmp_path):
    """A copy of the store."""
    (tmp_path / "samples").mkdir()
    for name, content in undisturbed.items():
        (tmp_path / "samples" / name).write_bytes(content)
    return tmp_path / "samples"


def test_what_is_as_it_was_written_is_not_reported(finished):
    assert verify_store(finished) == verify_store(finished, threads=3) == []


@pytest.mark.parametrize("name", ["train.parquet", "summary.json", "duplicates.parquet"])
def test_a_changed_file_is_named(finished, name):
    flip_byte(finished / name, 9)
    assert verify_store(finished) == [f"{finished / name} is not as it was written"]
    (finished / name).unlink()
    assert verify_store(finished) == [f"{finished / name} is not as it was written"]


def test_changed_rows_are_named(finished, monkeypatch):
    monkeypatch.setattr(_checksums, "READ_BYTES", 1000)
    assert verify_store(finished) == []
    shape = np.load(finished / "train.npy").shape
    flip_byte(finished / "train.npy", npy_bytes(shape[0] - 1, shape[1:]))
    said = f"{finished / 'train.npy'}: of the images 0 to {shape[0] - 1} one or more are not as they were written"
    assert verify_store(finished, threads=2) == [said]
    flip_byte(finished / "train.npy", 60)  # in the header
    assert verify_store(finished) == [f"{finished / 'train.npy'}: its header is not as it was written", said]
    os.truncate(finished / "train.npy", 900)
    size = npy_bytes(shape[0], shape[1:])
    assert verify_store(finished) == [f"{finished / 'train.npy'} has 900 bytes, but was written with {size}"]
    (finished / "train.npy").unlink()
    assert verify_store(finished) == [f"{finished / 'train.npy'} is missing"]


def test_rows_are_told_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr(_checksums, "BLOCK_ROWS", 100)
    prepare_samples("digits", [], None, None, {}, tmp_path / "samples")
    for row in (250, 251, 1796):
        flip_byte(tmp_path / "samples/train.npy", npy_bytes(row, (8, 8, 1)))
    start = f"{tmp_path / 'samples/train.npy'}: of the images "
    end = " one or more are not as they were written"
    assert verify_store(tmp_path / "samples") == [f"{start}200 to 299{end}", f"{start}1700 to 1796{end}"]


def test_damaged_checksums_are_one_sentence(finished):
    (finished / "checksums.json").write_text("{")
    assert verify_store(finished) == [
        f"{finished / 'checksums.json'} is damaged, so that nothing can be said of the other files"
    ]
