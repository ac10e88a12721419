"""Faults of a user's input, as a run finds them before its first job or while it reads the images: one sentence each.

tests/workflow/test_bad_input.py starts runs that end on some of them.
"""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from formats import good_folder, image_bytes, write_images
from preparing import prepare_samples
from pruning_workflow.config import read_config
from pruning_workflow.start import check_device, check_paths
from score_extrapolation.faults import InputFault
from workflow.conftest import CHECKOUT, SMALL

DEFAULT = yaml.safe_load((CHECKOUT / "config.yaml").read_text(encoding="utf-8"))

# What changes in the small experiment, and the sentence that must be printed.
CONFIG_FAULTS = {
    "a rate in percent": (
        {"selection": {"rates": [0.5, 90]}},
        "small.yaml: selection.rates[1] = 90 is not in [0, 1); a rate is the fraction removed, write 0.9",
    ),
    "no rate": ({"selection": {"rates": []}}, "small.yaml: selection.rates = []"),
    "a rate twice": (
        {"selection": {"rates": [0.5, 0.5]}},
        "small.yaml: selection.rates = [0.5, 0.5] has 0.5 twice; give each once",
    ),
    "a fraction in percent": (
        {"subset": {"fractions": [20]}},
        "small.yaml: subset.fractions[0] = 20 is not in (0, 1); a subset fraction is the part that is trained on",
    ),
    "a misspelt key": ({"trainig": {"epochs": 3}}, "small.yaml: trainig is not a known key; did you mean training?"),
    "a misspelt option of a method": (
        {"scores": [{"name": "du", "windw": 10}]},
        "small.yaml: scores[0].windw is not a known key; did you mean window?",
    ),
    "an unknown score": (
        {"scores": ["dux"]},
        'small.yaml: scores[0] = "dux" is none of aum, du, dual, el2n, entropy, forgetting, tdds, unsure',
    ),
    "an unknown data set": (
        {"samples": {"dataset": "mnist"}},
        'small.yaml: samples.dataset = "mnist" is none of digits',
    ),
    "an unknown model": (
        {"training": {"model": "resnet"}},
        'training.model = "resnet" is none of convnet, perceptron, resnet9, timm',
    ),
    "an unknown extrapolator": (
        {"extrapolation": [{"name": "nn", "k": 5}]},
        'small.yaml: extrapolation[0].name = "nn" is none of ',
    ),
    "an extrapolation that is not configured": (
        {"selection": {"rates": [0.5], "extrapolators": ["knn-7"]}},
        'small.yaml: selection.extrapolators[0] = "knn-7" is not computed; there are knn-5',
    ),
    "a window longer than the training": (
        {"training": {"epochs": 10}},
        "needs 11 epochs or more, but training.epochs is 10",
    ),
    "text for a number": ({"training": {"epochs": "ten"}}, 'small.yaml: training.epochs = "ten" is no whole number'),
    "no epochs": ({"training": {"epochs": 0}}, "small.yaml: training.epochs = 0"),
    "a negative learning rate": (
        {"training": {"optimizer": {"learning_rate": -1.0}, "epochs": 12}},
        "small.yaml: training.optimizer.learning_rate = -1.0",
    ),
    "momentum for Adam": (
        {"training": {"optimizer": {"momentum": 0.9}, "epochs": 12}},
        "small.yaml: training.optimizer.momentum = 0.9 is read by sgd only",
    ),
    "an unknown schedule": (
        {"training": {"schedule": "step", "epochs": 12}},
        'small.yaml: training.schedule = "step" is none of constant, cosine or one_cycle',
    ),
    "a seed twice": ({"seeds": [0, 0]}, "small.yaml: seeds = [0, 0] has 0 twice; give each once"),
    "an unknown device": ({"device": "gpu"}, 'small.yaml: device = "gpu" is none of auto, cpu or cuda'),
    "cuda where there is none": (
        {"device": "cuda"},
        "device: cuda was asked for, but this machine has no CUDA device; set device: cpu or auto",
    ),
    "a test set that the data lack": (
        {"samples": {"test": "given"}},
        "small.yaml: samples.test = given, but digits has no test set of its own; write a path or a fraction",
    ),
    "no training images left": (
        {"samples": {"test": 0.5, "validation": 0.5}},
        "small.yaml: samples.validation = 0.5 and samples.test = 0.5 leave no training images",
    ),
    "no path of the images": (
        {"samples": {"dataset": "imagefolder"}},
        "samples.train is missing; imagefolder needs the path of its images",
    ),
    "a path that does not exist": (
        {"samples": {"dataset": "imagefolder", "train": "nowhere"}},
        "samples.train: nowhere does not exist; give an existing file, folder or glob",
    ),
    "a path in the experiment's name": ({"experiment": "a/b"}, 'small.yaml: experiment = "a/b" does not fit'),
    "results that are a file": ({"results": "config.yaml"}, "results: config.yaml is a file; give a folder"),
    "results that cannot be written": (
        {"results": "/proc/results"},
        "results: /proc cannot be written to",
    ),
    "an unknown stage's resources": ({"resources": {"trainings": {"threads": 1}}}, "small.yaml: resources.trainings"),
}


