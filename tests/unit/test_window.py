"""A window of scores: which consecutive ones it keeps."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_selection_streams import write_samples

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import KEPT, SUBSET, read_table, write_blocks, write_table, write_vectors
from score_extrapolation.plugins import method_options
from score_extrapolation.selection import _ridge, _samples, count_kept, select, select_tables


@given(
    scores=st.lists(st.integers(-3, 3) | st.floats(allow_nan=False), min_size=1, max_size=40),
    rate=st.sampled_from([0.1, 0.25, 0.5, 0.9]),
    start=st.sampled_from([0.0, 0.02, 0.1, 0.25]),
    batch=st.integers(1, 45),
)
def test_a_window_equals_the_oracle(scores, rate, start, batch):
    n, n_kept = len(scores), count_kept(len(scores), rate)
    first = round(start * n)
    if n_kept == 0 or first + n_kept > n:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_samples, "BATCH", batch)
        assert select(scores, rate, "window", start=start).tolist() == oracles.window(scores, first, n_kept)


def test_a_window_by_eye():
    assert select([5, 1, 4, 2, 3], 0.6, "window", start=0.2).tolist() == [2, 4]
    assert select([7, 7, 7, 7], 0.5, "window", start=0.25).tolist() == [1, 2]  # of equal ones the lower row is passed
    assert select([5, 1, 4], 0.3, "window", start=0.0).tolist() == select([5, 1, 4], 0.3).tolist()


@given(seed=st.integers(0, 9), n=st.integers(2, 90), n_values=st.integers(1, 90))
def test_what_is_kept_at_a_higher_rate_is_kept_at_a_lower_one(seed, n, n_values):
    scores = np.random.default_rng(seed).integers(0, n_values, n)
    rates = [rate for rate in (0.2, 0.5, 0.7, 0.9) if 0 < count_kept(n, rate) <= n - round(0.1 * n)]
    kept = [set(select(scores, rate, "window")) for rate in rates]
    assert all(fewer <= more for more, fewer in itertools.pairwise(kept))


# auto


def tables_of(embeddings, subset):
    return {
        "embeddings": {"sample_id": np.arange(len(embeddings)), "embedding": embeddings},
        "subset": {"sample_id": np.asarray(subset, np.int64)},
    }


@given(
    n=st.integers(6, 60),
    rate=st.sampled_from([0.0, 0.3, 0.5, 0.9]),
    step=st.sampled_from([0.05, 0.1, 0.25, 1.0]),
    ridge=st.sampled_from([0.5, 1.0]),
    share=st.sampled_from([0.2, 1.0]),
    seed=st.integers(0, 9),
)
def test_the_best_window_equals_the_oracle(n, rate, step, ridge, share, seed):
    rng = np.random.default_rng(seed)
    labels, subset = rng.integers(0, 3, n), np.sort(rng.permutation(n)[: max(1, round(share * n))])
    scores = rng.integers(0, n, n)
    embeddings = (np.eye(3)[labels] + rng.normal(size=(n, 3))).astype(np.float32)
    n_kept = max(1, count_kept(n, rate))
    labels = np.unique(labels, return_inverse=True)[1]
    chosen = {"labels": labels, "tables": tables_of(embeddings, subset), "start": "auto", "step": step, "ridge": ridge}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ridge, "CHUNK", 7)
        kept = select(scores, 1 - n_kept / n, "window", **chosen)
    first = oracles.best_window(scores, labels, embeddings, set(subset.tolist()), n_kept, step, ridge)
    assert kept.tolist() == oracles.window(scores, first, n_kept)


@pytest.mark.parametrize("rows", [[90], [30, 60]], ids=["whole", "in shards"])
def test_auto_of_tables_is_that_of_arrays(rows, tmp_path):
    rng = np.random.default_rng(1)
    scores, labels, subset = rng.permutation(90).astype(np.float32), np.arange(90) % 3, np.arange(0, 90, 3)
    embeddings = (np.eye(3)[labels] + rng.normal(size=(90, 3))).astype(np.float16)
    write_samples(tmp_path, scores, labels)
    ids = read_table(tmp_path / "samples.parquet")["sample_id"]
    shards, start = [], 0
    for n in rows:
        own, start = slice(start, start + n), start + n
        shards.append(tmp_path / f"embeddings-{n}.parquet")
        write_vectors(shards[-1], {}, sample_id=ids[own], embedding=embeddings[own])
    write_table(tmp_path / "subset.parquet", SUBSET, {}, sample_id=ids[subset], label=labels[subset])
    paths, read = {"embeddings": shards, "subset": [tmp_path / "subset.parquet"]}, ("samples", "scores")
    method = {"name": "window", "start": "auto"}
    blocks = select_tables(*(tmp_path / f"{name}.parquet" for name in read), {"rate": 0.6}, method, 0, tables=paths)
    write_blocks(tmp_path / "kept.parquet", KEPT, {}, blocks)
    kept = np.searchsorted(ids, read_table(tmp_path / "kept.parquet")["sample_id"])
    assert (
        kept.tolist()
        == select(scores, 0.6, "window", labels, start="auto", tables=tables_of(embeddings, subset)).tolist()
    )
    assert kept.tolist() != oracles.window(scores, 0, 36)  # another start than the first


def test_a_window_of_wrong_labels_is_passed_over():
    rng = np.random.default_rng(0)
    labels = np.arange(100) % 2
    embeddings = np.eye(2)[labels] + 0.1 * rng.normal(size=(100, 2))
    given, scores = labels.copy(), np.arange(100, 0, -1)
    given[:20] = 1 - given[:20]  # the highest scores
    kept = select(scores, 0.8, "window", given, start="auto", step=0.1, tables=tables_of(embeddings, range(90, 100)))
    assert kept.tolist() == list(range(20, 40))  # the first of those that are right
    assert select(scores, 0.8, "window", given, start=0.2).tolist() == kept.tolist()


def test_auto_reads_labels_and_tables_and_a_start_is_a_share():
    assert method_options("selection", "window")(start="auto").needs() == ("embeddings", "subset", "samples")
    assert method_options("selection", "window")().needs() == ()
    with pytest.raises(InputFault, match="labels are missing"):
        select(np.arange(10), 0.5, "window", start="auto", tables=tables_of(np.ones((10, 2)), [1]))
    with pytest.raises(InputFault, match="the table embeddings is missing"):
        select(np.arange(10), 0.5, "window", np.arange(10) % 2, start="auto", tables={"subset": {"sample_id": [1]}})
    for start in (-0.1, 1.0, "late"):
        with pytest.raises(ValueError, match="start"):
            select(np.arange(10), 0.5, "window", start=start)


def test_rates_below_the_start_are_refused():
    message = (
        r"window: its option start = 0.3 leaves 7 of 10 samples, and 8 are to be kept; lower it to the share that is "
        r"pruned or less, or keep fewer"
    )
    with pytest.raises(InputFault, match=message):
        select(np.arange(10), 0.2, "window", start=0.3)
    assert select(np.arange(10), 0.3, "window", start=0.3).tolist() == list(range(7))
