"""A pool of further images: read after the own ones, scored with them, pruned alone, mixed into batches."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_checkpoints import N, stop_after, store  # noqa: F401 - store is a fixture
from test_config import assert_says, changed, faults_of
from test_epochs import EVERYTHING, network, recipe, result, task
from test_selection_streams import every_method, table_paths, write_samples
from test_store import archive, fault_of, prepare, random_images, read_back  # noqa: F401 - archive is a fixture

from pruning_workflow.config import read_config
from pruning_workflow.names import Part
from pruning_workflow.results import universe_path
from score_extrapolation.datasets import count_own
from score_extrapolation.faults import InputFault, Interrupted
from score_extrapolation.io.tables import KEPT, read_table, write_blocks
from score_extrapolation.plugins import method_constant
from score_extrapolation.selection import _samples, count_kept, select, select_tables
from score_extrapolation.training.engine import Trainer
from score_extrapolation.training.epochs import MixedEpochs
from score_extrapolation.training.images import ResidentImages
from score_extrapolation.training.runs import train_here
from selecting import NOT_NESTED, OPTIONS, random_doubts, reads_doubts, tables_of

# The store


def write_pool(path, labels, *shape, fill=None):
    images = random_images(len(labels), *shape, seed=9)
    np.savez(path, image=images if fill is None else np.full_like(images, fill), label=np.asarray(labels))
    return {"dataset": "npz", "path": [str(path)], "split": "train", "options": {}}


def test_the_pool_s_images_come_after_the_own_ones_and_change_nothing_of_these(archive, tmp_path):  # noqa: F811
    settings = {"test": 0.25, "validation": 0.2, "share": 0.5}
    alone = prepare(tmp_path / "alone", [archive], **settings)
    pool = write_pool(tmp_path / "pool.npz", [9, 3, 3, 5, 9], 6, 5, fill=200)
    both = prepare(tmp_path / "both", [archive], **settings, pool=pool)
    n_own = alone["n"]["train"]
    found = alone["duplicates"] | {"train": 4, "other_label": 3}  # of the pool's, which are all alike
    assert both == alone | {"n": alone["n"] | {"train": n_own + 5}, "n_pool": 5, "duplicates": found}
    assert (count_own(alone), count_own(both)) == (n_own, n_own)
    for name in ("test", "validation"):
        assert (tmp_path / "both" / f"{name}.npy").read_bytes() == (tmp_path / "alone" / f"{name}.npy").read_bytes()
    (images, table), (own_images, own) = (read_back(tmp_path / folder, "train") for folder in ("both", "alone"))
    np.testing.assert_array_equal(images[:n_own], own_images)
    assert (images[n_own:] == 200).all()
    assert table["label"].tolist() == [*own["label"], 2, 0, 0, 1, 2]
    assert list(table["source"]) == [*own["source"], *(f"{tmp_path}/pool.npz#{row}" for row in range(5))]


@pytest.mark.parametrize(
    "labels, shape, sentence",
    [
        ([3, 7, 7], (6, 5), "samples.pool: 2 samples are of the class 7, which samples.train lacks; add it there or "),
        (["a", "b"], (6, 5), "samples.pool: its labels are strings, but samples.train has integers; give one kind"),
        ([], (6, 5), "samples.pool: there are no samples; give a path that has some"),
        ([3], (7, 5), "samples.pool: "),
    ],
)
def test_a_pool_that_does_not_fit_is_refused_by_its_name(archive, tmp_path, labels, shape, sentence):  # noqa: F811
    pool = write_pool(tmp_path / "pool.npz", np.array(labels, str if labels[:1] == ["a"] else int), *shape)
    assert fault_of(tmp_path / "out", [archive], pool=pool).startswith(sentence)


def test_readers_faults_are_of_the_pool(archive, tmp_path):  # noqa: F811
    pool = write_pool(tmp_path / "pool.npz", [3], 6, 5) | {"options": {"label_key": "z"}}
    fault = fault_of(tmp_path / "out", [archive], pool=pool)
    assert fault.startswith("samples.pool: ") and fault.endswith("samples.pool.options.label_key")


def test_a_pool_of_which_nothing_is_left_is_refused(tmp_path):
    for name in ("own", "pool"):
        for i, label in enumerate("abab"):
            (tmp_path / name / label).mkdir(parents=True, exist_ok=True)
            path = tmp_path / name / label / f"{i}.png"
            from PIL import Image

            Image.fromarray(random_images(1, 6, 5, 3, seed=i)[0]).save(path)
            if name == "pool":
                path.write_bytes(b"none")
    pool = {"dataset": "imagefolder", "path": [str(tmp_path / "pool")], "split": "train", "options": {}}
    fault = fault_of(tmp_path / "out", [tmp_path / "own"], "imagefolder", on_bad_image="drop", pool=pool)
    assert fault.startswith("samples.on_bad_image: drop leaves no sample of samples.pool, since none can be decoded; ")


# Parts


def test_within_all_own_images_lie_smaller_parts_and_they_lie_among_all():
    assert str(Part("100").nested(0.5)) == "50-within-100"
    assert [
        bool(Part.parse(part).within) for part in ("100", "20-stratified", "50-within-100", "10-within-20-zcoreset")
    ] == [
        False,
        False,
        True,
        True,
    ]
    assert universe_path(Part("100"), 3) == "samples/train"
    assert universe_path(Part("50", "100"), 3) == "subset/fraction-100/seed-3"
    assert str(Part.parse("50-within-100-stratified").universe) == "100-stratified"


# Selection

N_OWN, N_POOL = 37, 60


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(0)
    write_samples(tmp_path, rng.permutation(N_OWN + N_POOL), rng.integers(0, 4, N_OWN + N_POOL))
    return tmp_path


def kept_of(tables, method, rate, n_pool=N_POOL, seed=0):
    scored = tables / "scores.parquet" if method_constant("selection", method, "SCORED") else None
    doubts = tables / "doubts.parquet" if reads_doubts(method) else None
    chosen, paths = {"name": method, **OPTIONS.get(method, {})}, table_paths(tables, method)
    blocks = select_tables(
        tables / "samples.parquet", scored, {"rate": rate}, chosen, seed, doubts, n_pool, tables=paths
    )
    write_blocks(tables / "kept.parquet", KEPT, {"stage": "selection"}, blocks)
    kept = read_table(tables / "kept.parquet")
    ids = read_table(tables / "samples.parquet")["sample_id"]
    rows = np.searchsorted(ids, kept["sample_id"])
    assert (np.diff(rows) > 0).all()
    return rows, kept


@every_method
@pytest.mark.parametrize("batch", [7, 37, 50, 2**17])
def test_all_own_samples_are_kept_and_of_the_pool_what_a_selection_of_it_alone_keeps(
    tables, method, batch, monkeypatch
):
    samples, scores = (read_table(tables / f"{name}.parquet") for name in ("samples", "scores"))
    of_all, of_pool = tables_of(method, N_OWN + N_POOL), {}
    for name, columns in of_all.items():  # their ids are rows of all, here those of the pool alone
        of_pool[name] = {
            key: values[N_OWN:] - (N_OWN if values.dtype == np.int64 else 0) for key, values in columns.items()
        }
    given = {"doubts": random_doubts(N_OWN + N_POOL)[N_OWN:], "tables": of_pool, **OPTIONS.get(method, {})}
    monkeypatch.setattr(_samples, "BATCH", batch)
    before = None
    for rate in (0, 0.25, 0.5, 0.9):
        rows, kept = kept_of(tables, method, rate)
        pool = scores["score"][N_OWN:], rate, method, samples["label"][N_OWN:]
        assert rows.tolist() == [*range(N_OWN), *(N_OWN + select(*pool, seed=0, **given))]
        assert len(rows) == N_OWN + count_kept(N_POOL, rate)
        assert before is None or set(rows) <= before or method in NOT_NESTED
        before = set(rows)
        if method_constant("selection", method, "SCORED"):
            np.testing.assert_array_equal(kept["score"], scores["score"][rows])


def test_own_samples_are_never_ranked(tables):
    ids = read_table(tables / "samples.parquet")["sample_id"]
    scores = np.arange(len(ids), dtype=np.float32)
    scores[:N_OWN] = np.nan
    write_samples(tables, scores, ids=ids)
    assert len(kept_of(tables, "top", 0.5)[0]) == N_OWN + 30
    scores[[50, 51]] = np.nan
    write_samples(tables, scores, ids=ids)
    with pytest.raises(InputFault, match="2 scores are NaN, the first in row 50; none can be ranked"):
        kept_of(tables, "top", 0.5)


# Epochs

counts = st.integers(1, 60), st.integers(1, 80), st.integers(2, 16), st.floats(0.01, 0.99), st.integers(0, 3)


def planned(n_own, n_pool, share, n_steps=None, seed=0, **changes):
    return MixedEpochs(n_own + n_pool, n_own, share, recipe(**changes), seed, "retraining", n_steps)


@given(*counts, st.none() | st.integers(1, 30))
def test_every_batch_is_full_and_has_its_share_of_the_pool(n_own, n_pool, batch_size, share, seed, n_steps):
    n_pooled = min(max(round(share * batch_size), 1), batch_size - 1)
    plan = planned(n_own, n_pool, n_pooled / batch_size, n_steps, seed, batch_size=batch_size, epochs=4)
    rng = np.random.default_rng(seed)
    epochs = [plan.batches(epoch, rng) for epoch in range(len(plan))]
    assert plan.n_batches == -(-n_own // batch_size)
    assert sum(map(len, epochs)) == plan.n_steps == (n_steps or 4 * plan.n_batches)
    assert {len(batch) for batches in epochs for batch in batches} == {batch_size}
    assert {(batch >= n_own).sum() for batches in epochs for batch in batches} == {n_pooled}
    assert sum(plan.n_seen(len(batches)) for batches in epochs) == plan.n_images == plan.n_steps * batch_size
    assert plan.per_epoch == plan.n_seen(plan.n_batches)
    for batches in epochs:
        own = [row for batch in batches for row in batch if row < n_own]
        times = np.bincount(own, minlength=n_own)
        if len(batches) == plan.n_batches:  # once at most where they suffice, else all as often but for one time
            assert times.max() - times.min() <= 1
        assert len(own) > n_own or times.max() == 1
    # The pool's come each once before any comes again.
    pooled = np.array([row for batches in epochs for batch in batches for row in batch if row >= n_own]) - n_own
    assert all(len(set(part)) == len(part) for part in np.split(pooled, range(n_pool, len(pooled), n_pool)))


def test_epochs_by_eye_those_of_the_paper():
    plan = planned(50_000, 1_000_000, 0.7, batch_size=512, epochs=2)
    (first, *_), rng = plan.batches(0, np.random.default_rng(0)), np.random.default_rng(0)
    assert (plan.n_batches, len(plan), plan.n_steps) == (98, 2, 196)
    assert ((first < 50_000).sum(), (first >= 50_000).sum()) == (154, 358)
    again = planned(50_000, 1_000_000, 0.7, batch_size=512, epochs=2)
    np.testing.assert_array_equal(again.batches(0, rng)[0], first)
    assert not set(again._pooled(1)) & set(plan._pooled(0))


def test_an_epoch_s_part_of_the_pool_needs_no_epoch_before_it():
    plan = planned(20, 33, 0.5, batch_size=8, epochs=9)
    assert plan._pooled(7).tolist() == planned(20, 33, 0.5, batch_size=8)._pooled(7).tolist()
    other = planned(20, 33, 0.5, batch_size=8, seed=1)
    assert plan._pooled(7).tolist() != other._pooled(7).tolist()


@pytest.mark.parametrize(
    "n_own, n_pool, share, message",
    [
        (10, 0, 0.5, "pool_share = 0.5: of 10 samples 10 are own ones, so that no batch can be mixed; give samples of"),
        (0, 10, 0.5, "pool_share = 0.5: of 10 samples 0 are own ones"),
        (9, 9, 0.01, "pool_share = 0.01: 0 of the 16 samples of a batch are of the pool; give a share that leaves"),
        (9, 9, 0.99, "pool_share = 0.99: 16 of the 16 samples of a batch are of the pool"),
    ],
)
def test_what_cannot_be_mixed_is_refused(n_own, n_pool, share, message):
    with pytest.raises(InputFault, match=message):
        planned(n_own, n_pool, share)


# Training


@pytest.fixture(scope="module")
def mixed(store, tmp_path_factory):  # noqa: F811
    """The store of other trainings, whose samples from id 100 on, 40 of the 90, are a pool's."""
    folder = tmp_path_factory.mktemp("mixed")
    summary = json.loads((store / "summary.json").read_text()) | {"n": {"train": 2 * N}, "n_pool": 2 * N - 100}
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "train.npy").symlink_to(store / "train.npy")
    (folder / "s.parquet").symlink_to(store / "s.parquet")
    return folder


