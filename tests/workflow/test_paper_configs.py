"""The paper's experiments: the settings they come to, the jobs they plan, and how they read the published formats."""

import json
import re
import shlex
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from snakemake.utils import update_config

import formats
from pruning_workflow.config import Config, read_config
from pruning_workflow.items import BROUGHT_BY, missing_items

from .conftest import CHECKOUT, Workflow, copy_checkout

NAMES = sorted(path.stem for path in (CHECKOUT / "config").glob("*.yaml"))
CIFAR_CROP = {"crop_padding": 4, "crop_size": None, "flip": True}
# What differs between the experiments of Tables 6 to 8.
PAPER = {
    "cifar10": {
        "model": ("resnet18", "cifar"),
        "epochs": 50,
        "batch_size": 256,
        "fractions": [0.4, 0.2],
        "scores": ["du", "tdds"],
        "augmentation": CIFAR_CROP,
        "image_size": None,
        "mean": [0.4914, 0.4822, 0.4465],
        "std": [0.2470, 0.2435, 0.2616],
    },
    "synthetic_cifar100": {
        "model": ("resnet50", "cifar"),
        "epochs": 50,
        "batch_size": 256,
        "fractions": [0.3, 0.2, 0.1],
        "scores": ["du", "tdds"],
        "augmentation": CIFAR_CROP,
        "image_size": None,
        "mean": [0.5194, 0.4991, 0.4573],
        "std": [0.2748, 0.2640, 0.2858],
    },
    "places365": {
        "model": ("resnet50", "no_max_pool"),
        "epochs": 50,
        "batch_size": 128,
        "fractions": [0.2, 0.1],
        "scores": ["du", "tdds"],
        "augmentation": {"crop_padding": 0, "crop_size": 64, "flip": True},
        "image_size": 80,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
    "imagenet64": {
        "model": ("resnet18", "cifar"),
        "epochs": 90,
        "batch_size": 256,
        "fractions": [0.2, 0.1],
        "scores": ["du"],
        "augmentation": CIFAR_CROP,
        "image_size": None,
        "mean": [0.449, 0.426, 0.379],
        "std": [0.285, 0.276, 0.284],
    },
}
ADAM = {"name": "adam", "learning_rate": 0.001, "weight_decay": 0.0001, "momentum": 0.0, "nesterov": False}
SGD = {"name": "sgd", "learning_rate": 0.001, "weight_decay": 0.0005, "momentum": 0.9, "nesterov": True}
# Each score, the optimizer and the schedule that its training has.
SCORES = {
    "du": ({"name": "du", "window": 10}, ADAM, "constant"),
    "tdds": (
        {"name": "tdds", "trajectory": 10, "trajectory_from": "last", "window": 10, "decay": 0.9},
        SGD,
        "cosine",
    ),
}


def read(name: str, **changes) -> Config:
    """Merge a config, and changes, into the default one as Snakemake does, and read it."""
    raw = yaml.safe_load((CHECKOUT / "config.yaml").read_text())
    update_config(raw, yaml.safe_load((CHECKOUT / "config" / f"{name}.yaml").read_text()))
    return read_config(raw | changes)


@pytest.mark.parametrize("name", PAPER)
def test_the_settings_are_the_paper_s_whatever_the_default_config_says(name):
    config, paper = read(name), PAPER[name]
    assert config.seeds == [0, 1, 2]
    assert {key: getattr(config.samples, key) for key in ("image_size", "mean", "std")}.items() <= paper.items()
    assert config.subset.fractions == paper["fractions"]
    assert config.evaluation.full_data_scores
    assert [score["name"] for score in config.scores] == paper["scores"]
    trainings = {}
    for score in config.scores:
        options, optimizer, schedule = SCORES[score["name"]]
        recipe = config.recipes()[score["training"]]
        assert {key: value for key, value in score.items() if key != "training"} == options
        assert recipe["recording"] == "train_forward"
        trainings[score["name"]] = (recipe, optimizer, schedule)
    trainings["retraining"] = (config.retraining.model_dump(), ADAM, "one_cycle")
    for recipe, optimizer, schedule in trainings.values():
        assert (recipe["model"]["architecture"], recipe["model"]["stem"]) == paper["model"]
        assert {key: recipe[key] for key in ("epochs", "batch_size", "augmentation")}.items() <= paper.items()
        assert (recipe["optimizer"], recipe["schedule"]) == (optimizer, schedule)
        assert (recipe["label_smoothing"], recipe["clip_gradient"], recipe["average_decay"]) == (0, None, None)
    labels = [*(f"knn-{k}" for k in (10, 20, 50, 100)), *(f"gnn-{k}" for k in (10, 20, 50))]
    assert list(config.extrapolators()) == labels
    assert config.selection.rates == [0.1, 0.2, 0.5, 0.8, 0.9, 0.95]
    assert [method["name"] for method in config.training_free.methods] == ["ssp", "zcoreset"]
    assert config.training_free_method("zcoreset")["draws"] == 10**6
    missing = set(missing_items(config)) - set(BROUGHT_BY)
    # Which of the paper's tables are of which data sets; figure 6 of all.
    assert (
        missing
        == {
            "cifar10": set(),
            "synthetic_cifar100": {"table_12", "table_15"},
            "places365": {"table_15"},
            "imagenet64": {"table_12"},
        }[name]
    )


def test_adversarial_training_is_that_of_the_papers():
    config = read("cifar10_adversarial")
    recipe = config.retraining.model_dump()
    attack = {"norm": "linf", "epsilon": 8, "step": 2, "steps": 10}
    assert recipe["paradigm"] == {"name": "adversarial", "loss": "trades", "beta": 5, "best_of": 1024, **attack}
    assert recipe["model"] == {"name": "wideresnet", "depth": 28, "width": 10, "activation": "silu"}
    assert recipe["optimizer"] == {**SGD, "learning_rate": 0.2}
    assert (recipe["epochs"], recipe["batch_size"], recipe["label_smoothing"]) == (400, 512, 0.1)
    assert (recipe["schedule"], recipe["rise"], recipe["average_decay"]) == ("one_cycle", 0.025, 0.995)
    assert recipe["augmentation"] == CIFAR_CROP
    assert config.samples.validation * 50_000 == 1024
    assert config.selection.rates == [0.25]
    assert config.training.paradigm == {"name": "supervised"}
    assert config.training.model["architecture"] == "resnet18"
    assert config.evaluation.robustness.model_dump() == {
        "attacks": ["pgd", "autoattack"],
        "norm": "linf",
        "epsilon": 8,
        "pgd_steps": 40,
        "images": 10_000,
    }
    assert "table_4" not in missing_items(config)


# Of what is planned once for each seed, two seeds tell as much as ten, in a fraction of the time.
TWO_SEEDS = {"seeds": [0, 1]}


class Experiment(Workflow):
    """A copy of the checkout in which one of the configs runs."""

    def __init__(self, folder, name: str):
        super().__init__(folder)
        self.name = name
        self.results = folder / "results" / name

    def command(self, *arguments: str) -> list[str]:
        config = f"config/{self.name}.yaml"
        return [sys.executable, "-m", "snakemake", "--configfile", config, "--nocolor", *arguments]

    def planned_of_two_seeds(self, target: str, *changes: str) -> dict[str, int]:
        return self.planned(target, "--config", f"seeds={TWO_SEEDS['seeds']}", *changes)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy with the data of each experiment, but for torchvision's, which is downloaded where it is missing."""
    folder = copy_checkout(tmp_path_factory.mktemp("paper")).folder
    formats.write_places(folder / "data/places365")
    formats.write_imagenet(folder / "data/imagenet64")
    (folder / "data/synthetic_cifar100").mkdir()
    (folder / "data/fashion").mkdir()
    images, labels = formats.random_images(200, 32, 32, 3), np.arange(200) % 100
    np.savez(folder / "data/synthetic_cifar100/1m.npz", image=images, label=labels)
    (folder / "data/synthetic_cifar10").mkdir()
    np.savez(folder / "data/synthetic_cifar10/2m.npz", image=images, label=labels % 10)
    for name in ("cifar10-train.parquet", "cifar10-test.parquet"):
        pq.write_table(pa.table({"img": [{"bytes": b"", "path": None}], "label": [0]}), folder / name)
    return folder


SELECTIONS = {name for name in NAMES if name.startswith("selection_")}
LENGTHS = {"epochs_digits": (5, 9, 15, 30), "epochs_fashion": (3, 6, 10, 20)}
OF_THEIR_OWN = {"cifar10_extrapolation", "cifar10_study", "cifar10_pool", "digits_pool", *LENGTHS} | SELECTIONS
UNSUPERVISED = {name for name in NAMES if "unsupervised" in name}


@pytest.mark.parametrize("name", sorted(set(NAMES) - OF_THEIR_OWN - UNSUPERVISED))
def test_every_experiment_plans_each_training_once(name, checkout):
    config = read(name, **TWO_SEEDS)
    n_seeds, n_parts, n_scores = len(config.seeds), len(config.parts()), len(config.scores)
    n_trainings = len({score["training"] for score in config.scores})
    n_scopes = len({entry["name"] for entry in config.extrapolation})  # KNN's neighbours and the graph's
    n_embedded = n_parts + bool(config.evaluation.neighborhoods)
    n_searched = n_parts * n_scopes + bool(config.evaluation.neighborhoods)
    # To score all: extrapolated, or on the full data.
    n_ways = len(config.selection.extrapolators) * len(config.pruned_parts()) + 1
    n_free = len(config.training_free.methods)
    n_arms = n_ways * len(config.selection.scores or config.scores) + n_free
    n_unscored = sum(method["name"] in ("random", "rs2") for method in config.selection.methods)
    n_lists = n_seeds * len(config.selection.rates)  # of an arm
    planned = Experiment(checkout, name).planned_of_two_seeds("study")
    expected = {
        "prepare_samples": 1,
        "draw_subset": n_seeds * (n_parts + 1),
        "train_subset": n_seeds * (n_parts + 1) * n_trainings,
        "score_subset": n_seeds * (n_parts + 1) * n_scores,
        "embed_samples": n_seeds * n_embedded * n_trainings,
        "embed_pretrained": int(n_free > 0),
        "score_embeddings": n_seeds * n_free,
        "find_neighbors": n_seeds * n_searched * n_trainings,
        "extrapolate_scores": n_seeds * n_parts * n_scores * len(config.extrapolation),
        "select_by_score": n_lists * n_arms,
        "select_without_score": n_lists + n_seeds,  # random, and nothing pruned
        "retrain_model": n_lists * (n_arms + n_unscored) + n_seeds,
        "measure_robustness": (n_lists * (n_arms + n_unscored) + n_seeds) * bool(config.evaluation.robustness),
        "study": 1,
    }
    of_tables = ("plot", "tabulate", "table", "figure", "measure_coverage", "describe_neighborhoods")
    assert {rule: n for rule, n in planned.items() if not rule.startswith(of_tables)} == {
        rule: n for rule, n in expected.items() if n
    }


@pytest.mark.parametrize("name", sorted(UNSUPERVISED))
def test_without_labels_each_training_is_planned_once_and_no_network_but_those_of_the_end(name, checkout):
    config = read(name, **TWO_SEEDS)
    fractions, n_seeds, nested = set(config.subset.fractions), len(config.seeds), config.subset.nested
    within = (
        {round(fraction * nested, 9) for fraction in fractions} if "nested" in config.evaluation.estimates else set()
    )
    planned = Experiment(checkout, name).planned_of_two_seeds("study")
    assert planned["train_unsupervised"] == planned["score_subset"] == n_seeds * len({*fractions, *within, 1})
    assert planned["try_classes"] == n_seeds * len(config.evaluation.classes)
    assert planned["embed_pretrained"] == planned["describe_labels"] == planned["table_3"] == 1
    n_arms = len(config.selection.extrapolators) * len(fractions) + 2  # the full data's, and random
    assert planned["retrain_model"] == n_seeds * (len(config.selection.rates) * n_arms + 1)
    assert not planned.keys() & {"train_subset", "embed_samples", "predict_samples"}


@pytest.mark.parametrize("name", sorted(SELECTIONS))
def test_selections_are_compared_at_one_score_and_extrapolator_but_for_chance(name, checkout):
    config = read(name, **TWO_SEEDS)
    knn, gnn, held_out = config.extrapolators()
    own = {"chance": [knn, gnn, held_out]}
    methods = [method["name"] for method in config.selection.methods]
    scored = [method for method in methods if method not in ("random", "rs2")]
    for method in scored:
        assert config.scores_pruned_by(method) == (["dual"] if method == "beta" else ["du"])
        assert config.extrapolators_pruned_by(method) == own.get(method, [held_out])
    assert [method for method in scored if config.prunes_by_full_data_scores(method)] == ["chance", "top"]
    n_scored = len(scored) + 2 + 2  # chance and top by the truth too, and two more extrapolators under chance
    n_lists = len(config.seeds) * len(config.selection.rates)
    planned = Experiment(checkout, name).planned_of_two_seeds("study")
    assert planned["select_by_score"] == n_lists * n_scored
    assert planned["select_without_score"] == n_lists + len(config.seeds)
    assert (planned["try_selection"], planned["try_without_score"]) == (4 * n_lists, n_lists)
    assert config.retraining.budgets == ["epochs", "steps"]
    assert planned["retrain_model"] == n_lists * 2 * (n_scored + 2) + len(config.seeds)


@pytest.mark.parametrize("name", LENGTHS)
def test_lengths_of_trainings_for_scores_are_compared_without_the_truth(name, checkout):
    config = read(name, **TWO_SEEDS)
    assert config.training.epochs == config.retraining.epochs == max(LENGTHS[name])
    assert not config.evaluation.full_data_scores
    first_lines = (CHECKOUT / f"config/{name}.yaml").read_text()
    (shortest,) = re.findall(rf"#   snakemake report --configfile config/{name}.yaml (.*) \\\n#     (.*)", first_lines)
    config_flag, *changes = shlex.split(" ".join(shortest))
    assert config_flag == "--config"
    planned = Experiment(checkout, name).planned_of_two_seeds("report", *changes)
    n_lists = len(config.seeds) * len(config.selection.rates)
    assert planned["retrain_model"] == n_lists * 2 * 3 + len(config.seeds)  # chance by both scores, and random
    assert planned["train_subset"] == 2 * len(config.seeds)  # the subset, and what is nested in it


def test_wrong_labels_are_all_that_differs_between_the_selections_of_fashion_mnist():
    right, wrong = (read(name).model_dump() for name in ("selection_fashion", "selection_fashion_wrong"))
    assert wrong["samples"].pop("wrong_labels") == 0.1
    assert right["samples"].pop("wrong_labels") is None
    assert wrong | {"experiment": "selection_fashion"} == right


def test_the_tasks_within_subsets_share_their_trainings(checkout):
    planned = Experiment(checkout, "cifar10_extrapolation").planned("study")
    n_seeds, n_scores, n_extrapolators = 3, 2, len(read("cifar10_extrapolation").extrapolation)
    parts = ["10", "20", "40", "5-within-10", "10-within-20", "20-within-40"]
    # 20 % are the half of 40, and 10 of 20; what is learned within 5 % takes 2.5.
    assert planned["train_subset"] == n_seeds * len(["2.5", "5", "10", "20", "40", "100"])
    assert planned["extrapolate_scores"] == n_seeds * n_scores * n_extrapolators * len(parts)
    assert planned["embed_samples"] == n_seeds * len([*parts, "2.5-within-5"])


def test_with_a_pool_each_training_is_planned_once_and_none_of_the_pool(checkout):
    planned = Experiment(checkout, "cifar10_pool").planned("study")
    assert planned["train_subset"] == planned["find_neighbors"] == planned["extrapolate_scores"] == 3
    assert planned["retrain_model"] == 3 * 3  # the highest scores, random, and nothing pruned
    assert planned["select_without_score"] == 2 * planned["select_by_score"] == 6
    assert "tabulate_agreement" not in planned


def prepared(checkout, name: str) -> tuple[dict, np.ndarray]:
    """Run an experiment's first stage; return its summary and the training images."""
    experiment = Experiment(checkout, name)
    experiment.run("--cores", "1", f"results/{name}/samples/summary.json")
    summary = json.loads((experiment.results / "samples/summary.json").read_text())
    assert (summary["mean"], summary["std"]) == (PAPER[name]["mean"], PAPER[name]["std"])
    return summary, np.load(experiment.results / "samples/train.npy")


def test_places365_is_prepared_from_its_files(checkout):
    summary, images = prepared(checkout, "places365")
    assert summary["n"] == {"train": len(formats.TRAIN), "test": len(formats.VAL)}
    assert summary["classes"] == sorted(formats.CATEGORIES, key=formats.CATEGORIES.get)
    assert images.shape == (len(formats.TRAIN), 80, 80, 3)
    assert images.std() > 10


def test_imagenet_is_prepared_from_its_files(checkout):
    summary, images = prepared(checkout, "imagenet64")
    data, _ = formats.write_imagenet(checkout / "again")
    assert summary["n"] == {split: len(data[name]) for split, name in (("train", "train"), ("test", "val"))}
    assert images.shape == (len(data["train"]), 64, 64, 3)
    np.testing.assert_array_equal(images[..., 2], data["train"][:, -4096:].reshape(-1, 64, 64))
