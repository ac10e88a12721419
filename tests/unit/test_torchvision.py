"""The torchvision reader, on files in torchvision's layout; and each sentence of a fault."""

import hashlib
import pickle
import struct

import numpy as np
import pytest

from score_extrapolation.datasets.readers import torchvision
from score_extrapolation.faults import InputFault


def read(split, paths, **options):
    return torchvision.read_split(split, [str(path) for path in paths], torchvision.Options(**options))


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
def test_reads_cifar_from_the_disk(name, key, torchvision_datasets, tmp_path, monkeypatch):
    names = [f"class {i}" for i in range(10)]
    images, labels = write_cifar(tmp_path, getattr(torchvision_datasets, name), monkeypatch, key, names)
    for kind in ("train", "test"):
        split = read(kind, [tmp_path], name=name, download=False)
        np.testing.assert_array_equal(np.stack(split.read(0, len(split.sources))), images[kind])
        assert list(split.labels) == labels[kind] and split.class_names == names
        assert split.sources[1] == f"{tmp_path}/{name}/{kind}#1"


def test_reads_fashion_mnist_from_the_disk(torchvision_datasets, tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    for prefix in ("train", "t10k"):
        (raw / f"{prefix}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, 5, 28, 28) + images.tobytes())
        (raw / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 5) + bytes([4, 3, 2, 1, 0]))
    split = read("test", [tmp_path], name="FashionMNIST")
    np.testing.assert_array_equal(np.stack(split.read(0, 5)), images)
    assert list(split.labels) == [4, 3, 2, 1, 0] and split.class_names[9] == "Ankle boot"


def test_faults(torchvision_datasets, tmp_path, monkeypatch):
    with pytest.raises(InputFault) as fault:
        read("train", [tmp_path], name="CIFAR10", download=False)
    assert str(fault.value) == (
        f"samples.train: {tmp_path} has no complete CIFAR10 in torchvision's layout; put it there, or set "
        "samples.options.download: true"
    )
    closed = "http://127.0.0.1:9/"  # discard port: the connection is refused at once
    monkeypatch.setattr(torchvision_datasets.CIFAR10, "url", closed + "cifar-10-python.tar.gz")
    monkeypatch.setattr(torchvision_datasets.FashionMNIST, "mirrors", [closed])
    for name in ("CIFAR10", "FashionMNIST"):
        with pytest.raises(InputFault) as fault:
            read("train", [tmp_path], name=name)
        assert str(fault.value).startswith(f"samples.train: {name} is not in {tmp_path} and cannot be downloaded (")
        assert str(fault.value).endswith("; put it there in torchvision's layout, or mend the network")
        assert "\n" not in str(fault.value) and "refused" in str(fault.value)
    with pytest.raises(InputFault, match=r"^samples\.validation: CIFAR10 has only a train and a test split; give a fr"):
        read("validation", [tmp_path], name="CIFAR10")
    with pytest.raises(InputFault, match="2 paths are given; give one folder, which has CIFAR10"):
        read("train", [tmp_path, tmp_path], name="CIFAR10")
