"""What every method of every kind must hold, run over all names: a new file is tested by being there."""

import ast
import copy
import inspect
import itertools
import pickle
from importlib.util import find_spec
from typing import Literal, get_args, get_origin
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

from formats import SMALL, in_a_fork
from pruning_workflow.config import STEP_UP_NEEDS
from pruning_workflow.items import CONDITIONS, item_literal, item_names, load_item
from pruning_workflow.results import SHARDED
from pruning_workflow.study import write_html
from score_extrapolation.datasets import Split
from score_extrapolation.evaluation import read_csv, write_csv
from score_extrapolation.exports import export_kept
from score_extrapolation.extrapolators import _forest, extrapolate, infer, join, train
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import DRAWS, KEPT, write_table
from score_extrapolation.models import build_model
from score_extrapolation.neighbors import find_scope
from score_extrapolation.paradigms import make_objective
from score_extrapolation.plugins import (
    KINDS,
    Section,
    load_method,
    method_constant,
    method_names,
    method_options,
    method_path,
)
from score_extrapolation.scores import score_dynamics
from score_extrapolation.selection import select
from score_extrapolation.selection._samples import SampleArrays
from score_extrapolation.training.recipe import Recipe
from score_extrapolation.training_free import score_embeddings
from selecting import METHODS, tables_of
from study_tables import make_scores, make_tables

# Options that have no default, and small values of others.
NEEDED = {
    ("datasets", "torchvision"): {"name": "CIFAR10"},
    ("models", "timm"): {"architecture": "resnet18"},
    ("extrapolators", "gnn"): {"epochs": 3},
    ("extrapolators", "held_out"): {"k": 7},
    ("selection", "ccs"): {"dropped": 0.0},  # else it refuses to keep all
    ("selection", "window"): {"start": 0.0},
}
SCOPES = {"neighbors/subset", "neighbors/label", "neighbors/all"}
OWN = {"embeddings", "subset", "samples", "predictions", "dynamics", *SCOPES}
TABLES = {*OWN, *(f"nested/{name}" for name in OWN), "nested/scores"}  # that an extrapolator may read

ALL = [(kind, name) for kind in KINDS for name in method_names(kind)]
every_method = pytest.mark.parametrize("kind, name", ALL, ids=[f"{kind}-{name}" for kind, name in ALL])
every_method_with_options = pytest.mark.parametrize(
    "kind, name", [(kind, name) for kind, name in ALL if kind != "records"], ids=lambda value: value
)


def every(kind):
    return pytest.mark.parametrize("name", method_names(kind))


def options_of(kind, name, **changes):
    return method_options(kind, name)(**NEEDED.get((kind, name), {}), **changes)


# All kinds


@every_method
def test_a_method_s_module_imports_and_says_what_it_is(kind, name):
    module = load_method(kind, name)
    assert module.__doc__
    assert name.isidentifier()
    assert name == name.lower()


@every_method_with_options
def test_options_have_a_docstring_and_valid_defaults(kind, name):
    options = method_options(kind, name)
    assert issubclass(options, Section)
    assert options.__doc__
    filled = options_of(kind, name)
    assert options(**filled.model_dump()) == filled
    assert load_method(kind, name).Options(**filled.model_dump()).model_dump() == filled.model_dump()


@every_method_with_options
def test_every_option_is_described(kind, name):
    for option, field in method_options(kind, name).model_fields.items():
        assert field.description, option


@every_method_with_options
def test_an_unknown_option_is_refused(kind, name):
    with pytest.raises(ValueError, match="frobnicate"):
        options_of(kind, name, frobnicate=1)


