"""Training without labels: against plain autograd, and what must hold whatever the features."""

import math
import os
import signal
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import torch

import oracles
from score_extrapolation.faults import InputFault, Interrupted
from score_extrapolation.io.tables import read_metadata, read_table, write_table, write_vectors
from score_extrapolation.rng import derive_seed
from score_extrapolation.scores import score_file
from score_extrapolation.training.checkpoints import CheckpointPlan
from score_extrapolation.training.dynamics import read_epochs, read_sample_ids
from score_extrapolation.training.optimizers import make_optimizer
from score_extrapolation.training.recipe import Optimizer
from score_extrapolation.turtle import features as features_module
from score_extrapolation.turtle import history as history_module
from score_extrapolation.turtle import trainer as trainer_module
from score_extrapolation.turtle.encoder import TaskEncoder
from score_extrapolation.turtle.features import gather_features, measure_moments, read_aligned, take_rows
from score_extrapolation.turtle.heads import BLOCK
from score_extrapolation.turtle.runs import UnlabelledSet, UnsupervisedOutputs, label_samples, train_unsupervised
from score_extrapolation.turtle.steps import take_step
from score_extrapolation.turtle.trainer import TaskRecipe

OPTIONS = {"inner_steps": 4, "inner_learning_rate": 0.02, "entropy_weight": 2.0}
ADAM = {"name": "adam", "learning_rate": 0.05, "weight_decay": 0.0}
IDS = pa.schema([("sample_id", pa.int64())])  # no table of these tests has labels
RECORDS = ["divergence", "entropy", "error_norm", "margin", "probability"]


def clusters(n=60, d=5, n_classes=3, seed=0, apart=3.0):
    """(n, d) float32 vectors of `n_classes` clouds, and whose each is."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    vectors = apart * rng.normal(size=(n_classes, d))[labels] + rng.normal(size=(n, d))
    return vectors.astype(np.float32), labels


def write_space(folder, name, sample_ids, vectors, n_shards=1):
    """Write a table of embeddings as shards; return their paths."""
    paths = []
    for shard, rows in enumerate(np.array_split(np.arange(len(sample_ids)), n_shards)):
        paths.append(folder / f"{name}-{shard}.parquet")
        write_vectors(paths[-1], {}, sample_id=sample_ids[rows], embedding=vectors[rows])
    return paths


def prepare(folder, spaces, subset=None, sample_ids=None, n_shards=1, **changed):
    """Write (n, d) vectors of each space; return a training's arguments and the paths of what it writes."""
    folder.mkdir(exist_ok=True)
    sample_ids = np.arange(len(spaces[0])) if sample_ids is None else sample_ids
    subset = sample_ids if subset is None else subset
    write_table(folder / "samples.parquet", IDS, {}, sample_id=sample_ids)
    write_table(folder / "subset.parquet", IDS, {}, sample_id=subset)
    written = {name: folder / name for name in ("dynamics", "encoder", "labels")}
    embeddings = [write_space(folder, f"space-{s}", sample_ids, v, n_shards) for s, v in enumerate(spaces)]
    recipe = TaskRecipe(epochs=6, batch_size=10_000, optimizer=ADAM, options=OPTIONS)
    task = dict(
        data=UnlabelledSet(embeddings, folder / "samples.parquet", folder / "subset.parquet"),
        n_classes=3,
        recipe=replace(recipe, **{name: changed.pop(name) for name in vars(recipe).keys() & changed}),
        seed=0,
        device="cpu",
        outputs=UnsupervisedOutputs(**written, metadata={"seed": 0}, records=RECORDS),
        checkpoints=CheckpointPlan(folder / "checkpoint"),
    )
    return task | changed, written


def train(folder, spaces, subset=None, sample_ids=None, n_shards=1, **changed):
    """Run a whole training; return its metrics and the paths of what it wrote."""
    task, written = prepare(folder, spaces, subset, sample_ids, n_shards, **changed)
    return train_unsupervised(**task), written


def read_labels(written):
    return read_table(written["labels"])["label"]


def contents(written):
    return {name: path.read_bytes() for name, path in written.items()}


