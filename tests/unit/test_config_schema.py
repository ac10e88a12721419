"""Descriptions: each key has one, config.yaml's comments hold them, and config/schema.json is written from them."""

import json
import re
import runpy

import jsonschema
import pytest
import yaml
from test_config import CHECKOUT, DEFAULT, OTHERS, changed

from pruning_workflow.config import Config, description_of
from score_extrapolation.plugins import method_names

SCHEMA = json.loads((CHECKOUT / "config/schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
SHORTEST = 6  # letters of a description


def models(model=Config, above=""):
    """Yield (dotted key, model, key) of every key of the config, sections before what is in them."""
    for key, field in model.model_fields.items():
        yield f"{above}{key}", model, key
        if hasattr(field.annotation, "model_fields"):
            yield from models(field.annotation, f"{above}{key}.")


def comments():
    """Return the comment of each key that has a line of its own in config.yaml, by its dotted key."""
    found, path = {}, []
    for line in (CHECKOUT / "config.yaml").read_text().split("\n"):
        key = re.match(r"( *)(\w+):", line)
        if key:
            path = [*path[: len(key[1]) // 2], key[2]]
        if path and (comment := re.search(r"(?:^| )# ?(.*)", line)):
            found.setdefault(".".join(path), []).append(comment[1].strip())
    return {key: " ".join(lines) for key, lines in found.items()}


COMMENTS = comments()
# Retraining shows only what differs from training, where its keys are described; momentum and nesterov are sgd's.
SHOWN = [
    (dotted, model, key)
    for dotted, model, key in models()
    if (dotted.split(".")[0] != "retraining" or key in ("retraining", "budgets", "labels", "pool_share"))
    and key not in ("momentum", "nesterov")
]


@pytest.mark.parametrize("dotted, model, key", list(models()), ids=lambda value: value if "." in str(value) else "")
def test_every_key_is_described_in_a_few_words(dotted, model, key):
    assert SHORTEST <= len(description_of(model, key)) <= 110


@pytest.mark.parametrize("dotted, model, key", SHOWN, ids=lambda value: value if "." in str(value) else "")
def test_a_comment_of_config_yaml_holds_the_description_of_its_key_and_every_choice(dotted, model, key):
    comment = COMMENTS[dotted]
    assert description_of(model, key).lower() in comment.lower()
    choices = re.findall(r"Literal\[(.*?)\]", str(model.model_fields[key].annotation))
    if choices and key not in ("resources",):
        for choice in choices[0].replace("'", "").split(", "):
            assert re.search(rf"\b{choice}\b", comment), choice


def test_the_schema_is_what_make_schema_writes():
    script = runpy.run_path(str(CHECKOUT / "docs/write_schema.py"))
    assert script["FILE"].read_text() == script["written"](), "run make schema"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", [CHECKOUT / "config.yaml", *OTHERS], ids=lambda path: path.stem)
def test_every_config_fits_the_schema_and_tells_editors_where_it_is(path):
    text = path.read_text()
    assert [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))] == []
    (named,) = re.findall(r"\A# yaml-language-server: \$schema=(\S+)\n", text)
    assert (path.parent / named).resolve() == CHECKOUT / "config/schema.json"


@pytest.mark.parametrize(
    "key, value",
    [
        ("scores", list(method_names("scores"))),
        ("extrapolation", ["gnn", {"name": "knn", "k": [5, 10], "step_up": True}, {"name": "knn", "k": 5}]),
        ("selection.methods", [{"name": "auto", "candidates": ["top", {"name": "chance", "floor": 0.5}]}]),
        ("samples.test", "given"),
        ("samples.test", ["a.npz", "b.npz"]),
        ("samples.test", {"dataset": "torchvision", "path": "data", "options": {"name": "CIFAR100"}}),
        ("samples.image_size", [32, 64]),
        ("retraining", None),
        ("retraining", {"optimizer": {"weight_decay": 0.5}, "paradigm": "adversarial"}),
        ("training.variants", {"sgd": {"optimizer": {"name": "sgd", "learning_rate": 0.1}}}),
        ("evaluation.robustness", {"attacks": ["pgd"]}),
        ("resources.training", {"gpu": 1}),
    ],
)
def test_shorthands_fit_the_schema(key, value):
    assert [error.message for error in VALIDATOR.iter_errors(changed((key, value)))] == []


@pytest.mark.parametrize(
    "key, value",
    [
        ("experiment", "a/b"),
        ("seeds", []),
        ("device", "gpu"),
        ("shards", 0),
        ("sample", {}),
        ("samples.dataset", "cifar10"),
        ("samples.test", 20),
        ("samples.test", {"path": "data"}),
        ("samples.options", {"image_column": "img"}),
        ("samples.image_size", [32]),
        ("subset.fractions", [20]),
        ("subset.samplers", ["straified"]),
        ("training.model", "timm_"),
        ("training.model", {"name": "timm"}),
        ("training.model", {"name": "convnet", "widht": 8}),
        ("training.variants", {"SGD": {}}),
        ("training.optimizer.learning_rate", "1e-3"),
        ("scores", [{"name": "du", "window": 1}]),
        ("scores", ["uncertain"]),
        ("extrapolation", [{"name": "knn", "k": [5, 0]}]),
        ("selection.rates", [1]),
        ("selection.methods", [{"name": "auto", "candidates": [{"name": "top", "scores": ["du"]}]}]),
        ("retraining.recording", "eval_pass"),
        ("resources.trainings", {"gpu": 1}),
        ("resources.training", {"gpu": -1}),
    ],
)
def test_what_is_no_config_does_not_fit_the_schema(key, value):
    assert not VALIDATOR.is_valid(changed((key, value)))


def test_the_schema_describes_every_key_with_range_and_default_and_every_option():
    nested = SCHEMA["$defs"]["Subset"]["properties"]["nested"]
    assert (nested["exclusiveMinimum"], nested["exclusiveMaximum"], nested["default"]) == (0, 1, 0.5)

    def undescribed(schema, above=""):
        for key, value in schema.items() if isinstance(schema, dict) else ():
            if key == "properties":
                for name, inner in value.items():
                    if not {"description", "const", "$ref"} & inner.keys():
                        yield f"{above}/{name}"
            yield from undescribed(value, f"{above}/{key}")
        for i, inner in enumerate(schema if isinstance(schema, list) else ()):
            yield from undescribed(inner, f"{above}/{i}")

    assert [path for path in undescribed(SCHEMA) if "/if/" not in path] == []
    assert set(SCHEMA["properties"]) == set(DEFAULT)


def test_other_packages_import_the_config_by_its_one_entrance():
    sources = [*(CHECKOUT / "workflow_scripts").rglob("*.py"), *(CHECKOUT / "rules").glob("*.smk")]
    others = [path for path in sources if "config" not in path.parts[-3:]]
    deeper = re.compile(r"^\s*from (pruning_workflow\.|\.+)config\.\w", re.M)
    assert [path.name for path in others if deeper.search(path.read_text())] == []