@every_method
def test_functions_and_classes_that_others_call_have_docstrings(kind, name):
    for node in ast.parse(method_path(kind, name).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


# Data sets


@every("datasets")
def test_a_data_set_says_its_splits_and_whether_it_needs_a_path(name):
    splits = method_constant("datasets", name, "SPLITS")
    assert "train" in splits
    assert set(splits) <= {"train", "test", "validation"}
    assert method_constant("datasets", name, "NEEDS_PATH") in (True, False)
    assert splits == load_method("datasets", name).SPLITS


@every("datasets")
def test_a_data_set_without_path_reads_its_splits_and_others_refuse_what_is_not_there(name, tmp_path):
    reader = load_method("datasets", name)
    changes = {"download": False} if "download" in reader.Options.model_fields else {}
    options = options_of("datasets", name, **changes)
    if reader.NEEDS_PATH:
        with pytest.raises(InputFault, match=r"samples\.train: .*nothing"):
            reader.read_split("train", [str(tmp_path / "nothing")], options)
        return
    for split_name in reader.SPLITS:
        split, again = (reader.read_split(split_name, [], options) for _ in range(2))
        assert isinstance(split, Split)
        assert len(split.labels) == len(split.sources) == len(set(split.sources)) > 1
        np.testing.assert_array_equal(split.labels, again.labels)
        images = split.read(1, 4)
        assert len(images) == 3
        for image in images:
            assert not isinstance(image, np.ndarray) or (image.dtype == np.uint8 and image.ndim in (2, 3))
        np.testing.assert_array_equal(images[1], split.read(2, 3)[0])


@every("datasets")
def test_a_data_set_of_files_is_read_alike_by_whoever_reads_it(name, tmp_path):
    reader = load_method("datasets", name)
    if not reader.NEEDS_PATH or name == "torchvision":  # which has a test of its own, for its checksums
        return
    assert name in SMALL, f"give SMALL in tests/formats.py a function that writes a small data set for {name}"
    paths = [str(path) for path in SMALL[name](tmp_path / "set")]
    split, again = (reader.read_split("train", paths, options_of("datasets", name)) for _ in range(2))
    n = len(split.sources)
    assert len(split.labels) == n == len(set(split.sources)) > 2
    assert list(split.sources) == list(again.sources)
    assert list(split.sources[1:]) == [split.sources[row] for row in range(1, n)]
    assert split.sources[-1] == split.sources[n - 1]
    assert list(split.sources[::-2]) == list(split.sources)[::-2]
    np.testing.assert_array_equal(split.labels, again.labels)
    images = [bytes_of(image) for image in split.read(0, n)]
    assert len(set(images)) == n
    for start, stop in itertools.combinations(range(n + 1), 2):
        assert [bytes_of(image) for image in split.read(start, stop)] == images[start:stop]
    # Forked in the middle of reading: a file that both had open would have one place for both.
    assert in_a_fork(lambda: [bytes_of(image) for image in split.read(1, n)]) == images[1:]
    assert [bytes_of(image) for image in split.read(2, n)] == images[2:]
    if hasattr(reader, "read_unlabelled"):
        unlabelled = reader.read_unlabelled("train", paths, options_of("datasets", name))
        assert unlabelled.labels is None
        assert unlabelled.class_names is None
        assert list(unlabelled.sources) == list(split.sources)
        assert [bytes_of(image) for image in unlabelled.read(0, n)] == images


def bytes_of(image):
    return (
        image.tobytes() if isinstance(image, np.ndarray) else image if isinstance(image, bytes) else image.read_bytes()
    )


# Models


@every("models")
@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3)])
def test_a_trunk_embeds_in_the_width_that_it_says(name, shape):
    trunk, width = load_method("models", name).build_trunk(options_of("models", name), shape)
    with torch.no_grad():
        embeddings = trunk.eval()(torch.rand(2, shape[2], *shape[:2]))
    assert embeddings.shape == (2, width)
    assert embeddings.dtype == torch.float32
    assert torch.isfinite(embeddings).all()


# Paradigms


def recipe_of(paradigm, **changes):
    adam = {"name": "adam", "learning_rate": 0.01}
    return Recipe(
        model={"name": "convnet", "width": 2}, paradigm=paradigm, epochs=1, batch_size=8, optimizer=adam, **changes
    )


OBJECTIVES = [name for name in method_names("paradigms") if not method_constant("paradigms", name, "ENGINE")]
every_objective = pytest.mark.parametrize("name", OBJECTIVES)


def step_of(name, **changes):
    """The objective of a small network in training, the network, and a batch."""
    torch.manual_seed(0)
    chosen = recipe_of({"name": name, **options_of("paradigms", name).model_dump()}, **changes)
    network = build_model(chosen.model, (6, 6, 1), 3, [0.5], [0.25]).train()
    inputs, labels = torch.randint(0, 256, (8, 6, 6, 1), dtype=torch.uint8), torch.randint(0, 3, (8,))
    return make_objective(chosen.paradigm, chosen, network), network, inputs, labels


def loss_of(objective, network, inputs, labels):
    return objective.loss(lambda images, alone=False: network(images), inputs, labels)


@every("paradigms")
def test_a_paradigm_has_an_objective_or_says_what_else_trains_it(name):
    engine = method_constant("paradigms", name, "ENGINE")
    assert hasattr(load_method("paradigms", name), "Objective") == (engine is None)


@every_objective
def test_an_objective_returns_a_loss_that_reaches_every_weight_logits_and_how_many_are_right(name):
    objective, network, inputs, labels = step_of(name)
    given = inputs.clone(), labels.clone()
    loss, logits, n_right = loss_of(objective, network, inputs, labels)
    assert objective.passes in (1, 2)
    assert isinstance(objective.report(), str)
    assert loss.shape == ()
    assert (logits.shape, logits.dtype, logits.requires_grad) == ((8, 3), torch.float32, False)
    assert n_right.item() == (logits.argmax(1) == labels).sum().item()
    assert all(parameter.grad is None for parameter in network.parameters())
    loss.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())
    assert all(parameter.grad.any() for parameter in network.head.parameters())
    assert network.training
    assert torch.equal(inputs, given[0])
    assert torch.equal(labels, given[1])


@every_objective
def test_the_logits_that_an_objective_returns_are_those_of_the_images_as_they_are(name):
    objective, network, inputs, labels = step_of(name)
    expected = network(inputs).detach()
    torch.testing.assert_close(loss_of(objective, network, inputs, labels)[1], expected)


