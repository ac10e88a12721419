"""The config: what ships is valid, shorthands expand, every fault is one sentence with key, value and way out."""

import copy
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from pruning_workflow import start
from pruning_workflow.config import Config, extrapolator_label, methods, read_config
from pruning_workflow.names import Part, percent
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import Section

CHECKOUT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((CHECKOUT / "config.yaml").read_text())
OTHERS = sorted((CHECKOUT / "config").glob("*.yaml"))
JARGON = re.compile(
    r"input should|valid (string|list|integer|dictionary)|pattern|None|True|False|dict\b|\binstance\b|Value error"
)
DELETE = "delete this key"


def merged(base, changes):
    """Merge as Snakemake does: mappings key by key, everything else replaced."""
    both = dict(base)
    for key, value in changes.items():
        inner = isinstance(value, dict) and isinstance(both.get(key), dict)
        both[key] = merged(both[key], value) if inner else value
    return both


def changed(*changes):
    """Return the default config with (dotted key, value) set, or deleted."""
    config = copy.deepcopy(DEFAULT)
    for dotted, value in changes:
        *above, last = dotted.split(".")
        section = config
        for key in above:
            section = section[key]
        if value is DELETE:
            del section[last]
        else:
            section[last] = value
    return config


def faults_of(config, **kwargs):
    with pytest.raises(InputFault) as fault:
        read_config(config, **kwargs)
    return str(fault.value).split("\n")


# What ships


def test_the_default_config_is_valid():
    assert isinstance(read_config(DEFAULT), Config)