def test_a_mixed_training_is_of_those_batches(mixed, tmp_path):
    metrics = result(mixed, tmp_path, EVERYTHING, pool_share=0.75)[1]
    assert (metrics["n_samples"], len(metrics["epochs"])) == (N, 3)
    assert result(mixed, tmp_path, EVERYTHING, pool_share=0.75)[1] == metrics
    images, table = np.load(mixed / "train.npy"), read_table(mixed / "s.parquet")
    import torch

    pixels, labels = torch.from_numpy(images[table["sample_id"]]), torch.from_numpy(table["label"].copy())
    epochs = MixedEpochs(len(labels), 50, 0.75, recipe(), 0, "retraining")
    trainer = Trainer(network(), ResidentImages(pixels), labels, recipe(), epochs)
    seen = []
    step = trainer._step
    trainer._step = lambda batch, *others: (seen.append(batch), step(batch, *others))
    trainer.run()
    assert [((batch < 50).sum(), len(batch)) for batch in seen] == [(4, 16)] * 12  # ceil(50 / 16) an epoch, of three


@pytest.mark.parametrize("at", [1, 5, 11])
def test_a_mixed_training_goes_on_to_the_bit(mixed, tmp_path, at, monkeypatch):
    expected = result(mixed, tmp_path / "whole", EVERYTHING, pool_share=0.75)
    with monkeypatch.context() as patched:
        stop_after(patched, at)
        with pytest.raises(Interrupted):
            result(mixed, tmp_path / "stopped", EVERYTHING, pool_share=0.75)
    assert result(mixed, tmp_path / "stopped", EVERYTHING, pool_share=0.75) == expected