@every_objective
def test_the_same_state_of_torch_s_generator_gives_the_same_loss(name):
    objective, network, inputs, labels = step_of(name)
    state, network_state = torch.get_rng_state(), copy.deepcopy(network.state_dict())
    once = loss_of(objective, network, inputs, labels)
    torch.set_rng_state(state)
    network.load_state_dict(network_state)
    for value, again in zip(once, loss_of(objective, network, inputs, labels), strict=True):
        assert torch.equal(value, again)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_supervised_loss_is_torch_s_cross_entropy(smoothing):
    objective, network, inputs, labels = step_of("supervised", label_smoothing=smoothing)
    expected = torch.nn.CrossEntropyLoss(reduction="sum", label_smoothing=smoothing)(network(inputs), labels)
    assert torch.equal(loss_of(objective, network, inputs, labels)[0], expected)


# Records


def log_softmax_and_labels(n=6, n_classes=4):
    """Log-softmax of this epoch and of the one before, and labels."""
    generator = torch.Generator().manual_seed(0)
    now, previous = torch.randn(2, n, n_classes, generator=generator).log_softmax(2)
    return now, torch.randint(0, n_classes, (n,), generator=generator), previous


def observe(name, log_probabilities, labels, previous):
    compares = [previous] if method_constant("records", name, "PREVIOUS") else []
    return load_method("records", name).observe(log_probabilities, labels, *compares)


@every("records")
def test_a_record_says_whether_it_compares_with_the_epoch_before(name):
    assert method_constant("records", name, "PREVIOUS") in (True, None)
    parameters = list(inspect.signature(load_method("records", name).observe).parameters)
    compares = ["previous"] if method_constant("records", name, "PREVIOUS") else []
    assert parameters == ["log_probabilities", "labels", *compares]


@every("records")
def test_a_record_is_one_finite_number_a_sample_whatever_the_batch(name):
    log_probabilities, labels, previous = log_softmax_and_labels()
    values = observe(name, log_probabilities, labels, previous)
    assert values.shape == (6,)
    assert torch.isfinite(values).all()
    assert values.unique().numel() > 1
    rows = [slice(i, i + 1) for i in range(6)]
    one_by_one = torch.cat([observe(name, log_probabilities[i], labels[i], previous[i]) for i in rows])
    torch.testing.assert_close(one_by_one, values)


@every("records")
def test_a_record_of_float64_is_float64_and_near_that_of_float32(name):
    log_probabilities, labels, previous = log_softmax_and_labels()
    values = observe(name, log_probabilities, labels, previous)
    exact = observe(name, log_probabilities.double(), labels, previous.double())
    assert (values.dtype, exact.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(values, exact.float(), atol=1e-6, rtol=1e-6)


@every("records")
def test_a_record_leaves_what_it_is_given(name):
    given = log_softmax_and_labels()
    observe(name, *given)
    for tensor, again in zip(given, log_softmax_and_labels(), strict=True):
        assert torch.equal(tensor, again)


@every("records")
def test_a_record_does_not_depend_on_the_numbers_of_the_classes(name):
    log_probabilities, labels, previous = log_softmax_and_labels()
    order = torch.tensor([2, 0, 3, 1])
    renamed = observe(name, log_probabilities[:, order], order.argsort()[labels], previous[:, order])
    torch.testing.assert_close(renamed, observe(name, log_probabilities, labels, previous))


# Scores


def record_values(name, n_epochs, n=9):
    """What a score may be given: any numbers, and none in the first epoch of a record that compares with the last."""
    values = np.random.default_rng(0).normal(size=(n_epochs, n)).astype(np.float32)
    if method_constant("records", method_constant("scores", name, "RECORD"), "PREVIOUS"):
        values[:1] = np.nan
    return values


def accumulate(name, epochs):
    accumulator = load_method("scores", name).Accumulator(options_of("scores", name), epochs.shape[1])
    for values in epochs:
        accumulator.update(values)
    return accumulator.finish()


@every("scores")
def test_a_score_names_a_record_that_exists(name):
    assert method_constant("scores", name, "RECORD") in method_names("records")


@every("scores")
def test_a_score_is_computed_from_the_epochs_that_it_needs_and_not_from_fewer(name):
    needed = options_of("scores", name).needed_epochs()
    assert needed >= 1
    for n_epochs in (needed, needed + 5):
        scores = accumulate(name, record_values(name, n_epochs))
        assert scores.shape == (9,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
    probabilities = np.full((needed - 1, 9, 2), 0.5)
    with pytest.raises(InputFault, match=rf"{name}: needs at least {needed} epochs, found {needed - 1}$"):
        score_dynamics(name, probabilities, np.zeros(9, int))


@every("scores")
def test_a_score_does_not_depend_on_the_other_samples(name):
    values = record_values(name, options_of("scores", name).needed_epochs() + 3)
    scores = accumulate(name, values)
    assert len(set(scores.tolist())) > 1
    order = np.random.default_rng(1).permutation(9)
    np.testing.assert_array_equal(accumulate(name, values[:, order]), scores[order])
    for rows in (slice(0, 1), slice(4, 9), slice(None, None, 2)):
        # numpy adds up a single column in another order.
        np.testing.assert_allclose(accumulate(name, values[:, rows]), scores[rows], rtol=1e-14)


@every("scores")
def test_a_score_leaves_the_values_that_it_is_given_and_keeps_none_of_them(name):
    values = record_values(name, options_of("scores", name).needed_epochs() + 3)
    accumulator = load_method("scores", name).Accumulator(options_of("scores", name), 9)
    buffer = np.empty(9, np.float32)
    for epoch in values:
        buffer[:] = epoch
        accumulator.update(buffer)
        np.testing.assert_array_equal(buffer, epoch)
        buffer[:] = np.nan  # the caller may use its array again
    np.testing.assert_array_equal(accumulator.finish(), accumulate(name, values))


@every("scores")
def test_finishing_changes_nothing(name):
    values = record_values(name, options_of("scores", name).needed_epochs() + 3)
    accumulator = load_method("scores", name).Accumulator(options_of("scores", name), 9)
    for epoch in values[:-1]:
        accumulator.update(epoch)
    np.testing.assert_array_equal(accumulator.finish(), accumulator.finish())
    accumulator.update(values[-1])
    np.testing.assert_array_equal(accumulator.finish(), accumulate(name, values))


@every("scores")
def test_a_score_is_computed_in_float64_of_what_was_recorded_in_float32(name):
    # In float32 a mean of thousands is off by 1e-4, which is as much as these differ by.
    values = 4096 + record_values(name, options_of("scores", name).needed_epochs() + 3) / 1024
    exact = accumulate(name, values.astype(np.float64))
    np.testing.assert_allclose(accumulate(name, values), exact, rtol=1e-12)


@every("scores")
def test_nothing_of_an_accumulator_grows_with_the_epochs(name):
    options = load_method("scores", name).Options()
    accumulator, sizes = load_method("scores", name).Accumulator(options, 9), []
    for epoch in record_values(name, options.needed_epochs() + 40):
        accumulator.update(epoch)
        sizes.append(len(pickle.dumps(accumulator)))
    assert len(set(sizes)) == 1
    # Float32 values of the epochs that it needs and a float64 sum, or one float64 number and two bits.
    n_bytes = sum(value.nbytes for value in vars(accumulator).values() if isinstance(value, np.ndarray))
    assert n_bytes <= 9 * max(4 * options.needed_epochs() + 8, 8 + 2)


@every("scores")
def test_a_score_of_stored_history_runs_with_its_defaults(name):
    n_epochs = options_of("scores", name).needed_epochs()
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), size=(n_epochs, 5))
    scores = score_dynamics(name, probabilities, rng.integers(0, 3, 5))
    assert scores.shape == (5,)
    assert np.isfinite(scores).all()


