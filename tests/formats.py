"""Small files of exactly the formats in which data sets of the paper are published."""

import numpy as np
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
