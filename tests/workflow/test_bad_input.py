"""Runs that end on a fault: one clear sentence, a failing exit, no traceback, no work begun, nothing half written.

tests/unit/test_bad_input.py has the other sentences.
"""

import pytest
import yaml

from formats import good_folder, image_bytes, write_images

from .conftest import copy_checkout

FOLDER = {"dataset": "imagefolder", "train": "images", "test": 0.25}

# One of each check, in the order in which a run makes them.
CONFIG_FAULTS = {
    "the config": (
        {"selection": {"rates": [90], "extrapolators": ["knn-5"]}, "trainig": {"epochs": 3}, "seeds": [-1]},
        ["small.yaml: selection.rates[0] = 90", "small.yaml: trainig is not a known key", "small.yaml: seeds[0] = -1"],
    ),
    "the paths": (
        {"samples": {"dataset": "imagefolder", "train": "nowhere"}},
        ["samples.train: nowhere does not exist; give an existing file, folder or glob"],
    ),
    "the device": (
        {"device": "cuda"},
        ["device: cuda was asked for, but this machine has no CUDA device; set device: cpu or auto"],
    ),
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """One copy for all: a fault is found before anything is written."""
    return copy_checkout(tmp_path_factory.mktemp("bad_input"))


def refused(workflow) -> str:
    """Run `kept`, which must fail without a traceback; return what it printed.

    It leaves nothing but its log and, for the next start, what was decoded before the fault.
    """
    printed = workflow.run("--cores", "1", "kept", fails=True)
    assert "Traceback" not in printed
    experiment = yaml.safe_load((workflow.folder / "small.yaml").read_text()).get("experiment", "digits")
    left = [path for path in (workflow.folder / "results" / experiment).rglob("*") if path.is_file()]
    for_the_next = {"logs", "samples.unfinished"}
    assert not [path for path in left if path.name != ".lock" and not for_the_next & set(path.parts)]
    return printed


@pytest.mark.parametrize("fault", CONFIG_FAULTS)
def test_faults_of_one_check_are_told_at_once_and_end_the_run(checkout, fault):
    changes, sentences = CONFIG_FAULTS[fault]
    checkout.write_config(**changes)
    printed = refused(checkout)
    assert [sentence for sentence in sentences if sentence in printed] == sentences


def test_a_fault_of_the_data_is_one_sentence(checkout):
    write_images(checkout.folder, good_folder() | {"images/dog/1.png": image_bytes()[:60]})
    checkout.write_config(experiment="bad", samples=FOLDER)
    printed = refused(checkout)
    sentences = [line for line in printed.splitlines() if line.startswith("samples.")]
    assert len(sentences) == 1, printed
    assert "images/dog/1.png" in sentences[0] and "samples.on_bad_image: drop" in sentences[0]


def test_a_dropped_bad_image_is_listed_and_the_rest_is_used(checkout):
    write_images(checkout.folder, good_folder() | {"images/cat/2.png": b"no image"})
    checkout.write_config(experiment="dropped", samples={**FOLDER, "on_bad_image": "drop"})
    target = "results/dropped/samples/summary.json"
    checkout.run("--cores", "1", target)
    summary = yaml.safe_load((checkout.folder / target).read_text())
    assert [path.split("/")[-2:] for path in summary["dropped"]] == [["cat", "2.png"]]
    assert sum(summary["n"].values()) == 7


def test_more_neighbours_than_the_subset_has_is_one_sentence(checkout):
    checkout.write_config(
        experiment="many", extrapolation=[{"name": "knn", "k": 500}], selection={"extrapolators": ["knn-500"]}
    )
    printed = checkout.run("--cores", "2", "kept", fails=True)
    assert "extrapolation: k = 500 neighbours of 270 subset samples were asked for; lower k" in printed
    assert "Traceback" not in printed


def test_a_diverged_training_is_one_sentence(checkout):
    optimizer = {"name": "sgd", "learning_rate": 1e30}
    checkout.write_config(experiment="diverged", training={"epochs": 12, "optimizer": optimizer})
    printed = checkout.run("--cores", "2", "kept", fails=True)
    assert "training diverged: the loss is nan in epoch" in printed
    assert "Traceback" not in printed
    assert not list((checkout.folder / "results/diverged").rglob("dynamics.parquet*"))