@every("scores")
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 12), n_classes=st.integers(2, 6), n_more=st.integers(0, 9))
def test_a_stored_sample_has_its_score_whatever_its_place_its_neighbours_and_its_class_s_number(
    name, seed, n, n_classes, n_more
):
    rng = np.random.default_rng(seed)
    n_epochs = options_of("scores", name).needed_epochs() + n_more
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), size=(n_epochs, n))
    labels = rng.integers(0, n_classes, n)
    scores = score_dynamics(name, probabilities, labels)
    some, classes = rng.permutation(n)[: rng.integers(1, n + 1)], rng.permutation(n_classes)
    moved = score_dynamics(name, probabilities[:, some][:, :, classes], np.argsort(classes)[labels[some]])
    # The classes are summed in another order.
    np.testing.assert_allclose(moved, scores[some], rtol=1e-12, atol=1e-13)


# Training-free scores


def score_by_embeddings(name, embeddings, seed=0, n_classes=3):
    small = {"draws": 3000, "penalized": 9}
    options = {key: value for key, value in small.items() if key in method_options("training_free", name).model_fields}
    return score_embeddings({"name": name, **options}, embeddings, n_classes, seed)


def embeddings_of(n=60, width=5):
    return np.random.default_rng(0).normal(size=(n, width)).astype(np.float32)


@every("training_free")
def test_a_training_free_score_is_one_finite_number_a_sample_in_float64(name):
    embeddings = embeddings_of()
    given = embeddings.copy()
    scores = load_method("training_free", name).score(options_of("training_free", name), embeddings[:9], 3, 0)
    assert scores.shape == (9,)
    assert scores.dtype == np.float64
    stored = score_by_embeddings(name, embeddings)
    assert stored.shape == (60,)
    assert stored.dtype == np.float32
    assert np.isfinite(stored).all()
    assert np.unique(stored).size > 1
    np.testing.assert_array_equal(embeddings, given)


@every("training_free")
def test_a_training_free_score_is_the_same_with_the_same_seed_whatever_the_threads(name, monkeypatch):
    embeddings = embeddings_of(2000, 16)
    scores = score_by_embeddings(name, embeddings, seed=4)
    for threads in (1, 2):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        with threadpool_limits(threads):
            np.testing.assert_array_equal(score_by_embeddings(name, embeddings, seed=4), scores)