def merged(base, changes):
    """Merge as Snakemake does: mappings key by key, everything else replaced."""
    both = dict(base)
    for key, value in changes.items():
        inner = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if inner else value
    return both


def read(changes):
    """Return the experiment of the small config with changes, checked as at the start of a run."""
    small = {
        key: {**SMALL.get(key, {}), **value} if isinstance(value, dict) else value for key, value in changes.items()
    }
    experiment = read_config(merged(DEFAULT, SMALL | small), lambda location: "small.yaml")
    check_paths(experiment)
    check_device(experiment, runs_here=True)
    return experiment


@pytest.mark.parametrize("fault", CONFIG_FAULTS)
def test_a_fault_of_the_config_is_one_sentence(fault, monkeypatch):
    monkeypatch.chdir(CHECKOUT)
    changes, sentence = CONFIG_FAULTS[fault]
    with pytest.raises(InputFault) as found:
        read(changes)
    assert [line for line in str(found.value).splitlines() if sentence in line]


def write_parquet(folder, name: str, **columns) -> None:
    pq.write_table(pa.table(columns), folder / name)


PARQUET = {"dataset": "parquet", "train": "images.parquet", "test": 0.25}
FOLDER = {"dataset": "imagefolder", "train": "images", "test": 0.25}

# How the data are made, the samples section that reads them, and what must be printed.
DATA_FAULTS = {
    "a corrupt image": (
        lambda folder: write_images(folder, good_folder() | {"images/cat/2.png": b"no image"}),
        FOLDER,
        ["images/cat/2.png", "samples.on_bad_image: drop"],
    ),
    "a truncated image": (
        lambda folder: write_images(folder, good_folder() | {"images/dog/1.png": image_bytes()[:60]}),
        FOLDER,
        ["images/dog/1.png", "samples.on_bad_image: drop"],
    ),
    "images of two sizes": (
        lambda folder: write_images(folder, good_folder() | {"images/cat/3.png": image_bytes((9, 8))}),
        FOLDER,
        ["images/cat/3.png", "samples.image_size"],
    ),
    "one class only": (
        lambda folder: write_images(folder, {f"images/cat/{i}.png": image_bytes() for i in range(4)}),
        FOLDER,
        ["class"],
    ),
    "a folder without class folders": (
        lambda folder: write_images(folder, {f"images/{i}.png": image_bytes() for i in range(4)}),
        FOLDER,
        ["samples.train", "class"],
    ),
    "no Parquet file": (
        lambda folder: (folder / "images.parquet").write_bytes(b"PAR"),
        PARQUET,
        ["images.parquet is not a readable Parquet file"],
    ),
    "a table without images": (
        lambda folder: write_parquet(folder, "images.parquet", label=[0, 1]),
        PARQUET,
        ["images.parquet", "column"],
    ),
    "unlabelled images": (
        lambda folder: write_parquet(folder, "images.parquet", image=[image_bytes()] * 4, label=[0, 1, -1, 1]),
        PARQUET,
        ["labels are negative", "images.parquet#2"],
    ),
    "an empty table": (
        lambda folder: write_parquet(
            folder, "images.parquet", image=pa.array([], pa.binary()), label=pa.array([], pa.int64())
        ),
        PARQUET,
        ["there are no samples"],
    ),
    "no idx file": (
        lambda folder: write_images(
            folder, {"idx/train-images-idx3-ubyte": b"1234", "idx/train-labels-idx1-ubyte": b"1"}
        ),
        {"dataset": "idx", "train": "idx", "test": 0.25},
        ["train-images-idx3-ubyte"],
    ),
    "an npz without labels": (
        lambda folder: np.savez(folder / "images.npz", image=np.zeros((4, 8, 8), np.uint8)),
        {"dataset": "npz", "train": "images.npz", "test": 0.25},
        ["images.npz", "label"],
    ),
}


@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_a_fault_of_the_data_is_one_sentence(fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, samples, words = DATA_FAULTS[fault]
    make(tmp_path)
    settings = read({"samples": samples}).samples.model_dump()
    settings["seed"] = settings.pop("split_seed")
    with pytest.raises(InputFault) as found:
        prepare_samples(**settings, folder=tmp_path / "samples", threads=1)
    sentence = str(found.value)
    assert "\n" not in sentence and sentence.startswith("samples.")
    assert all(word in sentence for word in words), sentence
    assert not list(tmp_path.glob("samples/*"))
