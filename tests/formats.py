"""Small files of exactly the formats that are read, those in which data sets of the paper are published among them."""

import io
import json
import multiprocessing
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def random_images(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def write_imagenet(folder, suffix=".npz", save=np.savez):
    """Write ten files of 5 to 14 images and a validation file that lacks classes; return their arrays, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    data, labels = {"train": [], "val": []}, {"train": [], "val": []}
    for i in range(11):
        split, name = ("train", f"train_data_batch_{i + 1}") if i < 10 else ("val", "val_data")
        n = 5 + i
        data[split].append(random_images(n, 3 * 64 * 64, seed=i))
        labels[split].append(
            [1 + (7 * i + row) % 9 for row in range(n)] if split == "train" else [9, 1] + [4] * (n - 2)
        )
        with open(folder / (name + suffix), "wb") as file:
            arrays = {"data": data[split][-1], "labels": labels[split][-1]}
            save(file, **arrays, **({"mean": data[split][-1].mean(axis=0)} if split == "train" else {}))
    return {k: np.concatenate(v) for k, v in data.items()}, {k: np.concatenate(v).tolist() for k, v in labels.items()}


# Of Places365. Its classes are not numbered as they are sorted; zen_garden has no image.
CATEGORIES = {"/a/airfield": 0, "/b/bar": 2, "/f/field/wild": 1, "/z/zen_garden": 3}
TRAIN = [("/b/bar/00000001.jpg", 2), ("/a/airfield/00000002.jpg", 0), ("/f/field/wild/00000001.jpg", 1)]
VAL = [("Places365_val_00000001.jpg", 1), ("Places365_val_00000002.jpg", 2)]


def write_places(root):
    """Write Places365 as torchvision leaves it: CATEGORIES, TRAIN and VAL."""
    for folder, entries in (("data_256_standard", TRAIN), ("val_256", VAL)):
        for i, (name, _) in enumerate(entries):
            path = root / folder / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random_images(1, 16, 16, 3, seed=i)[0]).resize((256, 256)).save(path, "JPEG")
    for file, entries in (
        ("categories_places365.txt", CATEGORIES.items()),
        ("places365_train_standard.txt", TRAIN),
        ("places365_val.txt", VAL),
    ):
        (root / file).write_text("".join(f"{name} {label}\n" for name, label in entries))


# Six small images of three classes in the format of each reader that reads files.
SMALL_LABELS = [0, 1, 2, 0, 1, 2]


def encoded(n=6, seed=0, suffix="PNG", side=8):
    """Return the bytes of n images."""
    files = [io.BytesIO() for _ in range(n)]
    for file, image in zip(files, random_images(n, side, side, 3, seed=seed), strict=True):
        Image.fromarray(image).save(file, suffix)
    return [file.getvalue() for file in files]


def write_arrow(folder, images, labels, n_files=1, names=None, **more):
    """Write a folder as `datasets.Dataset.save_to_disk` does; labels may be None."""
    columns = {
        "image": pa.array(
            [image if isinstance(image, dict) else {"bytes": image, "path": None} for image in images],
            pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
        )
    }
    columns |= {} if labels is None else {"label": pa.array(labels)}
    features = {"image": {"_type": "Image"}} | ({"label": {"names": names, "_type": "ClassLabel"}} if names else {})
    note = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table(columns | more).replace_schema_metadata(note)
    files = [f"data-{i:05d}-of-{n_files:05d}.arrow" for i in range(n_files)]
    folder.mkdir(parents=True)
    for file, rows in zip(files, np.array_split(np.arange(len(images)), n_files), strict=True):
        with pa.OSFile(str(folder / file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table.take(pa.array(rows)), max_chunksize=2)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": file} for file in files]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))


def write_shard(path, members):
    """Write a tar file of (name, bytes), as WebDataset's TarWriter does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def _write_images(folder, places):
    for image, place in zip(encoded(), places, strict=True):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(image)


def _write_folders(folder):
    _write_images(folder, [f"{label}/{row}.png" for row, label in enumerate(SMALL_LABELS)])
    return [folder]


def _write_table(folder):
    _write_images(folder, [f"images/{row}.png" for row in range(6)])
    rows = [f"images/{row}.png,{label}\n" for row, label in enumerate(SMALL_LABELS)]
    (folder / "images.csv").write_text("path,label\n" + "".join(rows))
    return [folder / "images.csv"]


def _write_shards(folder):
    for i in range(2):
        rows = range(3 * i, 3 * i + 3)
        pairs = [((f"{row}.png", encoded()[row]), (f"{row}.cls", str(SMALL_LABELS[row]).encode())) for row in rows]
        write_shard(folder / f"train-{i}.tar", [member for pair in pairs for member in pair])
    return [f"{folder}/train-{{0..1}}.tar"]


def _write_saved(folder):
    write_arrow(folder / "train", encoded(), SMALL_LABELS, n_files=2)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["train"]}))
    return [folder]


def _write_parquet(folder):
    images = [{"bytes": image, "path": None} for image in encoded()]
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"image": images, "label": SMALL_LABELS}), folder / "train.parquet", row_group_size=4)
    return [folder]


def _write_npz(folder):
    folder.mkdir(parents=True)
    np.savez(folder / "train.npz", image=random_images(6, 8, 8, 3), label=SMALL_LABELS)
    return [folder]


def _write_idx(folder):
    folder.mkdir(parents=True)
    images, labels = random_images(6, 8, 8), np.array(SMALL_LABELS, np.uint8)
    for name, array in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        header = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
        (folder / name).write_bytes(header + array.tobytes())
    return [folder]


def _write_places(folder):
    write_places(folder)
    return [folder]


# torchvision checks the digests of the files that its authors published.
SMALL = {
    "huggingface": _write_saved,
    "idx": _write_idx,
    "imagefolder": _write_folders,
    "npz": _write_npz,
    "parquet": _write_parquet,
    "places365": _write_places,
    "table": _write_table,
    "webdataset": _write_shards,
}


def in_a_fork(function):
    """Return what a function returns in a process that was forked here."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=lambda: sender.send(function()))
    process.start()
    assert receiver.poll(60)
    found = receiver.recv()
    process.join()
    return found


def image_bytes(size=(8, 8)) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def write_images(folder, contents: dict[str, bytes]) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def good_folder() -> dict[str, bytes]:
    return {f"images/{label}/{i}.png": image_bytes() for label in ("cat", "dog") for i in range(4)}