@every("training_free")
@pytest.mark.parametrize(
    "embeddings",
    [
        embeddings_of(1),
        embeddings_of(2),
        embeddings_of(60, 1),
        np.ones((20, 3), np.float32),
        np.zeros((20, 3), np.float32),
        embeddings_of() * [1, 0, 1, 1, 0],
        np.repeat(embeddings_of(10), 6, axis=0),
    ],
    ids=["one", "two", "one dimension", "all equal", "all zero", "constant dimensions", "duplicates"],
)
@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_a_training_free_score_of_embeddings_that_say_little_is_finite(name, embeddings):
    scores = score_by_embeddings(name, embeddings)
    assert scores.shape == (len(embeddings),)
    assert np.isfinite(scores).all()


@every("training_free")
def test_a_training_free_score_sees_neither_a_common_scale_nor_the_float_type(name):
    embeddings = embeddings_of().astype(np.float16)
    scores = score_by_embeddings(name, embeddings)
    for other in (
        embeddings.astype(np.float32),
        embeddings.astype(np.float64),
        np.ldexp(embeddings.astype(float), 500),
    ):
        np.testing.assert_array_equal(score_by_embeddings(name, other), scores)


# Extrapolators


@pytest.fixture
def few_trees(monkeypatch):
    """Grow forests of 30 trees, which take a tenth of the time."""
    monkeypatch.setattr(_forest, "TREES", 30)


def tables_and_scores(n=50, m=36, nested_m=22, k=20):
    """Return ids, subset ids, the subset's scores, and every table that there is: nested ones are of the subset."""
    rng = np.random.default_rng(0)
    ids = np.sort(rng.permutation(1000)[:n])
    samples = {"sample_id": ids, "label": rng.integers(0, 3, n), "source": np.array([str(i) for i in ids], object)}
    subset_rows = np.sort(rng.permutation(n)[:m])
    tables = task_tables(rng, samples, subset_rows, k)
    nested_rows = np.sort(rng.permutation(m)[:nested_m])
    nested = task_tables(rng, tables["subset"], nested_rows, k)
    nested["scores"] = {"sample_id": nested["subset"]["sample_id"], "score": rng.random(nested_m).astype(np.float32)}
    tables |= {f"nested/{name}": table for name, table in nested.items()}
    return ids, ids[subset_rows], rng.random(m).astype(np.float32), tables


def task_tables(rng, samples, subset_rows, k, n_epochs=5, n_networks=3):
    """Return the tables of a task by their names, but for the scores: of the samples, and of those trained on."""
    ids = samples["sample_id"]
    embeddings = {"sample_id": ids, "embedding": rng.normal(size=(len(ids), 6)).astype(np.float32)}
    residual_ids = np.delete(ids, subset_rows)
    return {
        "embeddings": embeddings,
        "samples": samples,
        "subset": {name: samples[name][subset_rows] for name in ("sample_id", "label")},
        "predictions": {
            "sample_id": residual_ids,
            "probability": rng.random((len(residual_ids), n_networks)).astype(np.float32),
            "entropy": rng.random((len(residual_ids), n_networks)).astype(np.float32),
        },
        "dynamics": {
            "epoch": np.repeat(np.arange(n_epochs, dtype=np.int32), len(subset_rows)),
            "sample_id": np.tile(ids[subset_rows], n_epochs),
            "probability": rng.random(n_epochs * len(subset_rows)).astype(np.float32),
        },
        **{scope: find_scope(scope.split("/")[1], embeddings, ids[subset_rows], k, samples)[0] for scope in SCOPES},
    }


def switched(name):
    """Return an extrapolator's options as they are by default, and with each switch and each choice changed."""
    defaults = options_of("extrapolators", name)
    yield defaults
    for option, field in method_options("extrapolators", name).model_fields.items():
        choices = {bool: (False, True)}.get(field.annotation, ())
        if get_origin(field.annotation) is Literal:
            choices = get_args(field.annotation)
        # DGL has no wheels for newer Pythons.
        absent = {"cuda"} if not torch.cuda.is_available() else set()
        absent |= {"dgl"} if find_spec("dgl") is None else set()
        for other in set(choices) - {getattr(defaults, option)} - absent:
            yield options_of("extrapolators", name, **{option: other})


@every("extrapolators")
def test_an_extrapolator_names_the_tables_that_it_reads_whatever_its_options(name):
    for options in switched(name):
        needs = options.needs()
        assert isinstance(needs, tuple)
        assert set(needs) <= TABLES
        # The time of a stage is one job's; and neighbours are searched for as many as there are k: of either task.
        for scopes in (SCOPES, {f"nested/{scope}" for scope in SCOPES}):
            assert len(scopes & set(needs)) <= ("k" in type(options).model_fields)


@pytest.mark.parametrize("step_up", [False, True])
@every("extrapolators")
def test_an_extrapolator_scores_the_residual_set_and_leaves_the_subset_or_steps_it_up(name, step_up, few_trees):
    for options in switched(name):
        check_extrapolator(name, options, step_up)