def test_without_a_share_the_pool_s_samples_are_samples_as_all_others(mixed, store, tmp_path):  # noqa: F811
    assert result(mixed, tmp_path, EVERYTHING) == result(store, tmp_path, EVERYTHING)


@pytest.mark.parametrize("other", [{"per_epoch": 35}, {"dynamics_path": "d.parquet"}])
def test_what_a_mixed_training_cannot_be_beside_is_refused(mixed, tmp_path, other):
    with pytest.raises(ValueError, match="pool_share"):
        train_here(task(mixed, tmp_path, EVERYTHING, pool_share=0.5, **other))


# The config

POOL = ("samples.pool", {"dataset": "npz", "path": "pool.npz"})
WITHOUT_TRUTH = ("evaluation.full_data_scores", False)


def test_a_pool_is_a_set_that_is_read_for_training():
    config = read_config(changed(POOL, WITHOUT_TRUTH, ("subset.fractions", [1.0, 0.5])))
    assert config.samples.pool["split"] == "train"
    assert config.samples.pool["path"] == ["pool.npz"]
    assert config.samples.sets_read()[-1] == ("pool.path", "npz", ["pool.npz"])
    assert config.parts() == [Part("100"), Part("50")]
    assert config.largest_k("subset", Part("100")) == 20
    assert config.largest_k("subset", Part("50", "100")) == 10 or config.evaluation.estimates