@pytest.mark.parametrize("path", [CHECKOUT / "config.yaml", *OTHERS], ids=lambda path: path.stem)
def test_no_experiment_asks_for_bfloat16_of_a_processor_that_emulates_it(path):
    def precisions(part):
        inner = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        return [found for key, value in inner for found in ([value] if key == "precision" else precisions(value))]

    assert set(precisions(yaml.safe_load(path.read_text()))) <= {"auto", "float32"}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_every_other_config_is_valid_over_the_default(path):
    config = read_config(merged(DEFAULT, yaml.safe_load(path.read_text())))
    assert config.experiment == path.stem


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_every_other_config_holds_only_what_differs(path):
    def repeated(theirs, ours, above=""):
        for key, value in ours.items():
            if isinstance(value, dict) and isinstance(theirs.get(key), dict):
                yield from repeated(theirs[key], value, f"{above}{key}.")
            elif key in theirs and theirs[key] == value:
                yield above + key

    assert list(repeated(DEFAULT, yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_every_other_config_fits_the_disk_when_its_paths_exist(path, monkeypatch):
    monkeypatch.setattr(start, "match", lambda path: [path])
    config = read_config(merged(DEFAULT, yaml.safe_load(path.read_text())))
    start.check_paths(config)


def test_the_default_config_shows_every_key_of_the_model():
    def missing(model, section, above=""):
        for name, field in model.model_fields.items():
            if name not in section:
                yield above + name
            elif hasattr(field.annotation, "model_fields"):
                yield from missing(field.annotation, section[name], f"{above}{name}.")

    # Retraining holds only what differs; momentum and nesterov are sgd's.
    absent = [key for key in missing(Config, DEFAULT) if not key.startswith("retraining.")]
    assert absent == ["training.optimizer.momentum", "training.optimizer.nesterov"]


def test_reading_leaves_the_given_config_as_it_is():
    given_config = copy.deepcopy(DEFAULT)
    read_config(given_config)
    assert given_config == DEFAULT


# Shorthands


def test_bare_names_become_methods_with_their_defaults():
    config = read_config(
        changed(
            ("scores", ["du"]),
            ("extrapolation", ["knn"]),
            ("selection.methods", ["top", "random"]),
            ("selection.extrapolators", ["knn-20"]),
            ("training.model", "resnet9"),
        )
    )
    assert config.scores == [{"name": "du", "training": "base", "window": 10}]
    knn = {"name": "knn", "step_up": False, "k": 20, "weighting": "distance", "same_label": False}
    assert config.extrapolation == [knn]
    of_every = {"scores": None, "extrapolators": None, "full_data_scores": True}
    assert config.selection.methods == [{"name": "top", **of_every}, {"name": "random", **of_every}]
    assert config.training.model == config.retraining.model == {"name": "resnet9", "width": 32}


def test_extrapolators_have_the_k_of_the_paper_or_that_of_the_documentation():
    bare = changed(("extrapolation", ["knn", "gnn", "held_out"]), ("selection.extrapolators", ["knn-20"]))
    assert list(read_config(bare).extrapolators()) == ["knn-20", "gnn-10", "held_out-50"]


def test_a_list_of_k_becomes_one_extrapolator_for_each():
    knn = {"name": "knn", "step_up": False, "k": [5, 50], "weighting": "distance", "same_label": False}
    config = read_config(changed(("extrapolation", [knn]), ("selection.extrapolators", ["knn-50"])))
    assert config.extrapolation == [{**knn, "k": 5}, {**knn, "k": 50}]
    assert list(config.extrapolators()) == ["knn-5", "knn-50"]
    assert config.extrapolators()["knn-5"]["k"] == 5
    assert config.score("du") == {"name": "du", "training": "base", "window": 10}


def test_extrapolators_that_differ_in_any_option_have_labels_of_their_own():
    knn = [
        {"name": "knn", "k": [5, 20]},
        {"name": "knn", "k": 20, "weighting": "uniform"},
        {"name": "knn", "k": 20, "same_label": True},
        {"name": "knn", "k": 50, "weighting": "uniform", "same_label": True},
    ]
    labels = ["knn-5", "knn-20", "knn-20-uniform", "knn-20-same_label", "knn-50-uniform-same_label"]
    config = read_config(changed(("extrapolation", knn), ("selection.extrapolators", labels)))
    assert list(config.extrapolators()) == labels
    assert config.extrapolators()["knn-20-uniform"]["weighting"] == "uniform"
    (fault,) = faults_of(changed(("extrapolation", [*knn, knn[2]]), ("selection.extrapolators", labels[:1])))
    assert_says(fault, "extrapolation has knn-20-same_label twice; give each once")


def test_an_option_stands_in_a_label_only_where_it_is_not_the_default(monkeypatch):
    class Options(Section):
        k: int = 3
        hidden: list = Field(default_factory=lambda: [8, 8])
        dropout: float = 0.5
        labels: bool = True
        epochs: int | None = 25
        kind: str = "a"

    monkeypatch.setattr(methods, "method_options", lambda kind, name: Options)
    default = {"name": "net", "step_up": False, **Options().model_dump()}
    assert extrapolator_label(default) == "net-3"
    others = {"hidden": [4, 2], "dropout": 0.25, "labels": False, "epochs": None, "kind": "B/c", "step_up": True}
    labels = {key: extrapolator_label({**default, key: value}) for key, value in others.items()}
    assert labels == {
        "hidden": "net-3-hidden_4_2",
        "dropout": "net-3-dropout_0.25",
        "labels": "net-3-no_labels",
        "epochs": "net-3-no_epochs",
        "kind": "net-3-b_c",
        "step_up": "net-3-step_up",
    }
    assert extrapolator_label({**default, **others}) == "net-3-hidden_4_2-dropout_0.25-no_labels-no_epochs-b_c-step_up"


def test_neighbours_are_searched_at_the_largest_k_of_the_extrapolators_that_read_the_scope():
    knn = [{"name": "knn", "k": [5, 50]}, {"name": "knn", "k": 7, "weighting": "uniform", "same_label": True}]
    config = read_config(changed(("extrapolation", knn), ("selection.extrapolators", ["knn-50"])))
    assert config.needs("knn-5") == ("neighbors/subset",)
    assert config.needs("knn-7-uniform-same_label") == ("neighbors/label",)
    assert {scope: config.largest_k(scope, Part("20")) for scope in ("subset", "label", "all")} == {
        "subset": 50,
        "label": 7,
        "all": 0,
    }


def test_a_path_becomes_a_list_of_paths():
    config = read_config(changed(("samples.dataset", "npz"), ("samples.train", "a.npz"), ("samples.test", ["b", "c"])))
    assert config.samples.train == ["a.npz"]
    assert config.samples.test == ["b", "c"]
    assert config.samples.options == {"image_key": None, "label_key": None, "layout": "hwc"}


ABOUT_SCORES = {"recording", "previous_dtype", "snapshots", "variants"}
OWN = {"budgets", "labels", "pool_share"}  # of retraining


def test_a_paradigm_is_written_out_like_a_model():
    options = {"loss": "trades", "beta": 5.0, "norm": "linf", "epsilon": 8.0, "step": 2.0, "steps": 10, "best_of": None}
    bare = read_config(changed(("retraining", {"paradigm": "adversarial"})))
    assert bare.retraining.paradigm == {"name": "adversarial", **options}
    own = {"name": "adversarial", "epsilon": 4, "best_of": 50}
    config = read_config(changed(("retraining", {"paradigm": own}), ("samples.validation", 0.1)))
    assert config.retraining.paradigm == {"name": "adversarial", **options, "epsilon": 4.0, "best_of": 50}


def test_robustness_is_of_test_images():
    (fault,) = faults_of(changed(("evaluation.robustness", {}), ("samples.test", None)))
    assert (
        fault == "config: evaluation.robustness attacks test images, and there are none; set samples.test, such as 0.25"
    )


def test_a_paradigm_of_training_is_that_of_its_variants_and_not_of_retraining():
    unsupervised = ("training.paradigm", {"name": "unsupervised", "inner_steps": 5})
    without_labels = [("extrapolation", ["knn"]), ("selection.extrapolators", ["knn-20"])]
    config = read_config(changed(unsupervised, *without_labels, ("training.variants.a", {})))
    assert config.training.paradigm["inner_steps"] == 5
    assert config.training.paradigm["spaces"] == ["pretrained"]
    assert config.training.variants["a"].paradigm == config.training.paradigm
    assert config.retraining.paradigm == {"name": "supervised"}


@pytest.mark.parametrize("retraining", [{}, None, DELETE])
def test_retraining_that_says_nothing_is_as_training_but_for_what_is_about_scores(retraining):
    own = (("training.recording", "eval_pass"), ("training.previous_dtype", "float16"), ("training.variants.a", {}))
    assert read_config(changed(*own)).training.snapshots > 0
    config = read_config(changed(*own, ("training.label_smoothing", 0.1), ("retraining", retraining)))
    assert config.retraining.model_dump(exclude=OWN) == config.training.model_dump(exclude=ABOUT_SCORES)
    assert config.retraining.label_smoothing == 0.1
    assert not ABOUT_SCORES & config.retraining.model_dump().keys()


def test_retraining_says_only_what_differs():
    own = {"epochs": 7, "optimizer": {"weight_decay": 0.5}, "augmentation": {"flip": True}, "model": "resnet9"}
    config = read_config(changed(("retraining", own)))
    expected = config.training.model_dump(exclude=ABOUT_SCORES) | {
        "epochs": 7,
        "model": {"name": "resnet9", "width": 32},
    }
    expected["optimizer"] = expected["optimizer"] | {"weight_decay": 0.5}
    expected["augmentation"] = expected["augmentation"] | {"flip": True}
    assert config.retraining.model_dump(exclude=OWN) == expected


def test_another_optimizer_inherits_no_setting():
    sgd = {"name": "sgd", "learning_rate": 0.1, "weight_decay": 0.0005, "momentum": 0.9, "nesterov": True}
    adam = {"name": "adam", "learning_rate": 0.001}
    config = read_config(changed(("training.optimizer", sgd), ("retraining", {"optimizer": adam})))
    assert config.retraining.optimizer.model_dump() == {**adam, "weight_decay": 0.0, "momentum": 0.0, "nesterov": False}
    faults = faults_of(changed(("training.optimizer", sgd), ("retraining", {"optimizer": {"name": "adam"}})))
    assert faults == [
        "config: retraining.optimizer.learning_rate is missing (per step; the maximum under one_cycle); give it a value"
    ]


# Several trainings

SGD = {"name": "sgd", "learning_rate": 0.1}
NESTEROV = {**SGD, "weight_decay": 0.0005, "momentum": 0.9, "nesterov": True}


def test_a_variant_says_only_what_differs_from_training():
    own = {
        "epochs": 7,
        "optimizer": {"weight_decay": 0.5},
        "augmentation": {"flip": True},
        "model": "resnet9",
        "recording": "eval_pass",
    }
    config = read_config(changed(("training.recording", "train_forward"), ("training.variants.other", own)))
    base = config.training.model_dump(exclude={"variants"})
    assert config.training.variants["other"].model_dump() == base | {
        "epochs": 7,
        "optimizer": base["optimizer"] | {"weight_decay": 0.5},
        "augmentation": base["augmentation"] | {"flip": True},
        "model": {"name": "resnet9", "width": 32},
        "recording": "eval_pass",
    }


@pytest.mark.parametrize("own", [{}, {"augmentation": {}, "optimizer": {}}])
def test_a_variant_that_says_nothing_is_training_what_is_about_scores_included(own):
    changes = (("training.recording", "eval_pass"), ("training.previous_dtype", "float16"))
    config = read_config(changed(*changes, ("training.variants.same", own)))
    assert config.training.variants["same"].model_dump() == config.training.model_dump(exclude={"variants"})
    assert config.training.variants["same"].previous_dtype == "float16"


def test_another_optimizer_of_a_variant_inherits_no_setting():
    config = read_config(changed(("training.optimizer", NESTEROV), ("training.variants.a", {"optimizer": SGD})))
    assert config.training.variants["a"].optimizer.model_dump() == NESTEROV
    adam = {"name": "adam", "learning_rate": 0.001}
    config = read_config(changed(("training.optimizer", NESTEROV), ("training.variants.a", {"optimizer": adam})))
    none = {"weight_decay": 0.0, "momentum": 0.0, "nesterov": False}
    assert config.training.variants["a"].optimizer.model_dump() == {**adam, **none}
    assert config.retraining.optimizer.model_dump() == NESTEROV


TWO_TRAININGS = (
    ("training.variants", {"sgd": {"optimizer": SGD}, "unused": {"epochs": 50}}),
    ("scores", ["du", {"name": "tdds", "training": "sgd"}, {"name": "el2n", "training": "sgd"}, "aum", "forgetting"]),
)


def test_a_training_runs_once_for_all_scores_that_name_it_and_not_where_none_does():
    config = read_config(changed(*TWO_TRAININGS))
    assert list(config.recipes()) == ["base", "sgd"]
    assert config.recipes()["base"] == config.training.model_dump(exclude={"variants"})
    assert config.recipes()["sgd"] == config.training.variants["sgd"].model_dump()
    config = read_config(changed(TWO_TRAININGS[0], ("scores", [{"name": "du", "training": "sgd"}])))
    assert list(config.recipes()) == ["sgd"]


def test_a_training_records_what_its_own_scores_read_each_record_once():
    knn = (("extrapolation", ["knn"]), ("selection.extrapolators", ["knn-20"]))
    config = read_config(changed(*TWO_TRAININGS, *knn))
    assert config.records("base") == ["margin", "probability"]
    assert config.records("sgd") == ["divergence", "error_norm"]


def test_a_score_needs_the_epochs_of_its_own_training():
    variants = ("training.variants", {"short": {"epochs": 9}})
    read_config(changed(variants, ("scores", ["tdds"])))
    (fault,) = faults_of(changed(variants, ("scores", [{"name": "tdds", "training": "short"}])))
    assert_says(fault, 'scores[0] = "tdds" needs 10 epochs or more, but training.variants.short.epochs is 9')
    long = ("training.variants", {"long": {"epochs": 31}})
    read_config(changed(long, ("scores", [{"name": "du", "window": 30, "training": "long"}])))


@pytest.mark.parametrize("key", ["threads", "mem_mb", "runtime", "gpu", "gpu_shards"])
def test_a_stage_may_ask_for_one_of_anything_and_for_none_of_some(key):
    def least(value):
        return changed(("resources.training", {key: value}))

    assert getattr(read_config(least(1)).resources["training"], key) == 1
    can_be_none = key in ("gpu", "gpu_shards")
    if can_be_none:
        assert getattr(read_config(least(0)).resources["training"], key) == 0
    (fault,) = faults_of(least(-1 if can_be_none else 0))
    assert f"resources.training.{key}" in fault


def test_an_approximate_search_and_shards_are_a_fault():
    for method, shards in (("ivf", 1), ("pynndescent", 1), ("exact", 9), ("auto", 9)):
        config = read_config(changed(("neighbors.method", method), ("shards", shards)))
        assert (config.neighbors.method, config.shards) == (method, shards)
    for method in ("ivf", "pynndescent"):
        (fault,) = faults_of(changed(("neighbors.method", method), ("shards", 2)))
        text = "has one index of all samples, in one job, and shards is 2; write exact or auto"
        assert_says(fault, f"neighbors.method = {method} {text}")


def test_several_gpus_are_a_fault_where_the_device_is_the_cpu():
    def asked(device, n):
        return changed(("device", device), ("resources.training", {"gpu": n}))

    for device, n in (("auto", 2), ("cuda", 2), ("cpu", 1), ("cpu", 0)):
        assert read_config(asked(device, n)).resources["training"].gpu == n
    (fault,) = faults_of(asked("cpu", 2))
    assert_says(fault, "resources.training.gpu = 2, but device is cpu; set gpu: 0, or device: auto or cuda")


def test_a_score_is_found_by_its_name():
    config = read_config(changed(("scores", ["tdds", "el2n", "du", "aum"])))
    assert [config.score(name)["name"] for name in ("du", "tdds", "aum")] == ["du", "tdds", "aum"]


@given(st.integers(0, 100_000))
def test_percentages_in_paths_return_as_the_same_fraction(thousandths_of_a_percent):
    fraction = thousandths_of_a_percent / 100_000
    assert Part.subset(fraction).fraction == pytest.approx(fraction, abs=1e-15)
    assert re.fullmatch(r"\d+(\.\d+)?", percent(fraction))


def test_percentages_have_no_superfluous_digits():
    assert [percent(fraction) for fraction in (0.2, 0.025, 0.07, 0.29, 0.95, 1.0, 0.0)] == [
        "20",
        "2.5",
        "7",
        "29",
        "95",
        "100",
        "0",
    ]


# Faults of one value

HELD_OUT = {"name": "held_out", "k": 10, "step_up": True}  # that the default config prunes by
BAD = [  # what is set, to what, and the sentence, in which ... stands for anything
    ("experiment", "a/b", 'experiment = "a/b" does not fit (...)'),
    ("experiment", ".hidden", 'experiment = ".hidden" does not fit (...)'),
    ("experiment", 2024, "experiment = 2024 is no text; put it in quotes (...)"),
    ("results", "", 'results = "" is empty (...)'),
    ("results", None, "results = null is no value; give one (...)"),
    ("seeds", 3, "seeds = 3 is no list; write [3] (...)"),
    ("seeds", [], "seeds = [] is empty (...)"),
    ("seeds", [0, 1, 0], "seeds = [0, 1, 0] has 0 twice; give each once"),
    ("seeds", [0, -1], "seeds[1] = -1 is below 0 (...)"),
    ("seeds", ["a"], 'seeds[0] = "a" is no whole number (...)'),
    ("seeds", [1.5], "seeds[0] = 1.5 is no whole number (...)"),
    ("device", "gpu", 'device = "gpu" is none of auto, cpu or cuda (...)'),
    ("shards", 0, "shards = 0 is below 1 (...)"),
    ("samples", None, "samples = null is no mapping of keys to values; its keys are dataset, train, test, ..."),
    ("samples.dataset", "cifar10", 'samples.dataset = "cifar10" is none of digits, ..., webdataset'),
    ("samples.dataset", 3, "samples.dataset = 3 is no text; put it in quotes (...)"),
    ("samples.train", "a.npz", 'samples.train = ["a.npz"] is a path, but digits reads none; leave it out'),
    ("samples.train", 3, "samples.train = 3 is no path; write a file, a folder, a glob or a list of them"),
    ("samples.train", [], "samples.train = [] is no path; ..."),
    (
        "samples.test",
        "given",
        "samples.test = given, but digits has no test set of its own; write a path or a fraction ...",
    ),
    ("samples.test", "a.npz", 'samples.test = ["a.npz"] is a path, but digits reads none; leave it out'),
    ("samples.test", 20, "samples.test = 20 is not in (0, 1); ... split off, write 0.2; null is none"),
    ("samples.test", -0.2, "samples.test = -0.2 is not in (0, 1); ... split off, such as 0.1; null is none"),
    ("samples.test", 1, "samples.test = 1 is not in (0, 1); ... split off, such as 0.1; null is none"),
    ("samples.test", 1.5, "samples.test = 1.5 is not in (0, 1); ... split off, write 0.015; null is none"),
    ("samples.validation", "given", "samples.validation = given, but digits has no validation set of its own; ..."),
    ("samples.test", 0, "samples.test = 0 is not in (0, 1); ... split off, such as 0.1; null is none"),
    ("samples.validation", True, "samples.validation = true is not in (0, 1); ..."),
    ("samples.validation", 0.75, "samples.validation = 0.75 and samples.test = 0.25 leave no training images; ..."),
    (
        "samples.image_size",
        0,
        "samples.image_size = 0 is no size; write the pixels of a square's side, or [height, width]",
    ),
    ("samples.image_size", [32, 32, 3], "samples.image_size = [32, 32, 3] is no size; ..."),
    ("samples.image_size", [32, -1], "samples.image_size = [32, -1] is no size; ..."),
    ("samples.image_size", [True, 1], "samples.image_size = [true, 1] is no size; ..."),
    ("samples.image_size", "32x32", 'samples.image_size = "32x32" is no size; ...'),
    ("samples.fit", "pad", 'samples.fit = "pad" is none of crop or stretch (...)'),
    ("samples.channels", 4, "samples.channels = 4 is none of 1 or 3 (...)"),
    ("samples.mean", 0.5, "samples.mean = 0.5 is no list; write [0.5] (...)"),
    ("samples.mean", [125.3, 123], "samples.mean = [125.3, 123.0] is not in [0, 1]; pixels are scaled to 0..1"),
    ("samples.mean", [0.1] * 4, "samples.mean = [0.1, 0.1, 0.1, 0.1] has 4 values; give at most 3 (...)"),
    ("samples.mean", [0.5, "x"], 'samples.mean[1] = "x" is no number (...)'),
    ("samples.std", [0.2, 0.0], "samples.std = [0.2, 0.0] is not in (0, 1]; pixels are scaled to 0..1"),
    ("samples.std", [], "samples.std = [] is empty (...)"),
    ("samples.on_bad_image", "skip", 'samples.on_bad_image = "skip" is none of fail or drop (...)'),
    ("samples.options", "bytes", 'samples.options = "bytes" is no mapping of keys to values (...)'),
    ("samples.split_seed", -1, "samples.split_seed = -1 is below 0 (...)"),
    ("subset.fractions", 0.2, "subset.fractions = 0.2 is no list; write [0.2] (...)"),
    ("subset.fractions", [], "subset.fractions = [] is empty (...)"),
    ("subset.fractions", [0.2, 0.2], "subset.fractions = [0.2, 0.2] has 0.2 twice; give each once"),
    ("subset.fractions", [20], "subset.fractions[0] = 20 is not in (0, 1); ... trained on for scores, write 0.2"),
    ("subset.fractions", [0.1, 1.0], "subset.fractions[1] = 1.0 is the full data set, ... give one below 1"),
    ("subset.fractions", [-0.2], "subset.fractions[0] = -0.2 is not in (0, 1); ... such as 0.2"),
    ("subset.fractions", [0], "subset.fractions[0] = 0 is not in (0, 1); ... such as 0.2"),
    ("subset.nested", 0, "subset.nested = 0 is not above 0 (...)"),
    ("subset.nested", 1, "subset.nested = 1 is not below 1 (...)"),
    ("subset.nested", 50, "subset.nested = 50 is not below 1 (...)"),
    ("subset.nested", "half", 'subset.nested = "half" is no number (...)'),
    ("subset.nested", None, "subset.nested = null is no value; give one (...)"),
    ("training", [], "training = [] is no mapping of keys to values; its keys are model, paradigm, ..."),
    ("training.model", "resnet18", 'training.model = "resnet18" is none of convnet, perceptron, resnet9, ...'),
    ("training.model", {"name": "resnet18"}, 'training.model.name = "resnet18" is none of convnet, perceptron, ...'),
    ("training.model", {"width": 3}, 'training.model = {"width": 3} names no method; give one of convnet, ...'),
    ("training.model", None, "training.model = null names no method; give one of convnet, ..."),
    ("training.model", {"name": "convnet", "width": 0}, "training.model.width = 0 is below 1 (...)"),
    ("training.paradigm", "selfish", 'training.paradigm = "selfish" is none of ...'),
    (
        "training.paradigm",
        {"name": "unsupervised", "spaces": ["a", "a"]},
        "training.paradigm = ... names one of spaces twice; give each once",
    ),
    ("training.paradigm", {"name": "unsupervised", "classes": 1}, "training.paradigm.classes = 1 is below 2 (of ...)"),
    (
        "retraining.paradigm",
        "unsupervised",
        "retraining.paradigm = unsupervised is a way to score, not to retrain; write one of ...",
    ),
    (
        "retraining.paradigm",
        {"name": "adversarial", "loss": "mart"},
        'retraining.paradigm.loss = "mart" is none of trades or pgd (clean ...)',
    ),
    (
        "retraining.paradigm",
        {"name": "adversarial", "best_of": 50},
        "retraining.paradigm.best_of = 50 validation images, and there are none; set samples.validation, such as 0.05",
    ),
    (
        "training.paradigm",
        {"name": "adversarial", "best_of": 50},
        "training.paradigm.best_of = 50, but what is recorded for scores is of all epochs; leave it out, or ...",
    ),
    # What may be a number or a word has one sentence, not one for each.
    ("selection.methods", [{"name": "chance", "start": "x"}], '....start = "x" is neither a number nor auto (...)'),
    ("selection.methods", [{"name": "ccs", "dropped": None}], "....dropped = null is neither a number nor auto (...)"),
    ("selection.methods", [{"name": "window", "start": "1e-1"}], '....start = "1e-1" is text to YAML; write 0.1 (...)'),
    (
        "selection.methods",
        [{"name": "window", "start": 1}],
        "selection.methods[0].start = 1 is not in [0, 1); give a share, or auto",
    ),
    (
        "extrapolation",
        [{"name": "gnn", "batch": "x"}],
        '....batch = "x" is neither a whole number nor auto nor full (...)',
    ),
    ("training.epochs", 0, "training.epochs = 0 is below 1 (passes over the samples)"),
    ("training.epochs", "30", 'training.epochs = "30" is text to YAML; write 30 (passes over the samples)'),
    ("training.epochs", 2.5, "training.epochs = 2.5 is no whole number (passes over the samples)"),
    ("training.batch_size", 1, "training.batch_size = 1 is below 2 (images a step, of all processes together)"),
    (
        "training.optimizer",
        "adam",
        'training.optimizer = "adam" is no mapping of keys to values; its keys are name, ...',
    ),
    ("training.optimizer.name", "adagrad", 'training.optimizer.name = "adagrad" is none of sgd, adam or adamw (...)'),
    ("training.optimizer.learning_rate", 0, "training.optimizer.learning_rate = 0 is not above 0 (per step; ...)"),
    ("training.optimizer.learning_rate", "1e-3", '... = "1e-3" is text to YAML; write 0.001 (per step; ...)'),
    ("training.optimizer.learning_rate", float("inf"), "... = Infinity is not finite (per step; ...)"),
    ("training.optimizer.weight_decay", -0.1, "training.optimizer.weight_decay = -0.1 is below 0 (...)"),
    ("training.optimizer.momentum", 0.9, "... = 0.9 is read by sgd only, and the optimizer is adam; leave it out"),
    ("training.optimizer.nesterov", True, "... = true is read by sgd only, and the optimizer is adam; leave it out"),
    ("training.optimizer", {**SGD, "momentum": 1.0}, "training.optimizer.momentum = 1.0 is not below 1 (...)"),
    (
        "training.optimizer",
        {**SGD, "nesterov": True},
        "... = true needs a momentum above 0; set it, or leave nesterov out",
    ),
    ("training.rise", 1.0, "training.rise = 1.0 is not below 1 (share of the steps in which one_cycle rises)"),
    ("training.schedule", "step", 'training.schedule = "step" is none of constant, cosine or one_cycle (...)'),
    ("training.augmentation.flip", "yes", 'training.augmentation.flip = "yes" is neither true nor false (...)'),
    (
        "training.augmentation.crop_padding",
        -1,
        "training.augmentation.crop_padding = -1 is below 0 (pixels of black ...)",
    ),
    ("training.augmentation.crop_size", 0, "training.augmentation.crop_size = 0 is below 1 (pixels of the crop's ...)"),
    ("training.label_smoothing", 1, "training.label_smoothing = 1 is not below 1 (...)"),
    ("training.clip_gradient", 0, "training.clip_gradient = 0 is not above 0 (largest norm of the gradient; ...)"),
    ("training.average_decay", 1, "training.average_decay = 1 is not below 1 (of the averaged weights, a step; ...)"),
    ("training.compile", 1, "training.compile = 1 is neither true nor false (let torch.compile ...)"),
    ("training.previous_dtype", "half", 'training.previous_dtype = "half" is none of float32 or float16 (of the ...)'),
    ("training.precision", "float16", 'training.precision = "float16" is none of float32, bfloat16 or auto (...)'),
    ("training.recording", "both", 'training.recording = "both" is none of train_forward or eval_pass (...)'),
    ("training.snapshots", -1, "training.snapshots = -1 is below 0 (networks of earlier epochs ...)"),
    ("training.snapshots", 1.5, "training.snapshots = 1.5 is no whole number (networks of earlier epochs ...)"),
    (
        "training.snapshots",
        30,
        "training.snapshots = 30 networks before the last of 30 epochs are not to be had; lower it",
    ),
    ("training.variants", ["sgd"], 'training.variants = ["sgd"] is no mapping of keys to values (...)'),
    ("training.variants", {"SGD": {}}, "training.variants.SGD is a name that does not fit (text of a-z 0-9 _)"),
    ("training.variants", {1: {}}, "training.variants[1] is a name that does not fit (text of a-z 0-9 _)"),
    ("training.variants", {"base": {}}, "training.variants.base is the name of training itself; give it another"),
    (
        "embeddings.others",
        {"pretrained": {}},
        "embeddings.others.pretrained is the name of embeddings.pretrained; give it another",
    ),
    (
        "training.variants",
        {"sgd": 3},
        "training.variants.sgd = 3 is no mapping of keys to values; its keys are model, ...",
    ),
    ("training.variants", {"sgd": {"epochs": 0}}, "training.variants.sgd.epochs = 0 is below 1 (passes ...)"),
    (
        "training.variants",
        {"sgd": {"epoch": 3}},
        "training.variants.sgd.epoch is not a known key; did you mean epochs? ...",
    ),
    (
        "training.variants",
        {"a": {"variants": {}}},
        "training.variants.a.variants is not a known key; known are model, ...",
    ),
    (
        "training.variants",
        {"a": {"model": "resnet18"}},
        'training.variants.a.model = "resnet18" is none of convnet, ...',
    ),
    (
        "training.variants",
        {"a": {"optimizer": {"name": "sgd"}}},
        "training.variants.a.optimizer.learning_rate is missing ...",
    ),
    (
        "training.variants",
        {"a": {"optimizer": {"momentum": 0.9}}},
        "training.variants.a.optimizer.momentum = 0.9 is read by sgd ...",
    ),
    ("checkpoints", None, "checkpoints = null is no mapping of keys to values; its keys are minutes, epochs"),
    ("checkpoints.minutes", 0, "checkpoints.minutes = 0 is not above 0 (...)"),
    ("checkpoints.minutes", "5 min", 'checkpoints.minutes = "5 min" is no number (...)'),
    ("checkpoints.epochs", 0, "checkpoints.epochs = 0 is below 1 (...)"),
    ("checkpoints.epochs", 0.5, "checkpoints.epochs = 0.5 is no whole number (...)"),
    ("scores", "du", 'scores = "du" is no list; write ["du"] (...)'),
    ("scores", [], "scores = [] is empty (...)"),
    ("scores", ["uncertain"], 'scores[0] = "uncertain" is none of ...du...'),
    ("scores", [{"name": "uncertain"}], 'scores[0].name = "uncertain" is none of ...du...'),
    ("scores", [{"window": 10}], 'scores[0] = {"window": 10} names no method; give one of ...du...'),
    ("scores", [7], "scores[0] = 7 names no method; give one of ...du..."),
    ("scores", [{"name": "du", "window": 1}], "scores[0].window = 1 is below 2 (epochs in a window)"),
    ("scores", [{"name": "du", "window": 30}], 'scores[0] = "du" needs 31 epochs or more, but training.epochs is 30'),
    ("scores", ["du", {"name": "du", "window": 5}], "scores has du twice; give each once"),
    ("scores", [{"name": "du", "training": "sgd"}], 'scores[0].training = "sgd" is no training; there are base (...)'),
    (
        "scores",
        [{"name": "du", "training": ["base"]}],
        'scores[0].training = ["base"] is no training; there are base ...',
    ),
    ("scores", [{"name": "du", "training": None}], "scores[0].training = null is no training; there are base ..."),
    (
        "scores",
        [{"name": "el2n", "epochs": 31}],
        'scores[0] = "el2n" needs 31 epochs or more, but training.epochs is 30',
    ),
    (
        "scores",
        [{"name": "tdds", "trajectory": 31}],
        'scores[0] = "tdds" needs 31 epochs or more, but training.epochs is 30',
    ),
    (
        "scores",
        [{"name": "tdds", "decay": 0}],
        "scores[0].decay = 0 is not above 0 (beta: how much more a later window ...)",
    ),
    (
        "scores",
        ["du", {"name": "tdds", "window": 12}],
        'scores[1] = {"window": 12} has a window of 12 in a trajectory of 10 epochs; shorten it',
    ),
    ("neighbors.method", "faiss", 'neighbors.method = "faiss" is none of auto, exact, pynndescent or ivf (...)'),
    ("neighbors", None, "neighbors = null is no mapping of keys to values; its keys are method"),
    ("embeddings.dtype", "float64", 'embeddings.dtype = "float64" is none of float32 or float16 (...)'),
    ("extrapolation", ["nearest"], 'extrapolation[0] = "nearest" is none of ...knn...'),
    ("extrapolation", [{"name": "knn", "k": 0}], "extrapolation[0].k = 0 is below 1 (neighbours)"),
    ("extrapolation", ["knn", {"name": "knn", "k": [5, 0]}], "extrapolation[1].k[1] = 0 is below 1 (neighbours)"),
    (
        "extrapolation",
        [{"name": "knn", "k": [5, 9], "weighting": "inverse"}],
        "... is none of distance or uniform (...)",
    ),
    (
        "extrapolation",
        [{"name": "knn", "k": 5, "same_label": "yes"}],
        'extrapolation[0].same_label = "yes" is neither true nor false (...)',
    ),
    ("extrapolation", [{"name": "knn", "step_up": 1}], "extrapolation[0].step_up = 1 is neither true nor false (...)"),
    (
        "extrapolation",
        ["knn", {"name": "gnn", "step_up": None}],
        "extrapolation[1].step_up = null is no value; give one (...)",
    ),
    (
        "extrapolation",
        [{"name": "knn", "k": [5, 10], "step_up": "yes"}],
        'extrapolation[0].step_up = "yes" is neither true nor false (...)',
    ),
    ("extrapolation", [{"name": "knn", "k": [10, 5, 5]}, HELD_OUT], "extrapolation has knn-5 twice; give each once"),
    ("selection.rates", 0.5, "selection.rates = 0.5 is no list; write [0.5] (...)"),
    ("selection.rates", [], "selection.rates = [] is empty (...)"),
    ("selection.rates", [0.5, 0.9, 0.5], "selection.rates = [0.5, 0.9, 0.5] has 0.5 twice; give each once"),
    ("selection.rates", [0, 90], "selection.rates[1] = 90 is not in [0, 1); a rate is the fraction removed, write 0.9"),
    ("selection.rates", [1], "selection.rates[0] = 1 is not in [0, 1); a rate is the fraction removed, such as 0.5"),
    ("selection.rates", ["0.5"], 'selection.rates[0] = "0.5" is not in [0, 1); ...'),
    ("selection.rates", [None], "selection.rates[0] = null is not in [0, 1); ..."),
    ("selection.methods", ["top", "best"], 'selection.methods[1] = "best" is none of ...random...top...'),
    ("selection.methods", "top", 'selection.methods = "top" is no list; write ["top"] (...)'),
    ("export.formats", ["csv", "zip"], 'export.formats[1] = "zip" is none of csv, huggingface, ...'),
    ("export.formats", "csv", 'export.formats = "csv" is no list; write ["csv"] (...)'),
    ("export.formats", ["csv", {"name": "csv"}], "export.formats has csv twice; give each once"),
    (
        "export.formats",
        [{"name": "links", "how": "move"}],
        'export.formats[0].how = "move" is none of symlink, hardlink or copy (...)',
    ),
    (
        "export.formats",
        [{"name": "webdataset", "shard_size": 0}],
        "export.formats[0].shard_size = 0 is below 1 (MB of images in a tar file)",
    ),
    (
        "selection.extrapolators",
        ["knn-7"],
        'selection.extrapolators[0] = "knn-7" is not computed; there are knn-5, ...',
    ),
    ("selection.fractions", [], "selection.fractions = [] is empty (...)"),
    ("selection.fractions", 0.2, "selection.fractions = 0.2 is no list; write [0.2] (...)"),
    ("selection.fractions", [0.2, 0.2], "selection.fractions = [0.2, 0.2] has 0.2 twice; give each once"),
    ("selection.fractions", [20], "selection.fractions[0] = 20 is not in (0, 1); ... write 0.2"),
    (
        "selection.fractions",
        [0.2, 0.4],
        "selection.fractions[1] = 0.4 is none of subset.fractions; there are 0.2",
    ),
    ("selection.scores", [], "selection.scores = [] is empty (...)"),
    ("selection.scores", "du", 'selection.scores = "du" is no list; write ["du"] (...)'),
    ("selection.scores", ["tdds"], 'selection.scores[0] = "tdds" is not computed; there are du'),
    ("selection.scores", ["du"] * 2, 'selection.scores = ["du", "du"] has du twice; ...'),
    ("selection.extrapolators", ["knn-5"] * 2, 'selection.extrapolators = ["knn-5", "knn-5"] has knn-5 twice; ...'),
    (
        "selection.methods",
        [{"name": "top", "scores": "du"}],
        'selection.methods[0].scores = "du" is no list; write ["du"] (...)',
    ),
    (
        "selection.methods",
        [{"name": "top", "extrapolators": []}],
        "selection.methods[0].extrapolators = [] is empty (...)",
    ),
    (
        "selection.methods",
        [{"name": "top", "scores": ["du", "du"]}],
        'selection.methods[0].scores = ["du", "du"] has du twice; give each once',
    ),
    (
        "selection.methods",
        [{"name": "top", "scores": ["du", "tdds"]}],
        'selection.methods[0].scores[1] = "tdds" is not computed; there are du',
    ),
    (
        "selection.methods",
        ["random", {"name": "top", "extrapolators": ["knn-7"]}],
        'selection.methods[1].extrapolators[0] = "knn-7" is not computed; there are knn-5, ...',
    ),
    (
        "selection.methods",
        ["top", {"name": "random", "scores": ["du"]}],
        'selection.methods[1].scores = ["du"], but random reads no scores; leave it out',
    ),
    (
        "selection.methods",
        ["top", {"name": "random", "full_data_scores": False}],
        "selection.methods[1].full_data_scores = false, but random reads no scores; leave it out",
    ),
    ("retraining", 3, "retraining = 3 is no mapping of keys to values; its keys are model, paradigm, ..."),
    ("retraining.epochs", 0, "retraining.epochs = 0 is below 1 (passes over the samples)"),
    ("evaluation.full_data_scores", "yes", 'evaluation.full_data_scores = "yes" is neither true nor false (...)'),
    ("evaluation.estimates", "nested", 'evaluation.estimates = "nested" is no list; write ["nested"] (...)'),
    (
        "evaluation.estimates",
        ["shift"],
        'evaluation.estimates[0] = "shift" is none of cross_validation or nested (...)',
    ),
    ("evaluation.estimates", ["nested"] * 2, 'evaluation.estimates = ["nested", "nested"] has nested twice; ...'),
    ("evaluation.robustness", True, "evaluation.robustness = true is no mapping of keys to values; its keys are ..."),
    ("evaluation.robustness", {"attacks": []}, "evaluation.robustness.attacks = [] is empty (...)"),
    ("evaluation.robustness", {"attacks": ["fgsm"]}, '... = "fgsm" is none of pgd or autoattack (...)'),
    ("evaluation.robustness", {"epsilon": 0}, "... = 0 is not above 0 (largest change, in levels of 0..255)"),
    ("resources.default.threads", 0, "resources.default.threads = 0 is below 1 (CPU threads)"),
    ("resources.default", DELETE, "resources.default is missing; every stage that does not set it takes it from here"),
    (
        "resources.default.gpu",
        None,
        "resources.default.gpu is missing; every stage that does not set it takes it from here",
    ),
    (
        "resources.training",
        None,
        "resources.training = null is no mapping ...; its keys are threads, mem_mb, runtime, gpu, gpu_shards",
    ),
    ("resources.samples.mem_mb", "2G", 'resources.samples.mem_mb = "2G" is no whole number (megabytes of host memory)'),
]
UNKNOWN = [
    ("seed", "is not a known key; did you mean seeds? known are experiment, results, seeds, ..."),
    ("frobnicate", "is not a known key; known are experiment, ..."),
    ("samples.tset", "is not a known key; did you mean test? known are dataset, ..."),
    ("samples.options.image_column", "is not a known key; nothing can be set here"),
    ("training.learning_rate", "is not a known key; known are model, ..."),
    ("training.optimizer.momentun", "is not a known key; did you mean momentum? known are name, ..."),
    ("training.augmentation.pad", "is not a known key; known are crop_padding, crop_size, flip"),
    ("training.variant", "is not a known key; did you mean variants? known are model, ..."),
    ("retraining.recording", "is not a known key; known are model, ..."),
    ("retraining.previous_dtype", "is not a known key; known are model, ..."),
    ("retraining.snapshots", "is not a known key; known are model, ..."),
    ("retraining.variants", "is not a known key; known are model, ..."),
    ("checkpoints.every", "is not a known key; known are minutes, epochs"),
    ("neighbors.k", "is not a known key; known are method"),
    ("resources.trainings", "is not a known key; did you mean training? known are default, samples, ..."),
    ("resources.training.thread", "is not a known key; did you mean threads? known are threads, ..."),
]
MISSING = [
    (
        "experiment",
        "is missing (name of its folder in results; letters, digits, _ . -; no _ . - first); give it a value",
    ),
    ("samples", "is missing; give it a value"),
    ("samples.dataset", "is missing (reader of the training images); give it a value"),
    (
        "subset.fractions",
        "is missing (in (0, 1): parts of the training images that are trained on for scores); give it a value",
    ),
    ("training", "is missing; give it a value"),
    ("training.model", "is missing (files in models/); give it a value"),
    (
        "training.optimizer.name",
        "is missing (optimizer; momentum and nesterov belong to sgd); give one of sgd, adam, adamw",
    ),
    ("training.optimizer.learning_rate", "is missing (per step; the maximum under one_cycle); give it a value"),
    ("checkpoints", "is missing; give it a value"),
    ("scores", "is missing (files in scores/; higher = more important = kept); give it a value"),
    ("selection.rates", "is missing (in [0, 1): fractions removed); give it a value"),
]


def assert_says(fault, sentence):
    assert re.fullmatch(re.escape(f"config: {sentence}").replace(re.escape("..."), ".*"), fault), fault
    assert not JARGON.search(fault)


@pytest.mark.parametrize("key, value, sentence", BAD)
def test_a_bad_value_is_one_sentence(key, value, sentence):
    (fault,) = faults_of(changed((key, value)))
    assert_says(fault, sentence)


@pytest.mark.parametrize("key, says", UNKNOWN)
def test_an_unknown_key_is_one_sentence(key, says):
    config = changed(("resources.training", {"runtime": 60}), (key, {}))
    (fault,) = faults_of(config)
    assert_says(fault, f"{key} {says}")


@pytest.mark.parametrize("key, says", MISSING)
def test_a_missing_key_is_one_sentence(key, says):
    (fault,) = faults_of(changed((key, DELETE)))
    assert_says(fault, f"{key} {says}")


def test_an_unknown_option_of_a_method_is_one_sentence():
    def fault_of(*changes):
        (fault,) = faults_of(changed(*changes))
        return fault

    fault = fault_of(("scores", [{"name": "du", "windw": 10}]))
    assert fault == "config: scores[0].windw is not a known key; did you mean window? known are window, training"
    fault = fault_of(("selection.methods", [{"name": "top", "bins": 10}]))
    assert (
        fault
        == "config: selection.methods[0].bins is not a known key; known are scores, extrapolators, full_data_scores"
    )
    fault = fault_of(("training.model", {"name": "convnet", "widht": 8}))
    assert fault == "config: training.model.widht is not a known key; did you mean width? known are width"
    fault = fault_of(("extrapolation", [{"name": "knn", "k": [5, 10], "weights": "uniform"}]))
    assert fault.startswith(
        "config: extrapolation[0].weights is not a known key; did you mean weighting? known are k, "
    )


def test_a_method_that_needs_an_option_says_so():
    (fault,) = faults_of(changed(("training.model", "timm")))
    assert fault == "config: training.model.architecture is missing (a timm name such as resnet18); give it a value"
    (fault,) = faults_of(changed(("samples.dataset", "torchvision"), ("samples.train", "data")))
    assert fault.startswith("config: samples.options.name is missing (as torchvision calls it); give one of CIFAR10, ")
    (fault,) = faults_of(changed(("samples.dataset", "parquet")))
    assert fault == "config: samples.train is missing; parquet needs the path of its images"


def test_channels_and_their_means_must_agree():
    (fault,) = faults_of(changed(("samples.channels", 1), ("samples.mean", [0.1, 0.2, 0.3])))
    assert fault == "config: samples.mean = [0.1, 0.2, 0.3] is not one number for each of 1 channels"
    (fault,) = faults_of(changed(("samples.channels", 3), ("samples.std", [0.1])))
    assert fault == "config: samples.std = [0.1] is not one number for each of 3 channels"
    assert read_config(changed(("samples.channels", 3), ("samples.mean", [0.1, 0.2, 0.3]))).samples.channels == 3


def test_a_long_value_is_cut():
    (fault,) = faults_of(changed(("device", "x" * 1000)))
    assert len(fault) < 170


# Several faults


def test_all_faults_are_reported_at_once():
    faults = faults_of(
        changed(
            ("device", "gpu"),
            ("samples.tset", 0.1),
            ("training.model", "resnet18"),
            ("scores", [{"name": "du", "window": 1}, "uncertain", {"name": "tdds", "window": 12}]),
            ("checkpoints.minutes", -1),
            ("subset.fractions", [20, 30]),
            ("retraining.epochs", 0),
            ("selection.rates", [0.5, 0.5]),
            ("selection.extrapolators", ["knn-7"]),
        )
    )
    keys = {fault.split()[1] for fault in faults}
    assert keys == {
        "device",
        "samples.tset",
        "training.model",
        "scores[0].window",
        "scores[1]",
        "scores[2]",
        "checkpoints.minutes",
        "subset.fractions[0]",
        "subset.fractions[1]",
        "retraining.epochs",
        "selection.rates",
    }
    assert len(faults) == len(keys)


def test_contradictions_are_reported_beside_faults_of_other_sections():
    faults = faults_of(
        changed(("device", "gpu"), ("training.optimizer.momentum", 0.9), ("samples.test", "given"), ("seeds", []))
    )
    assert {fault.split()[1] for fault in faults} == {"device", "training.optimizer.momentum", "samples.test", "seeds"}


def test_what_is_pruned_by_is_looked_for_only_among_scores_and_extrapolators_without_faults():
    pruned_by = (("selection.scores", ["tdds"]), ("selection.extrapolators", ["gnn"]))
    faults = faults_of(changed(*pruned_by))
    assert [fault.split()[1] for fault in faults] == ["selection.scores[0]", "selection.extrapolators[0]"]
    faults = faults_of(changed(*pruned_by, ("scores", ["uncertain"]), ("extrapolation", ["uncertain"])))
    assert [fault.split()[1] for fault in faults] == ["scores[0]", "extrapolation[0]"]


def test_a_fault_that_retraining_inherits_is_named_once():
    faults = faults_of(
        changed(("training.epochs", 0), ("training.optimizer", {**SGD, "nesterov": True, "momentun": 1}))
    )
    assert [fault.split()[1] for fault in faults] == ["training.epochs", "training.optimizer.momentun"]


def test_a_fault_that_a_variant_inherits_is_named_once():
    variants = ("training.variants", {"a": {}, "b": {"schedule": "cosine"}, "c": {"epochs": 0}})
    faults = faults_of(changed(("training.epochs", 0), ("training.model", "timm"), variants))
    assert [fault.split()[1] for fault in faults] == [
        "training.model.architecture",
        "training.epochs",
        "training.variants.c.epochs",
    ]
    faults = faults_of(changed(("training.optimizer.momentum", 0.9), ("training.variants", {"a": {}, "b": {}})))
    assert [fault.split()[1] for fault in faults] == ["training.optimizer.momentum"]


def test_what_a_variant_or_retraining_makes_of_sound_values_is_named_beside_faults_of_training():
    nesterov = ("training.optimizer", NESTEROV)
    own = {"optimizer": {"momentum": 0.0}}
    faults = faults_of(changed(nesterov, ("training.variants.a", own), ("retraining", own)))
    assert [fault.split()[1] for fault in faults] == [
        "training.variants.a.optimizer.nesterov",
        "retraining.optimizer.nesterov",
    ]
    own = {"optimizer": {"name": "adam"}}
    faults = faults_of(changed(nesterov, ("training.epochs", 0), ("training.variants.a", own), ("retraining", own)))
    assert {fault.split()[1] for fault in faults} == {
        "training.epochs",
        "training.variants.a.optimizer.learning_rate",
        "retraining.optimizer.learning_rate",
    }


def test_a_bare_name_is_a_value_of_its_own():
    faults = faults_of(changed(("training.model", "timm"), ("retraining", {"model": "timm"})))
    assert [fault.split()[1] for fault in faults] == ["training.model.architecture", "retraining.model.architecture"]


def test_a_fault_that_retraining_sets_itself_is_named_beside_training_s():
    faults = faults_of(changed(("training.epochs", 0), ("retraining", {"epochs": 0, "optimizer": {"momentum": 0.5}})))
    assert [fault.split()[1] for fault in faults] == ["training.epochs", "retraining.epochs"]
    faults = faults_of(changed(("retraining", {"optimizer": {"momentum": 0.5}})))
    assert [fault.split()[1] for fault in faults] == ["retraining.optimizer.momentum"]


def test_each_fault_begins_with_what_set_its_value():
    origins = {("device",): "a.yaml", ("selection", "rates", 1): "b.yaml", ("training", "epochs"): "--config"}
    config = changed(("device", "gpu"), ("selection.rates", [0.5, 90]), ("training.epochs", 0))
    faults = faults_of(config, origin=lambda location: origins[location])
    assert {fault.split()[0]: fault.split()[1] for fault in faults} == {
        "a.yaml:": "device",
        "b.yaml:": "selection.rates[1]",
        "--config:": "training.epochs",
    }


def load(tmp_path, of_file=None, of_command_line=None):
    """Load as the workflow does: config.yaml, a --configfile, then --config; Snakemake itself merged all three."""
    layers = {"config.yaml": DEFAULT, "mine.yaml": of_file or {}}
    for name, values in layers.items():
        (tmp_path / name).write_text(yaml.safe_dump(values))
    workflow = SimpleNamespace(
        configfiles=[tmp_path / "config.yaml"],
        overwrite_configfiles=[tmp_path / "mine.yaml"],
        config_settings=SimpleNamespace(config=of_command_line or {}),
        local_exec=True,
    )
    return start.load_config(workflow, merged(merged(DEFAULT, of_file or {}), of_command_line or {}))


def test_the_file_that_set_a_value_last_is_named(tmp_path, capsys):
    of_file = {"device": "gpu", "training": {"epochs": 0}, "selection": {"rates": [90]}, "scores": None}
    of_file["resources"] = {"default": {"gpu": None}}
    of_command_line = {"training": {"epochs": "-1"}, "retraining": {"optimizer": {"nesterov": "maybe"}}}
    with pytest.raises(SystemExit) as end:
        load(tmp_path, of_file, of_command_line)
    assert end.value.code == 1
    lines = capsys.readouterr().err.strip().split("\n")
    said = {(Path(line.split(": ")[0]).name, line.split(": ")[1].split()[0]) for line in lines}
    assert said == {
        ("mine.yaml", "device"),
        ("--config", "training.epochs"),
        ("mine.yaml", "selection.rates[0]"),
        ("mine.yaml", "scores"),
        ("--config", "retraining.optimizer.nesterov"),
        ("mine.yaml", "resources.default.gpu"),
    }


def test_values_of_the_command_line_have_the_types_that_they_have_in_a_file(tmp_path):
    # As Snakemake hands them over: what stands inside {} or [] is text.
    given_there = {
        "seeds": ["7", "8"],
        "samples": {"test": "0.5", "mean": "null"},
        "training": {"optimizer": {"learning_rate": "0.01"}, "augmentation": {"flip": "true"}},
        "selection": {"rates": ["0.5", "0.75"], "methods": ["top", {"name": "random"}]},
        "device": "cpu",
        "experiment": "0123",
    }
    config = load(tmp_path, {"training": {"optimizer": {"weight_decay": 0.5}}}, given_there)
    assert config.seeds == [7, 8]
    assert config.samples.test == 0.5
    assert config.samples.mean is None
    assert config.samples.dataset == "digits"
    assert config.training.optimizer.model_dump(include={"learning_rate", "weight_decay"}) == {
        "learning_rate": 0.01,
        "weight_decay": 0.5,
    }
    assert config.training.augmentation.flip is True
    assert config.training.augmentation.crop_padding == 1
    assert config.selection.rates == [0.5, 0.75]
    of_every = {"scores": None, "extrapolators": None, "full_data_scores": True}
    assert config.selection.methods == [{"name": "top", **of_every}, {"name": "random", **of_every}]
    assert config.experiment == "0123"


@pytest.mark.parametrize("path", ["*.npz", "a: b", "#x", "[1"])
def test_paths_of_the_command_line_are_taken_as_they_are(tmp_path, path, monkeypatch):
    monkeypatch.setattr(start, "match", lambda path: [path])
    config = load(tmp_path, None, {"samples": {"dataset": "npz", "train": [path], "test": path}})
    assert config.samples.train == config.samples.test == [path]


# The machine


def test_paths_that_do_not_exist_are_refused(tmp_path):
    config = read_config(
        changed(("samples.dataset", "npz"), ("samples.train", f"{tmp_path}/*.npz"), ("samples.test", "no.npz"))
    )
    with pytest.raises(InputFault) as fault:
        start.check_paths(config)
    assert str(fault.value).split("\n") == [
        f"samples.train: {tmp_path}/*.npz does not exist; give an existing file, folder or glob",
        "samples.test: no.npz does not exist; give an existing file, folder or glob",
    ]
    (tmp_path / "a.npz").write_text("")
    config = read_config(changed(("samples.dataset", "npz"), ("samples.train", f"{tmp_path}/*.npz")))
    start.check_paths(config)
    assert start.input_paths(config) == [f"{tmp_path}/a.npz"]


def test_class_folders_are_watched(tmp_path):
    for folder in ("cat", "dog"):
        (tmp_path / folder).mkdir()
    config = read_config(changed(("samples.dataset", "imagefolder"), ("samples.train", str(tmp_path))))
    assert start.input_paths(config) == [f"{tmp_path}", f"{tmp_path}/cat", f"{tmp_path}/dog"]


def test_results_that_cannot_be_written_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    config = read_config(changed(("results", f"{tmp_path}/file/results")))
    with pytest.raises(InputFault, match=r"results: .*file is a file; give a folder"):
        start.check_paths(config)


@pytest.mark.parametrize("runs_here", [True, False])
def test_cuda_must_be_where_jobs_run(runs_here, monkeypatch):
    monkeypatch.setattr(start, "has_cuda", lambda: False)
    config = read_config(changed(("device", "cuda")))
    if not runs_here:
        start.check_device(config, runs_here)
        return
    with pytest.raises(InputFault, match="device: cuda was asked for, but this machine has no CUDA device"):
        start.check_device(config, runs_here)


def test_a_stage_takes_what_it_does_not_set_from_the_default():
    config = read_config(changed(("resources.training", {"mem_mb": 9000, "gpu": 1})))
    default = DEFAULT["resources"]["default"]
    assert config.asked_by("training").model_dump() == default | {"mem_mb": 9000, "gpu": 1}
    assert config.asked_by("report").model_dump() == default


def resources(*changes, attempt=1, gpu=True):
    """Return what a training's job is given by Snakemake, in an attempt."""
    asked = start.stage_resources(read_config(changed(*changes)), "training", gpu)
    return {key: value({}, attempt=attempt) if callable(value) else value for key, value in asked.items()}


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_each_attempt_asks_for_more(attempt):
    assert resources(attempt=attempt, gpu=False) == {"mem_mb": 2000 * attempt, "runtime": 10 * attempt}


def test_account_partition_gpus_and_shards_reach_slurm():
    everything = {"account": "us", "partition": "cpu", "gpu_partition": "gpu"}

    def sent(slurm, gpu=0, shards=0, can=True):
        asked = resources(("slurm", slurm), ("resources.training", {"gpu": gpu, "gpu_shards": shards}), gpu=can)
        return {key: value for key, value in asked.items() if key not in ("mem_mb", "runtime")}

    none, account = {"gpu": 0, "gpu_shards": 0}, {"slurm_account": "us"}
    on_gpu = account | {"slurm_partition": "gpu"}
    assert sent(everything) == none | account | {"slurm_partition": "cpu"}
    assert sent(everything, gpu=2) == {"gpu": 2, "gpu_shards": 0, "nodes": 1} | on_gpu
    assert sent(everything, shards=3) == {"gpu": 0, "gpu_shards": 3, "gres": "shard:3"} | on_gpu
    assert sent(everything, gpu=2, can=False) == account | {"slurm_partition": "cpu"}
    assert sent({"partition": "all"}, gpu=1)["slurm_partition"] == "all"
    assert sent({"gpu_partition": "gpu"}) == none
    assert sent({}) == none


def test_whole_gpus_and_shards_at_once_are_a_fault():
    (fault,) = faults_of(changed(("resources.training", {"gpu": 1, "gpu_shards": 2})))
    text = "resources.training.gpu_shards = 2, but gpu is 1: a job has whole GPUs or parts of one; set one of them to 0"
    assert_says(fault, text)
    inherited = ("resources.default.gpu", 1), ("resources.training", {"gpu_shards": 2})
    assert_says(faults_of(changed(*inherited))[0], text)
    read_config(changed(("resources.default.gpu", 1), ("resources.training", {"gpu": 0, "gpu_shards": 2})))


def test_parsing_the_config_loads_neither_numpy_nor_torch():
    program = "import sys, pruning_workflow.start; sys.exit(bool({'numpy', 'torch', 'pyarrow'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT / "workflow_scripts", check=True)


# A test set of another kind than the training set

CIFAR100 = {"dataset": "torchvision", "path": "data", "options": {"name": "CIFAR100"}}
NPZ = (("samples.dataset", "npz"), ("samples.train", "1m.npz"))


def test_a_test_set_of_another_kind_is_written_out():
    options = {"name": "CIFAR100", "download": True}
    complete = {"dataset": "torchvision", "path": ["data"], "split": "test", "options": options}
    config = read_config(changed(*NPZ, ("samples.test", CIFAR100), ("samples.validation", 0.1)))
    assert config.samples.test == complete
    assert config.samples.sets_read() == [("train", "npz", ["1m.npz"]), ("test.path", "torchvision", ["data"])]
    config = read_config(changed(("samples.test", {**CIFAR100, "split": "train"})))
    assert config.samples.test == {**complete, "split": "train"}
    config = read_config(changed(*NPZ, ("samples.test", {"dataset": "digits"})))
    assert config.samples.test == {"dataset": "digits", "path": None, "split": "test", "options": {}}


@pytest.mark.parametrize(
    "key, changes, sentence",
    [
        ("test", {"dataset": "cifar100"}, 'samples.test.dataset = "cifar100" is none of digits, ..., webdataset'),
        ("test", {"dataset": None}, "samples.test.dataset = null is no value; give one (...)"),
        (
            "test",
            {"pth": "data"},
            "samples.test.pth is not a known key; did you mean path? known are dataset, path, ...",
        ),
        ("test", {"path": 3}, "samples.test.path = 3 is no path; write a file, a folder, a glob or a list of them"),
        ("test", {"path": None}, "samples.test.path is missing; torchvision needs the path of its images"),
        (
            "test",
            {"split": "val"},
            'samples.test.split = "val" is none of train, test, the sets that torchvision has; ...',
        ),
        ("validation", {}, 'samples.validation.split = "validation" is none of train, test, the sets that ...'),
        ("test", {"options": {}}, "samples.test.options.name is missing (as torchvision calls it); give one of ..."),
        (
            "test",
            {"options": {"nam": "CIFAR100", "name": "CIFAR10"}},
            "samples.test.options.nam is not a known key; ...",
        ),
        ("test", {"options": 3}, "samples.test.options = 3 is no mapping of keys to values (...)"),
        (
            "test",
            {"dataset": "digits", "options": {}},
            'samples.test.path = ["data"] is a path, but digits reads none; ...',
        ),
        (
            "test",
            {"dataset": "npz", "split": "train", "options": {}},
            'samples.test.split = "train" chooses nothing: npz reads all that it finds; leave it out',
        ),
    ],
)
def test_a_fault_of_a_test_set_of_another_kind_is_one_sentence(key, changes, sentence):
    (fault,) = faults_of(changed(*NPZ, (f"samples.{key}", {**CIFAR100, **changes})))
    assert_says(fault, sentence)


def test_faults_of_a_test_set_of_another_kind_are_reported_at_once():
    held_out = {"path": [], "split": 1, "options": {"column": 1}, "dataset": "npz"}
    faults = faults_of(changed(*NPZ, ("samples.test", held_out), ("samples.validation", {}), ("samples.fit", "pad")))
    assert {fault.split()[1] for fault in faults} == {
        "samples.test.path",
        "samples.test.split",
        "samples.test.options.column",
        "samples.validation.dataset",
        "samples.fit",
    }


def test_the_path_of_a_test_set_of_another_kind_is_checked_and_watched(tmp_path):
    (tmp_path / "1m.npz").write_text("")
    (tmp_path / "real").mkdir()
    train = (NPZ[0], ("samples.train", f"{tmp_path}/1m.npz"))
    config = read_config(changed(*train, ("samples.test", {**CIFAR100, "path": f"{tmp_path}/real"})))
    start.check_paths(config)
    assert start.input_paths(config) == [f"{tmp_path}/1m.npz"]
    config = read_config(changed(*train, ("samples.test", {**CIFAR100, "path": f"{tmp_path}/downloaded"})))
    start.check_paths(config)
    config = read_config(changed(*train, ("samples.test", {"dataset": "idx", "path": f"{tmp_path}/none"})))
    with pytest.raises(InputFault) as fault:
        start.check_paths(config)
    assert str(fault.value) == (
        f"samples.test.path: {tmp_path}/none does not exist; give an existing file, folder or glob"
    )


def test_a_mapping_replaces_the_default_s_fraction_on_the_command_line_too(tmp_path):
    config = load(
        tmp_path, None, {"samples": {"test": {**CIFAR100, "options": {"name": "CIFAR100", "download": "no"}}}}
    )
    assert config.samples.test["options"] == {"name": "CIFAR100", "download": False}