def check_extrapolator(name, options, step_up):
    ids, subset_ids, scores, tables = tables_and_scores()
    needed = {table: tables[table] for table in [*options.needs(), *(STEP_UP_NEEDS if step_up else ())]}
    chosen = {"name": name, "step_up": step_up, **options.model_dump()}
    columns, again = (extrapolate(chosen, subset_ids, scores, needed) for _ in range(2))
    order = np.argsort(columns["sample_id"])
    np.testing.assert_array_equal(columns["sample_id"][order], ids)
    np.testing.assert_array_equal(columns["computed"][order], np.isin(ids, subset_ids))
    of_subset = columns["score"][order][np.isin(ids, subset_ids)]
    if step_up:
        assert (of_subset != scores).mean() > 0.5
        assert of_subset.min() >= scores.min()
        assert of_subset.max() <= scores.max()
        assert np.unique(of_subset).size > 1
    else:
        np.testing.assert_array_equal(of_subset, scores)
    assert np.isfinite(columns["score"]).all()
    assert np.isnan(columns["spread"][columns["computed"]]).all()
    residual_spread = columns["spread"][~columns["computed"]]
    assert (np.isnan(residual_spread) | (residual_spread >= 0)).all()
    draws = columns["draws"]
    assert draws.shape == (len(ids), DRAWS)
    assert draws.dtype == np.float32
    assert np.isfinite(draws).all()
    # Of the residual set, and of a subset that is stepped up, different ones; of computed scores, the score.
    uncertain = (draws != draws[:, :1]).any(axis=1)
    assert uncertain[~columns["computed"]].mean() > 0.5
    if step_up:
        assert uncertain[columns["computed"]].mean() > 0.5
    else:
        np.testing.assert_array_equal(draws[columns["computed"]], np.repeat(scores[:, None], DRAWS, axis=1))
    for name in ("score", "draws"):
        np.testing.assert_array_equal(again[name], columns[name])


@pytest.mark.parametrize("step_up", [False, True])
@every("extrapolators")
def test_an_extrapolator_draws_other_scores_with_another_seed(name, step_up, few_trees):
    _, subset_ids, scores, tables = tables_and_scores()
    options = options_of("extrapolators", name)
    needed = {table: tables[table] for table in [*options.needs(), *(STEP_UP_NEEDS if step_up else ())]}
    chosen = {"name": name, "step_up": step_up, **options.model_dump()}
    draws, others = (extrapolate(chosen, subset_ids, scores, needed, seed)["draws"] for seed in (0, 1))
    assert not np.array_equal(draws, others)


@every("extrapolators")
def test_an_extrapolator_says_how_it_is_split(name):
    split = method_constant("extrapolators", name, "SHARDS")
    assert split in ("samples", "layers", None)
    assert (method_constant("extrapolators", name, "LAYERS") is not None) == (split == "layers")
    if split == "layers":
        module = load_method("extrapolators", name)
        assert all(callable(getattr(module, function)) for function in ("train", "join", "infer"))


@pytest.mark.parametrize("step_up", [False, True])
@pytest.mark.parametrize("cuts", [(0, 50), (0, 0, 17, 18, 18, 40, 50)], ids=["one shard", "some of them empty"])
@every("extrapolators")
def test_an_extrapolator_scores_shards_as_it_scores_all(name, cuts, step_up, few_trees):
    split = method_constant("extrapolators", name, "SHARDS")
    if split is None:
        return  # one job that is given everything
    ids, subset_ids, scores, tables = tables_and_scores()
    shards = [slice(start, stop) for start, stop in itertools.pairwise(cuts)]
    for options in switched(name):
        needed = {table: tables[table] for table in [*options.needs(), *(STEP_UP_NEEDS if step_up else ())]}
        given = {"name": name, "step_up": step_up, **options.model_dump()}, subset_ids, scores, needed
        whole, parts = extrapolate(*given), {"samples": by_samples, "layers": by_layers}[split](given, tables, shards)
        whole, parts = (in_order_of_ids(columns) for columns in (whole, parts))
        np.testing.assert_array_equal(parts["sample_id"], ids)
        np.testing.assert_array_equal(parts["computed"], whole["computed"])
        np.testing.assert_array_equal(parts["spread"], whole["spread"])
        for column in ("score", "draws"):
            if split == "samples":
                np.testing.assert_array_equal(parts[column], whole[column])
            else:
                np.testing.assert_allclose(parts[column], whole[column], rtol=0, atol=1e-6 * scores.std())


def in_order_of_ids(columns):
    order = np.argsort(columns["sample_id"], kind="stable")
    return {name: column[order] for name, column in columns.items()}


def joined(tables):
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def by_samples(given, tables, shards):
    """Extrapolate to each shard, given its rows of the tables that are split, and put the columns together."""
    *chosen, needed = given
    columns = []
    for rows in shards:
        ids = tables["samples"]["sample_id"][rows]
        own = {
            name: {key: column[np.isin(table["sample_id"], ids)] for key, column in table.items()}
            for name, table in needed.items()
            if name.split("/")[0] in SHARDED
        }
        columns.append(extrapolate(*chosen, needed | own, shard_ids=ids))
    return joined(columns)


def by_layers(given, tables, shards):
    """Train once, join the samples of each shard, and compute layer after layer of all shards."""
    (chosen, *_, needed), samples = given, tables["samples"]
    (neighbors,) = (table for name, table in needed.items() if name in SCOPES)
    blocks = [{key: column[rows] for key, column in neighbors.items()} for rows in shards]
    graphs = [join(chosen, iter(blocks), samples["sample_id"], rows) for rows in shards]
    state, degrees = train(*given), np.concatenate([graph["degrees"] for graph in graphs])
    before = needed["embeddings"]["embedding"]
    for layer in range(1, method_constant("extrapolators", chosen["name"], "LAYERS") + 1):
        columns = joined(
            [
                infer(chosen, layer, state, graph, degrees, samples, rows, before.__getitem__)
                for graph, rows in zip(graphs, shards, strict=True)
            ]
        )
        before = columns.get("hidden")
    return columns


