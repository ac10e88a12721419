"""What every method of every kind must hold, run over all names: a new file is tested by being there."""

import ast

import numpy as np
import pytest
import torch

from score_extrapolation.datasets import Split
from score_extrapolation.extrapolators import extrapolate
from score_extrapolation.faults import InputFault
from score_extrapolation.neighbors import find_subset_neighbors
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

# Options that have no default, and small values of others.
NEEDED = {("datasets", "torchvision"): {"name": "CIFAR10"}, ("models", "timm"): {"architecture": "resnet18"}}
STAGES = {"neighbors", "embeddings", "subset", "samples"}  # whose tables an extrapolator may read

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
        assert field.description or f"`{option}`" in method_options(kind, name).__doc__, option


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


# Records


def softmax_and_labels(n=6, n_classes=4):
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.randn(n, n_classes, generator=generator).softmax(1)
    return probabilities, torch.randint(0, n_classes, (n,), generator=generator)


@every("records")
def test_a_record_is_one_finite_number_a_sample_whatever_the_batch(name):
    observe = load_method("records", name).observe
    probabilities, labels = softmax_and_labels()
    values = observe(probabilities, labels)
    assert values.shape == (6,)
    assert torch.isfinite(values).all()
    one_by_one = torch.cat([observe(probabilities[i : i + 1], labels[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(one_by_one, values)


# Scores


def accumulate(name, n_epochs, order=None, n=9):
    options = options_of("scores", name)
    accumulator = load_method("scores", name).Accumulator(options, n)
    values = np.random.default_rng(0).random((n_epochs, n)).astype(np.float32)
    for epoch in values if order is None else values[:, order]:
        accumulator.update(epoch)
    return accumulator.finish()


@every("scores")
def test_a_score_names_a_record_that_exists(name):
    assert method_constant("scores", name, "RECORD") in method_names("records")


@every("scores")
def test_a_score_is_computed_from_the_epochs_that_it_needs_and_not_from_fewer(name):
    needed = options_of("scores", name).needed_epochs()
    assert needed >= 1
    for n_epochs in (needed, needed + 5):
        scores = accumulate(name, n_epochs)
        assert scores.shape == (9,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()
    with pytest.raises(InputFault, match=rf"{needed} epochs, found {needed - 1}"):
        accumulate(name, needed - 1)


@every("scores")
def test_a_score_does_not_depend_on_the_other_samples(name):
    n_epochs, order = options_of("scores", name).needed_epochs() + 3, np.random.default_rng(1).permutation(9)
    np.testing.assert_array_equal(accumulate(name, n_epochs, order), accumulate(name, n_epochs)[order])


@every("scores")
def test_a_score_leaves_the_values_that_it_is_given(name):
    n_epochs = options_of("scores", name).needed_epochs() + 3
    accumulator = load_method("scores", name).Accumulator(options_of("scores", name), 4)
    buffer, scores = np.empty(4, np.float32), []
    for epoch in np.random.default_rng(0).random((n_epochs, 4)).astype(np.float32):
        buffer[:] = epoch
        accumulator.update(buffer)
        np.testing.assert_array_equal(buffer, epoch)
        buffer[:] = np.nan  # the caller may use its array again
    scores = accumulator.finish()
    assert np.isfinite(scores).all()


@every("scores")
def test_a_score_of_stored_history_runs_with_its_defaults(name):
    n_epochs = options_of("scores", name).needed_epochs()
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), size=(n_epochs, 5))
    scores = score_dynamics(name, probabilities, rng.integers(0, 3, 5))
    assert scores.shape == (5,)
    assert np.isfinite(scores).all()


# Extrapolators


def tables_and_scores(n=50, m=30, k=20):
    rng = np.random.default_rng(0)
    ids = np.sort(rng.permutation(1000)[:n])
    subset_ids = np.sort(rng.permutation(ids)[:m])
    embeddings = {"sample_id": ids, "embedding": rng.normal(size=(n, 6)).astype(np.float32)}
    labels = rng.integers(0, 3, n)
    tables = {
        "embeddings": embeddings,
        "neighbors": find_subset_neighbors(embeddings, subset_ids, k),
        "samples": {"sample_id": ids, "label": labels, "source": np.array([str(i) for i in ids], object)},
        "subset": {"sample_id": subset_ids, "label": labels[np.searchsorted(ids, subset_ids)]},
    }
    return ids, subset_ids, rng.random(m).astype(np.float32), tables


@every("extrapolators")
def test_an_extrapolator_names_the_stages_that_it_reads(name):
    needs = method_constant("extrapolators", name, "NEEDS")
    assert isinstance(needs, tuple)
    assert set(needs) <= STAGES


@every("extrapolators")
def test_an_extrapolator_scores_the_residual_set_and_leaves_the_subset(name):
    ids, subset_ids, scores, tables = tables_and_scores()
    needed = {stage: tables[stage] for stage in method_constant("extrapolators", name, "NEEDS")}
    chosen = {"name": name, **options_of("extrapolators", name).model_dump()}
    columns, again = (extrapolate(chosen, subset_ids, scores, needed) for _ in range(2))
    order = np.argsort(columns["sample_id"])
    np.testing.assert_array_equal(columns["sample_id"][order], ids)
    np.testing.assert_array_equal(columns["computed"][order], np.isin(ids, subset_ids))
    np.testing.assert_array_equal(columns["score"][order][np.isin(ids, subset_ids)], scores)
    assert np.isfinite(columns["score"]).all()
    residual_spread = columns["spread"][~columns["computed"]]
    assert (np.isnan(residual_spread) | (residual_spread >= 0)).all()
    np.testing.assert_array_equal(again["score"], columns["score"])


# Selection


@every("selection")
def test_a_selection_says_whether_it_reads_scores(name):
    assert method_constant("selection", name, "SCORED") in (True, False)


@every("selection")
@pytest.mark.parametrize("n_kept", [1, 7, 40])
def test_a_selection_keeps_that_many_rows_each_once(name, n_kept):
    rng = np.random.default_rng(0)
    scores, labels = rng.random(40), rng.integers(0, 3, 40)
    given = scores.copy()
    rows = load_method("selection", name).keep(options_of("selection", name), n_kept, scores, labels, 0)
    assert len(rows) == len(set(rows.tolist())) == n_kept
    assert set(rows.tolist()) <= set(range(40))
    np.testing.assert_array_equal(scores, given)


@every("selection")
def test_a_selection_that_reads_no_scores_does_not_depend_on_them(name):
    labels = np.random.default_rng(0).integers(0, 3, 40)
    kept = [select(scores, 0.5, name, labels).tolist() for scores in (np.arange(40.0), -np.arange(40.0))]
    assert (kept[0] == kept[1]) == (not method_constant("selection", name, "SCORED"))