def fresh_encoder(spaces, n_classes, seed):
    """The encoder that a training with this seed begins with."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "unsupervised/initialisation"))
    return TaskEncoder([space.shape[1] for space in spaces], n_classes, generator)


def parameters_of(encoder):
    return [(space.direction, space.length, space.bias) for space in encoder.spaces]


def follow(spaces, encoder, batches):
    """What plain autograd makes of an encoder in float64: tau after each step, and losses."""
    scaled = [torch.from_numpy(vectors).double() for vectors in spaces]
    inner = (OPTIONS["inner_steps"], OPTIONS["inner_learning_rate"], OPTIONS["entropy_weight"])
    return oracles.turtle(scaled, parameters_of(encoder.double()), batches, *inner, ADAM["learning_rate"])


# Against plain autograd


@pytest.mark.parametrize("widths", [[5], [4, 7, 3]], ids=["one space", "three spaces"])
def test_three_steps_are_those_of_plain_autograd(widths):
    n = BLOCK + 150  # more than a block of rows
    spaces = [clusters(n, width, seed=width)[0] for width in widths]
    encoder = fresh_encoder(spaces, 4, 0).double()
    rng = np.random.default_rng(1)
    batches = [np.sort(rng.choice(n, n - 20, replace=False)) for _ in range(3)]
    taus, losses = follow(spaces, encoder, batches)
    optimizer = make_optimizer(encoder, Optimizer(**ADAM))
    for rows, expected_tau, expected_loss in zip(batches, taus, losses, strict=True):
        loss, tau = take_step(encoder, optimizer, [torch.from_numpy(s[rows]).double() for s in spaces], **OPTIONS)
        assert tau.shape == (4, len(rows))
        assert float(loss) == pytest.approx(expected_loss, abs=1e-12)
        after = encoder.log_tau([torch.from_numpy(space).double() for space in spaces]).exp()
        torch.testing.assert_close(after, expected_tau, atol=1e-9, rtol=0)


@pytest.mark.parametrize("batch_size", [10_000, 16])
def test_a_training_s_scores_are_those_of_the_whole_history_of_plain_autograd(tmp_path, monkeypatch, batch_size):
    monkeypatch.setattr(history_module, "BLOCK", 7)
    spaces, n_epochs, subset = [clusters(50)[0], clusters(50, 8, seed=1)[0]], 12, np.arange(0, 50, 2)
    metrics, written = train(tmp_path, spaces, subset, epochs=n_epochs, batch_size=batch_size)

    centred = [space[subset] - space[subset].mean(axis=0, dtype=np.float64) for space in spaces]
    chosen = [vectors / np.sqrt((vectors**2).mean()) for vectors in centred]
    encoder, b = fresh_encoder(spaces, 3, 0), min(batch_size, 25)
    steps = math.ceil(25 / b)
    streams = [np.random.default_rng(derive_seed(0, f"unsupervised/batches/{i}")) for i in range(n_epochs * steps)]
    batches = [np.sort(stream.choice(25, b, replace=False, shuffle=False)) for stream in streams]
    taus, losses = follow(chosen, encoder, batches)
    history = np.array([tau.numpy() for tau in taus[steps - 1 :: steps]])  # (K, m, C)
    labels = history[-1].argmax(axis=1)

    assert [epoch["loss"] for epoch in metrics["epochs"]] == pytest.approx(
        np.reshape(losses, (n_epochs, steps)).mean(axis=1).tolist(), abs=1e-4
    )
    assert read_labels(written)[subset].tolist() == labels.tolist()
    sample_ids, du = score_file({"name": "du", "window": 5}, written["dynamics"])
    assert sample_ids.tolist() == subset.tolist()
    np.testing.assert_allclose(du, oracles.du(history, labels, 5), atol=1e-5)
    _, tdds = score_file({"name": "tdds", "trajectory": 6, "window": 4}, written["dynamics"])
    np.testing.assert_allclose(tdds, oracles.tdds(history, labels, 6, 4, 0.9), atol=1e-3)
    _, el2n = score_file({"name": "el2n", "epochs": 4}, written["dynamics"])
    np.testing.assert_allclose(el2n, oracles.el2n(history, labels, 4), atol=1e-4)
    _, aum = score_file({"name": "aum"}, written["dynamics"])
    np.testing.assert_allclose(aum, oracles.aum(np.log(history), labels), atol=1e-3)
    _, entropy = score_file({"name": "entropy"}, written["dynamics"])
    np.testing.assert_allclose(entropy, oracles.entropy(history), atol=1e-4)


@pytest.mark.parametrize(
    ("chosen", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_the_outer_optimizer_is_the_one_that_was_asked_for(chosen, kind):
    encoder = TaskEncoder([3], 2, torch.Generator())
    optimizer = make_optimizer(encoder, Optimizer(name=chosen, learning_rate=0.3, weight_decay=0.2))
    assert isinstance(optimizer, kind)
    assert type(optimizer).__name__ == kind.__name__
    assert (optimizer.defaults["lr"], optimizer.defaults["weight_decay"]) == (0.3, 0.2)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 3


# What it finds


def test_clouds_far_apart_are_the_classes_and_every_sample_gets_one(tmp_path):
    vectors, truth = clusters(90, apart=10.0)
    metrics, written = train(tmp_path, [vectors], subset=np.arange(0, 90, 3), epochs=60)
    table = read_table(written["labels"])
    assert table["sample_id"].tolist() == list(range(90))
    assert read_metadata(written["labels"]) == {"seed": 0}
    pairs = set(zip(table["label"].tolist(), truth.tolist(), strict=True))
    assert len(pairs) == 3  # one to one
    sizes = np.bincount(truth) / 90
    assert metrics["n_samples"] == 30
    assert metrics["images_seen"] is None
    assert (metrics["n_classes"], metrics["n_classes_found"]) == (3, 3)
    assert (metrics["largest_class"], metrics["smallest_class"]) == (sizes.max(), sizes.min())
    assert metrics["epochs"][-1]["loss"] < metrics["epochs"][0]["loss"]


def test_equal_features_are_one_class_and_it_is_told(tmp_path, caplog):
    metrics, written = train(tmp_path, [np.ones((20, 4), np.float32)])
    assert len(set(read_labels(written).tolist())) == 1
    assert (metrics["n_classes_found"], metrics["largest_class"], metrics["smallest_class"]) == (1, 1.0, 0.0)
    assert "2 of the 3 classes have no sample" in caplog.text
    assert all(np.isfinite(values).all() for values in read_epochs(written["dynamics"], "probability"))


def test_the_order_of_the_samples_does_not_matter(tmp_path):
    vectors, _ = clusters()
    order = np.random.default_rng(5).permutation(len(vectors))
    _, written = train(tmp_path / "a", [vectors])
    _, permuted = train(tmp_path / "b", [vectors[order]])
    assert read_labels(permuted).tolist() == read_labels(written)[order].tolist()
    for name in RECORDS:
        pairs = (read_epochs(paths["dynamics"], name) for paths in (written, permuted))
        for values, of_permuted in zip(*pairs, strict=True):
            np.testing.assert_allclose(of_permuted, values[order], atol=1e-4)


def test_other_sample_ids_in_the_same_order_change_nothing_else(tmp_path):
    vectors, _ = clusters()
    _, written = train(tmp_path / "a", [vectors], batch_size=16)
    others = np.arange(len(vectors)) * 7 + 1000
    _, renamed = train(tmp_path / "b", [vectors], sample_ids=others, batch_size=16)
    assert read_table(renamed["labels"])["sample_id"].tolist() == others.tolist()
    assert read_sample_ids(renamed["dynamics"]).tolist() == others.tolist()
    assert read_labels(renamed).tolist() == read_labels(written).tolist()
    assert renamed["encoder"].read_bytes() == written["encoder"].read_bytes()


def test_embeddings_of_another_scale_and_mean_give_the_same_classes(tmp_path):
    vectors, _ = clusters()
    _, written = train(tmp_path / "a", [vectors])
    _, other = train(tmp_path / "b", [100 * vectors + np.arange(5, dtype=np.float32)])
    assert read_labels(other).tolist() == read_labels(written).tolist()


def test_the_encoder_s_file_labels_embeddings_as_they_are(tmp_path):
    spaces = [clusters()[0], clusters(d=3, seed=1)[0]]
    _, written = train(tmp_path, spaces, subset=np.arange(10))
    encoder = TaskEncoder.load(written["encoder"])
    assert encoder.widths == [5, 3]
    paths = [[tmp_path / f"space-{s}-0.parquet"] for s in range(2)]
    assert label_samples(encoder, paths, np.arange(60)).tolist() == read_labels(written).tolist()


# The same bytes


def test_the_same_seed_is_the_same_bytes_and_another_is_not(tmp_path):
    vectors, _ = clusters()
    runs = [train(tmp_path / str(i), [vectors], batch_size=16, seed=seed) for i, seed in enumerate((0, 0, 1))]
    assert runs[0][0] == runs[1][0]
    first, second, other = (contents(written) for _, written in runs)
    assert first == second
    assert first["encoder"] != other["encoder"]


def test_shards_and_blocks_change_no_byte(tmp_path, monkeypatch):
    spaces, subset = [clusters()[0], clusters(d=3, seed=1)[0].astype(np.float16)], np.arange(1, 60, 2)
    _, whole = train(tmp_path / "whole", spaces, subset)
    monkeypatch.setattr(features_module, "BLOCK", 7)
    _, pieces = train(tmp_path / "pieces", spaces, subset, n_shards=4)
    assert contents(pieces) == contents(whole)


@pytest.mark.parametrize("batch_size", [16, 60])
@pytest.mark.parametrize("cut", [1, 9, "records"])
def test_a_training_that_was_cut_goes_on_to_the_same_bytes(tmp_path, monkeypatch, cut, batch_size):
    vectors, _ = clusters()
    metrics, whole = train(tmp_path / "whole", [vectors], batch_size=batch_size, epochs=10)
    task, written = prepare(tmp_path / "cut", [vectors], batch_size=batch_size, epochs=10)
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        stop_at(patched, cut)
        train_unsupervised(**task)
    assert not (tmp_path / "cut" / "labels").exists()
    n_steps = count_steps(monkeypatch)
    resumed = train_unsupervised(**task)
    assert len(n_steps) == (0 if cut == "records" else 10 * math.ceil(60 / batch_size) - cut)
    assert resumed.pop("seconds_before") > metrics.pop("seconds_before") == 0
    assert resumed == metrics
    assert contents(written) == contents(whole)
    assert not (tmp_path / "cut" / "checkpoint").exists()


def stop_at(patched, cut):
    """Have SIGTERM come in a step, counted from 1, or while the records are made."""
    module, name = (history_module, "take_rows") if cut == "records" else (trainer_module, "take_step")
    original, calls = getattr(module, name), []

    def stopping(*given, **named):
        calls.append(1)
        if cut == "records" or len(calls) == cut:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*given, **named)

    if cut == "records":
        patched.setattr(history_module, "BLOCK", 20)
    patched.setattr(module, name, stopping)


def count_steps(monkeypatch):
    """Return a list that grows by one entry a step."""
    original, calls = trainer_module.take_step, []
    monkeypatch.setattr(
        trainer_module, "take_step", lambda *given, **named: calls.append(1) or original(*given, **named)
    )
    return calls


def test_a_checkpoint_of_other_settings_is_not_taken_up(tmp_path, monkeypatch):
    vectors, _ = clusters()
    task, written = prepare(tmp_path / "cut", [vectors])
    with monkeypatch.context() as patched, pytest.raises(Interrupted):
        stop_at(patched, 3)
        train_unsupervised(**task | {"seed": 1})
    train_unsupervised(**task)
    _, whole = train(tmp_path / "whole", [vectors])
    assert contents(written) == contents(whole)


# Features


def test_gathered_features_are_the_chosen_rows_and_replace_older_ones(tmp_path):
    vectors, other = clusters(40)[0], clusters(40, 2, seed=1)[0]
    paths = [
        write_space(tmp_path, "a", np.arange(40) * 2, vectors, 3),
        write_space(tmp_path, "b", np.arange(40) * 2, other),
    ]
    for rows in (np.arange(30), np.array([3, 7, 39])):
        gathered = gather_features(paths, rows * 2, tmp_path / "features")
        np.testing.assert_array_equal(gathered[0], vectors[rows])
        np.testing.assert_array_equal(gathered[1], other[rows])
        assert gathered[0].dtype == np.float32


@pytest.mark.parametrize(
    "rows", [slice(3, 9), slice(None), np.array([0, 1, 4, 5, 6, 39]), np.array([7]), np.array([9, 2])]
)
def test_rows_are_those_of_the_array(tmp_path, rows):
    vectors, other = clusters(40)[0], clusters(40, 2, seed=1)[0]
    paths = [write_space(tmp_path, name, np.arange(40), v) for name, v in (("a", vectors), ("b", other))]
    taken = take_rows(gather_features(paths, np.arange(40), tmp_path), rows)
    np.testing.assert_array_equal(taken[0], vectors[rows])
    np.testing.assert_array_equal(taken[1], other[rows])


def test_tables_side_by_side_whatever_their_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(features_module, "BLOCK", 6)
    vectors, other = clusters(40)[0], clusters(40, 2, seed=1)[0]
    paths = [write_space(tmp_path, "a", np.arange(40), vectors, 3), write_space(tmp_path, "b", np.arange(40), other, 7)]
    blocks = list(read_aligned(paths))
    assert max(len(ids) for ids, _ in blocks) == 6
    np.testing.assert_array_equal(np.concatenate([ids for ids, _ in blocks]), np.arange(40))
    for space, expected in enumerate((vectors, other)):
        np.testing.assert_array_equal(np.concatenate([found[space] for _, found in blocks]), expected)


def test_the_moments_are_the_mean_and_one_root_mean_square_about_it(tmp_path, monkeypatch):
    monkeypatch.setattr(features_module, "BLOCK", 3)
    vectors = np.array([[1, 10], [3, 10], [1, 10], [3, 10]], np.float32)  # deviations of 1 and 0
    paths = [write_space(tmp_path, "a", np.arange(4), vectors)]
    mean, scale = measure_moments(gather_features(paths, np.arange(4), tmp_path)[0])
    assert (mean.tolist(), scale) == ([2, 10], pytest.approx(math.sqrt(0.5)))
    paths = [write_space(tmp_path, "b", np.arange(4), np.ones((4, 2), np.float32))]
    assert measure_moments(gather_features(paths, np.arange(4), tmp_path)[0])[1] == 1.0


# Faults


@pytest.mark.parametrize(("n_classes", "said"), [(1, "1 classes are not enough"), (21, "more than the 20 samples")])
def test_numbers_of_classes_that_cannot_be(tmp_path, n_classes, said):
    with pytest.raises(InputFault, match=said):
        train(tmp_path, [clusters(20)[0]], n_classes=n_classes)


def test_as_many_classes_as_samples_can_be(tmp_path):
    assert train(tmp_path, [clusters(4)[0]], n_classes=4)[0]["n_classes"] == 4


def test_an_embedding_that_is_not_finite_is_named(tmp_path):
    vectors, _ = clusters()
    vectors[17, 2] = np.inf
    with pytest.raises(InputFault, match="the embedding of sample 17 is not finite"):
        train(tmp_path, [vectors])


def test_samples_without_an_embedding_are_counted(tmp_path):
    paths = [write_space(tmp_path, "a", np.arange(5), clusters(5)[0])]
    with pytest.raises(InputFault, match="2 of 4 samples have no embedding"):
        gather_features(paths, np.array([1, 4, 5, 9]), tmp_path / "features")


@pytest.mark.parametrize("others", [np.arange(6), np.arange(1, 6), np.array([0, 1, 2, 3, 9])])
def test_tables_of_other_samples_are_refused(tmp_path, others):
    paths = [
        write_space(tmp_path, "a", np.arange(5), clusters(5)[0]),
        write_space(tmp_path, "b", others, clusters(len(others))[0]),
    ]
    with pytest.raises(InputFault, match="not of the same samples"):
        gather_features(paths, np.arange(5), tmp_path / "features")


def test_a_diverged_training_says_which_numbers_to_lower(tmp_path):
    said = r"the loss is nan in epoch 1; lower optimizer.learning_rate \(it is 0.05\) or inner_learning_rate"
    with pytest.raises(InputFault, match=said):
        train(tmp_path, [clusters()[0]], options=OPTIONS | {"inner_learning_rate": 1e38})