# Selection


@every("selection")
def test_a_selection_says_whether_it_reads_scores_and_which(name):
    scored, option, redrawn, tried = (
        method_constant("selection", name, of) for of in ("SCORED", "DOUBT_OPTION", "REDRAWN", "TRIED")
    )
    assert scored in (True, False)
    assert redrawn in (True, None) and tried in (True, None)
    if option:
        assert scored
        assert getattr(options_of("selection", name), option) in (None, *method_names("scores"))
        assert getattr(options_of("selection", name, **{option: "aum"}), option) == "aum"
    needs = tables_of(name, 3)
    assert not needs or scored
    assert set(needs) <= {"embeddings", "neighbors/all", "subset", "samples"}
    if redrawn:
        assert not scored
        assert not hasattr(load_method("selection", name), "keep")
        with pytest.raises(InputFault, match=f"{name} keeps no list"):
            select(np.arange(40.0), 0.5, name)
    if tried:
        assert scored and {"candidates", "repeats"} <= method_options("selection", name).model_fields.keys()
        assert not hasattr(load_method("selection", name), "keep")
        with pytest.raises(InputFault, match=f"{name} needs trainings"):
            select(np.arange(40.0), 0.5, name)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n_kept", [1, 7, 40])
def test_a_selection_keeps_that_many_samples_each_once(name, n_kept):
    rng = np.random.default_rng(0)
    scores, labels = rng.random(40), rng.integers(0, 3, 40)
    given = scores.copy()
    samples = SampleArrays(scores, labels, rng.random(40), tables=tables_of(name, 40))
    kept = load_method("selection", name).keep(options_of("selection", name), n_kept, samples, 0)
    rows = kept if isinstance(kept, np.ndarray) else np.flatnonzero(np.concatenate(list(kept)))
    assert len(rows) == len(set(rows.tolist())) == n_kept
    assert set(rows.tolist()) <= set(range(40))
    np.testing.assert_array_equal(scores, given)


@pytest.mark.parametrize("name", METHODS)
def test_a_selection_that_reads_no_scores_does_not_depend_on_them(name):
    labels, doubts = np.random.default_rng(0).integers(0, 3, 40), np.full(40, 0.5)
    both, tables = (np.arange(40.0), -np.arange(40.0)), tables_of(name, 40)
    kept = [select(scores, 0.5, name, labels, doubts=doubts, tables=tables).tolist() for scores in both]
    assert (kept[0] == kept[1]) == (not method_constant("selection", name, "SCORED"))


# Formats of kept lists


@every("exports")
def test_a_format_says_what_it_writes_and_whether_it_reads_the_data_set_again(name):
    suffix = method_constant("exports", name, "SUFFIX")
    assert suffix == "" or suffix.startswith(".")
    assert method_constant("exports", name, "REREADS") in (True, None)


@every("exports")
def test_a_format_writes_one_file_or_folder_and_the_same_bytes_each_time(name, tmp_path):
    """Of arrays; only what says so is given how to read them."""
    reads, suffix = method_constant("exports", name, "REREADS"), method_constant("exports", name, "SUFFIX")
    options = {"how": "copy"} if name == "links" else {}
    digits = {"dataset": "digits", "train": [], "options": {}, "pool": None}
    ids = np.array([0, 3, 4, 9])
    columns = {"sample_id": ids, "label": ids % 2, "source": [f"digits#{row}" for row in ids], "score": ids / 7}
    write_table(tmp_path / "kept.parquet", KEPT, {}, **columns)
    written = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        path = folder / f"kept{suffix}"
        export_kept(
            tmp_path / "kept.parquet", path, {"name": name, **options}, ["even", "odd"], digits if reads else None
        )
        assert [entry.name for entry in folder.iterdir()] == [path.name]
        assert path.is_file() == bool(suffix)
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        written.append([(file.relative_to(folder), file.read_bytes()) for file in files if file.is_file()])
    assert written[0] == written[1] != []


# Samplers of the subset


@every("subset")
@pytest.mark.parametrize("n, m", [(60, 2), (60, 3), (60, 59), (4, 2), (4, 3)])
def test_a_sampler_draws_so_many_rows_each_once_and_fewer_among_more(name, n, m):
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 4, n), rng.integers(0, 5, n).astype(np.float64)
    labels = np.unique(labels, return_inverse=True)[1]
    given = labels.copy(), scores.copy()
    draw = load_method("subset", name).draw
    rows, again, more = draw(n, m, 0, labels, scores), draw(n, m, 0, labels, scores), draw(n, m + 1, 0, labels, scores)
    np.testing.assert_array_equal(rows, again)
    assert rows.dtype.kind == "i"
    assert len(rows) == len(set(rows.tolist())) == m
    assert set(rows.tolist()) < set(more.tolist()) <= set(range(n))
    for values, before in zip((labels, scores), given, strict=True):
        np.testing.assert_array_equal(values, before)