@pytest.mark.parametrize(
    "changes, sentences",
    [
        (
            [("samples.pool", "pool.npz"), WITHOUT_TRUTH],
            ['samples.pool = "pool.npz" is no set of images; write {dataset: npz, path: FILE}, or null for none'],
        ),
        (
            [("samples.pool", {"dataset": "npz"}), WITHOUT_TRUTH],
            ["samples.pool.path is missing; npz needs the path of its images"],
        ),
        (
            [("samples.pool", POOL[1] | {"split": "test"}), WITHOUT_TRUTH],
            ['samples.pool.split = "test" chooses nothing: npz reads all that it finds; leave it out'],
        ),
        (
            [
                (
                    "samples.pool",
                    {"dataset": "torchvision", "path": "x", "split": "val", "options": {"name": "CIFAR10"}},
                ),
                WITHOUT_TRUTH,
            ],
            ['samples.pool.split = "val" is none of train, test, the sets that torchvision has; write one of them'],
        ),
        (
            [POOL],
            ["evaluation.full_data_scores = true asks for a training for scores on all of samples.pool too, ... false"],
        ),
        (
            [POOL, WITHOUT_TRUTH, ("selection.methods", ["top", "random", "rs2"])],
            ["selection.methods[2] = rs2 draws each epoch from all samples, but own ones are all kept ... use random"],
        ),
        (
            [("retraining.pool_share", 0.7)],
            ["retraining.pool_share = 0.7 is a share of each batch that is of samples.pool, which is null; give one"],
        ),
        (
            [POOL, WITHOUT_TRUTH, ("retraining.pool_share", 0.001)],
            ["retraining.pool_share = 0.001 of retraining.batch_size = 32 leaves a batch without ... change it"],
        ),
        (
            [POOL, WITHOUT_TRUTH, ("retraining.pool_share", 0.7), ("retraining.budgets", ["epochs", "steps"])],
            ["retraining.budgets[1] = steps is as many as on everything, which epochs are already ... leave it out"],
        ),
        ([("subset.fractions", [1])], ["subset.fractions[0] = 1.0 is the full data set, ... give one below 1"]),
        ([POOL, WITHOUT_TRUTH, ("subset.fractions", [1.5])], ["subset.fractions[0] = 1.5 is not in (0, 1); ..."]),
    ],
)
def test_what_contradicts_a_pool_is_one_sentence(changes, sentences):
    for fault, sentence in zip(faults_of(changed(*changes)), sentences, strict=True):
        assert_says(fault, sentence)


@pytest.mark.parametrize("value", [0, 1, 70, "most"])
def test_a_pool_share_out_of_range_is_one_sentence(value):
    (fault,) = faults_of(changed(POOL, WITHOUT_TRUTH, ("retraining.pool_share", value)))
    assert fault.startswith("config: retraining.pool_share = ")