@every("subset")
def test_a_sampler_that_names_a_score_goes_by_it_and_another_by_none(name):
    score, labels = method_constant("subset", name, "SCORE"), np.zeros(40, np.int64)
    draw = load_method("subset", name).draw
    drawn = [set(draw(40, 8, 0, labels, scores).tolist()) for scores in (np.arange(40.0), -np.arange(40.0))]
    assert isinstance(score, str | None)
    assert (drawn[0] == drawn[1]) == (score is None)


# The paper's tables and figures


every_item = pytest.mark.parametrize("name", item_names())


def shown_by(name, tables):
    """Return a table or figure's own tables of all."""
    also = item_literal(name, "ALSO_READS") or ()
    return {table: tables[table] for table in (*item_literal(name, "READS"), *also) if table in tables}


@every_item
def test_a_table_or_figure_says_what_it_is_what_it_reads_and_how_it_is_read(name):
    title, note, chapter = (item_literal(name, constant) for constant in ("TITLE", "NOTE", "CHAPTER"))
    kind, number = name.split("_")
    assert title.startswith(f"{kind.capitalize()} {number}. ")
    assert note.count(". ") + 1 <= 3 and note.endswith(".")
    assert chapter[0] in "12345"
    assert set(item_literal(name, "NEEDS")) <= set(CONDITIONS)
    known = {"scores", *make_tables()}
    assert set(item_literal(name, "READS")) <= known
    assert set(item_literal(name, "ALSO_READS") or ()) <= known
    assert hasattr(load_item(name), "draw" if kind == "figure" else "format_table")


@every_item
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"seeds": 2, "rates": (0.2, 0.9)}, marks=pytest.mark.slow),
        {"scores": ("du",), "fractions": ("2.5",), "seeds": 1, "rates": (0.5,)},
        {
            "scores": ("du",),
            "fractions": ("40",),
            "seeds": 2,
            "rates": (0.5,),
            "steps": True,
            "methods": ("top", "ccs"),
        },
    ],
    ids=["much", "little", "budgets"],
)
def test_a_table_or_figure_is_made_of_what_there_is(name, changes, tmp_path):
    module, tables = load_item(name), {**make_tables(**changes), "scores": make_scores(30)}
    read = {key: through_csv(table, tmp_path) for key, table in shown_by(name, tables).items()}
    table, again = module.tabulate(read), module.tabulate(shown_by(name, tables))
    pd.testing.assert_frame_equal(through_csv(table, tmp_path), through_csv(again, tmp_path))
    assert not [column for column in table if column != column.lower()]
    # As it is drawn from its CSV, so it is from memory.
    files = []
    for i, of_table in enumerate((table, through_csv(table, tmp_path))):
        files.append(tmp_path / f"{i}.svg")
        if name == "figure_5":
            module.draw(of_table, files[-1], tables["scores"], np.zeros((len(table), 8, 8, 3), np.uint8))
        elif name.startswith("figure"):
            module.draw(of_table, files[-1])
        else:
            write_html(module.format_table(of_table), module.TITLE, module.NOTE, files[-1])
    same = files[0].read_bytes() == files[1].read_bytes()
    assert same, "equal tables are drawn as other bytes; draw within report.style.drawing, of what the CSV has"
    ElementTree.fromstring(
        files[0].read_text().replace("<!DOCTYPE html>", "").replace("<br>", "<br/>").replace(' charset="utf-8">', "/>")
    )


@every_item
def test_a_table_or_figure_of_nothing_says_so(name, tmp_path):
    module, tables = load_item(name), {**make_tables(), "scores": make_scores(30)}
    for key in tables.keys() - {"experiment", "retraining"}:
        tables[key] = tables[key].iloc[:0]
    runs = tables["retraining"]
    tables["retraining"] = runs[runs["arm"] == "random"]
    table = module.tabulate(shown_by(name, tables))
    if name.startswith("table"):
        write_html(module.format_table(table), module.TITLE, module.NOTE, tmp_path / "t.html")
        assert "nothing that belongs here" in (tmp_path / "t.html").read_text()
    elif name != "figure_5":
        module.draw(table, tmp_path / "f.svg")
        ElementTree.parse(tmp_path / "f.svg")


@every_item
def test_the_order_of_rows_and_seeds_changes_no_number(name):
    tables = {**make_tables(), "scores": make_scores(200)}
    # Of several, config's order decides: it stays; rows of other seeds move.
    moved = {
        key: t.iloc[::-1].sort_values("seed", kind="stable").iloc[::-1] if "seed" in t else t
        for key, t in tables.items()
    }
    first, second = (load_item(name).tabulate(shown_by(name, given)) for given in (tables, moved))
    keys = [column for column in first if first[column].dtype.kind not in "f" and not column.endswith("best")]
    a, b = (table.sort_values(keys).reset_index(drop=True) for table in (first, second))
    pd.testing.assert_frame_equal(a, b)


def through_csv(table, folder):
    write_csv(folder / "table.csv", table)
    return read_csv(folder / "table.csv")
