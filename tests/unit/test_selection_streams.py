"""Selection from tables, batch by batch: what the oracles keep, whatever the batches, in memory that does not grow."""

import itertools
import tracemalloc
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from score_extrapolation.class_places import share_out
from score_extrapolation.faults import InputFault
from score_extrapolation.io import tables
from score_extrapolation.io.tables import (
    KEPT,
    SAMPLES,
    SCORES,
    read_metadata,
    read_table,
    write_blocks,
    write_table,
    write_vectors,
)
from score_extrapolation.plugins import method_constant
from score_extrapolation.rng import derive_seed
from score_extrapolation.selection import _highest, _samples, count_kept, select, select_tables
from selecting import METHODS, NOT_NESTED, OPTIONS, doubts_of, made_tables, random_doubts, reads_doubts, tables_of

every_method = pytest.mark.parametrize("method", METHODS)
few_values = st.sampled_from([-np.inf, -2.5, -0.0, 0.0, 1e-42, 1.0, 1.0000001, 7.0, np.inf])
RATES = [0, 0.1, 0.25, 0.5, 0.7, 0.9]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


def write_samples(folder, scores, labels=None, ids=None):
    """Write the tables of samples, whose ids are not 0..n-1 unless they are given, and of their scores."""
    n = len(scores)
    ids = np.sort(np.random.default_rng(0).permutation(10 * n)[:n]) + 1000 if ids is None else ids
    labels = np.zeros(n, np.int64) if labels is None else np.asarray(labels)
    sources = np.array([f"image {i}" for i in ids], object)
    write_table(folder / "samples.parquet", SAMPLES, {}, sample_id=ids, label=labels, source=sources)
    write_table(folder / "scores.parquet", SCORES, {}, sample_id=ids, score=np.asarray(scores, np.float32))
    write_table(folder / "doubts.parquet", SCORES, {}, sample_id=ids, score=random_doubts(n))
    for name, columns in made_tables(ids).items():
        write_vectors(table_file(folder, name), {}, **columns)


def table_file(folder, name):
    """Return where `write_samples` writes a table that a method may need."""
    return folder / f"{name.replace('/', '_')}.parquet"


def table_paths(folder, method):
    return {name: table_file(folder, name) for name in tables_of(method, 1)}


def selected(folder, rate, method, seed=0):
    """Return the table of what is kept."""
    scored = method_constant("selection", method, "SCORED")
    scores_path = folder / "scores.parquet" if scored else None
    doubts_path = folder / "doubts.parquet" if reads_doubts(method) else None
    chosen, paths = {"name": method, **OPTIONS.get(method, {})}, table_paths(folder, method)
    blocks = select_tables(
        folder / "samples.parquet", scores_path, {"rate": rate}, chosen, seed, doubts_path, tables=paths
    )
    write_blocks(folder / "kept.parquet", KEPT, {"stage": "selection"}, blocks)
    return read_table(folder / "kept.parquet")


def rows_kept(folder, *case):
    ids = read_table(folder / "samples.parquet")["sample_id"]
    return np.searchsorted(ids, selected(folder, *case)["sample_id"]).tolist()


def in_batches(batch, counters):
    """A context in which batches have so many rows and so many counters are allowed."""
    patch = pytest.MonkeyPatch()
    patch.setattr(_samples, "BATCH", batch)
    patch.setattr(_highest, "COUNTERS", counters)
    return patch


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(few_values, min_size=1, max_size=40),
    rate=st.sampled_from(RATES),
    batch=st.integers(3, 45),
    counters=st.sampled_from([1, 2, 8, 2**10, 2**16]),
)
def test_top_equals_the_oracle_whatever_the_batches_and_counters(scores, rate, batch, counters, folder):
    if count_kept(len(scores), rate) == 0:
        return
    write_samples(folder, scores)
    patch = in_batches(batch, counters)
    try:
        assert rows_kept(folder, rate, "top") == oracles.top(np.float32(scores), rate)
    finally:
        patch.undo()


@settings(max_examples=40, deadline=None)
@given(
    samples=st.lists(st.tuples(few_values, st.sampled_from([0, 1, 1, 1, 3, 3, 3, 3, 4, 4])), min_size=1, max_size=40),
    rate=st.sampled_from(RATES),
    batch=st.integers(3, 45),
    counters=st.sampled_from([1, 5, 10, 40, 2**12, 2**22]),
)
def test_class_balanced_equals_the_oracle_whatever_the_batches_and_counters(samples, rate, batch, counters, folder):
    scores, labels = zip(*samples, strict=True)  # no sample has label 2
    if count_kept(len(scores), rate) == 0:
        return
    write_samples(folder, scores, labels)
    patch = in_batches(batch, counters)
    try:
        expected = oracles.class_balanced(np.float32(scores), labels, rate)
        assert rows_kept(folder, rate, "class_balanced") == expected
        assert select(np.float32(scores), rate, "class_balanced", labels).tolist() == expected
    finally:
        patch.undo()


@given(
    scores=st.lists(st.floats(allow_nan=False), min_size=1, max_size=60),
    rate=st.sampled_from(RATES),
    batch=st.integers(1, 70),
)
def test_top_of_arrays_ranks_every_float64_as_sorting_does(scores, rate, batch):
    if (n_kept := count_kept(len(scores), rate)) == 0:
        return
    patch = in_batches(batch, 2**16)
    try:
        expected = np.sort(np.argsort(-np.array(scores), kind="stable")[:n_kept])
        np.testing.assert_array_equal(select(scores, rate), expected)
    finally:
        patch.undo()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_keys_are_in_the_order_of_the_scores(dtype, data):
    width = 8 * np.dtype(dtype).itemsize
    values = data.draw(st.lists(st.floats(allow_nan=False, width=width), min_size=2, max_size=20))
    values += [0.0, -0.0, np.inf, -np.inf]
    values = np.array(values, dtype)
    keys = _highest.ordered_keys(values)
    assert keys.dtype == f"u{np.dtype(dtype).itemsize}"
    for i, j in itertools.product(range(len(values)), repeat=2):
        assert (values[i] < values[j]) == (keys[i] < keys[j])
    assert keys.max() < np.iinfo(keys.dtype).max  # which stands for none


@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=8).filter(any), share=st.floats(0, 1))
def test_places_are_shared_out_as_by_listing_all_shares(sizes, share):
    n_kept = max(1, round(share * sum(sizes)))
    n_highest, contested, n_more = share_out(n_kept, np.array(sizes))
    shares = sorted(Fraction(before, size) for size in sizes for before in range(size))
    boundary = shares[n_kept - 1]
    before = [sum(Fraction(i, size) < boundary for i in range(size)) for size in sizes]
    equal = [any(Fraction(i, size) == boundary for i in range(size)) for size in sizes]
    if sum(before) + sum(equal) == n_kept:  # there is a place for each
        assert (n_highest.tolist(), n_more) == ([b + e for b, e in zip(before, equal, strict=True)], 0)
        assert not contested.any()
    else:
        assert (n_highest.tolist(), contested.tolist(), n_more) == (before, equal, n_kept - sum(before))


@given(
    classes=st.lists(st.tuples(st.integers(0, 30), st.sampled_from([1, 1, 0.1, 0.5, 3, 7.25])), min_size=1, max_size=8),
    share=st.floats(0, 1),
)
def test_places_are_shared_out_by_weights_as_by_listing_what_is_before(classes, share):
    sizes, weights = map(list, zip(*classes, strict=True))
    if not any(sizes):
        return
    n_kept = max(1, round(share * sum(sizes)))
    n_highest, contested, n_more = share_out(n_kept, np.array(sizes), np.array(weights))
    before = sorted((i / Fraction(w), c) for c, (size, w) in enumerate(classes) for i in range(size))
    boundary = before[n_kept - 1][0]
    below = [sum(at < boundary and c == i for at, c in before) for i in range(len(sizes))]
    equal = [any(at == boundary and c == i for at, c in before) for i in range(len(sizes))]
    if sum(below) + sum(equal) == n_kept:  # there is a place for each
        below, equal = [b + e for b, e in zip(below, equal, strict=True)], [False] * len(sizes)
    assert (n_highest.tolist(), contested.tolist(), n_more) == (below, equal, n_kept - sum(below))


def test_places_among_classes_of_a_billion_are_shared_out_exactly():
    # In float64 499,999,999 / 999,999,999 and 500,000,000 / 1,000,000,001 differ by less than a rounding error.
    n_highest, contested, n_more = share_out(10**9, np.array([999_999_999, 1_000_000_001]))
    assert n_highest.sum() + n_more == 10**9
    assert n_highest.tolist() == [500_000_000, 500_000_000]
    assert not contested.any()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), n=st.integers(1, 120), n_values=st.integers(1, 300))
def test_tables_and_arrays_give_the_same_and_a_higher_rate_keeps_a_part_of_a_lower_one(seed, n, n_values, folder):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, n_values, n).astype(np.float32), rng.integers(0, 1 + n // 7, n)
    write_samples(folder, scores, labels)
    for method in METHODS:
        kept = [rows_kept(folder, rate, method, 3) for rate in RATES if count_kept(n, rate)]
        rates, options = [rate for rate in RATES if count_kept(n, rate)], OPTIONS.get(method, {})
        given = {"doubts": doubts_of(method, n), "tables": tables_of(method, n), **options}
        expected = [select(scores, rate, method, labels, 3, **given).tolist() for rate in rates]
        assert kept == expected
        nested = all(set(fewer) <= set(more) for more, fewer in itertools.pairwise(kept))
        assert nested or method in NOT_NESTED


@every_method
def test_row_groups_and_batches_change_no_byte(method, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    write_samples(tmp_path, rng.integers(0, 200, 1000), rng.integers(0, 7, 1000))
    selected(tmp_path, 0.4, method)
    expected = (tmp_path / "kept.parquet").read_bytes()
    for batch, of_samples, of_scores in ((1000, 1, 1000), (64, 100, 37), (7, 1000, 999)):
        monkeypatch.setattr(_samples, "BATCH", batch)
        for name, rows in (("samples", of_samples), ("scores", of_scores)):
            path = tmp_path / f"{name}.parquet"
            pq.write_table(pq.read_table(path), path, row_group_size=rows)
        selected(tmp_path, 0.4, method)
        assert (tmp_path / "kept.parquet").read_bytes() == expected


@every_method
@pytest.mark.parametrize("rate", [0.0, 0.5, 0.9])
def test_a_table_is_selected_by_sample_id(method, rate, tmp_path):
    rng = np.random.default_rng(0)
    write_samples(tmp_path, rng.integers(0, 20, 60), rng.integers(0, 4, 60))
    samples, scores = (read_table(tmp_path / f"{name}.parquet") for name in ("samples", "scores"))
    kept = selected(tmp_path, rate, method)
    assert list(kept) == KEPT.names
    rows = np.searchsorted(samples["sample_id"], kept["sample_id"])
    for name in ("sample_id", "label", "source"):
        np.testing.assert_array_equal(kept[name], samples[name][rows])
    assert len(rows) == count_kept(60, rate)
    scored = method_constant("selection", method, "SCORED")
    np.testing.assert_array_equal(kept["score"], scores["score"][rows] if scored else np.full(len(rows), np.nan))
    assert pq.read_table(tmp_path / "kept.parquet")["score"].null_count == (0 if scored else len(rows))
    assert read_metadata(tmp_path / "kept.parquet") == {"stage": "selection"}
    # The same bytes as of the table written at once.
    write_table(tmp_path / "at_once.parquet", KEPT, {"stage": "selection"}, **kept)
    assert (tmp_path / "at_once.parquet").read_bytes() == (tmp_path / "kept.parquet").read_bytes()


@pytest.mark.parametrize("score", [1.0, -np.inf, np.inf])
def test_ties_in_a_table_keep_the_lower_id(score, tmp_path):
    write_samples(tmp_path, np.full(60, score))
    assert rows_kept(tmp_path, 0.5, "top") == list(range(30))
    assert rows_kept(tmp_path, 0.5, "class_balanced") == list(range(30))


@pytest.mark.parametrize("method", ["top", "class_balanced"])
def test_relabelled_samples_are_kept_alike(method, tmp_path):
    rng = np.random.default_rng(0)
    scores, labels = rng.permutation(60), rng.integers(0, 4, 60)  # no ties: they go by id
    write_samples(tmp_path, scores, labels)
    kept = selected(tmp_path, 0.7, method)["score"]
    moved = rng.permutation(60)
    write_samples(tmp_path, scores[moved], labels[moved])
    assert set(kept.tolist()) == set(selected(tmp_path, 0.7, method)["score"].tolist())


def test_random_keeps_the_first_of_a_permutation(tmp_path):
    write_samples(tmp_path, np.zeros(500))
    permutation = np.random.default_rng(derive_seed(7, "selection/random")).permutation(500)
    assert rows_kept(tmp_path, 0.7, "random", 7) == np.sort(permutation[:150]).tolist()


@pytest.mark.parametrize("method", ["top", "class_balanced"])
@pytest.mark.parametrize("batch", [2, 100])
def test_nan_is_refused_with_its_row_and_writes_nothing(method, batch, tmp_path, monkeypatch):
    monkeypatch.setattr(_samples, "BATCH", batch)
    write_samples(tmp_path, [1, 2, 3, 4, 5, np.nan, 7, np.nan])
    with pytest.raises(InputFault, match=r"^2 scores are NaN, the first in row 5; none can be ranked$"):
        selected(tmp_path, 0.5, method)
    assert not (tmp_path / "kept.parquet").exists()
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["doubts", "neighbors_all", "samples", "scores"]


@pytest.mark.parametrize("batch", [2, 100])
def test_scores_of_other_samples_are_refused_and_write_nothing(batch, tmp_path, monkeypatch):
    monkeypatch.setattr(_samples, "BATCH", batch)
    ids = np.arange(10)
    write_samples(tmp_path, np.arange(10), ids=ids)
    write_table(tmp_path / "scores.parquet", SCORES, {}, sample_id=ids + (ids > 6), score=ids)
    expected = r"scores.parquet: row 7 is sample 8, but in .*samples.parquet it is sample 7; make it anew"
    with pytest.raises(InputFault, match=expected):
        selected(tmp_path, 0.5, "top")
    write_table(tmp_path / "scores.parquet", SCORES, {}, sample_id=ids[1:], score=ids[1:])
    with pytest.raises(InputFault, match=r"scores.parquet: has 9 samples, .*samples.parquet has 10; make it anew"):
        selected(tmp_path, 0.5, "top")
    assert not (tmp_path / "kept.parquet").exists()


@pytest.mark.parametrize(("rate", "fault"), [(0.95, "keeps none of 3 samples"), (1.5, "is not in")])
def test_a_rate_is_checked_for_tables_too(rate, fault, tmp_path):
    write_samples(tmp_path, [1, 2, 3])
    with pytest.raises(InputFault, match=fault):
        selected(tmp_path, rate, "top")


def peak_bytes(folder, method):
    """Return what numpy holds at most while a method selects, and Arrow from block to block."""
    scores_path = folder / "scores.parquet" if method_constant("selection", method, "SCORED") else None
    doubts_path = folder / "doubts.parquet" if reads_doubts(method) else None
    chosen, paths = {"name": method}, table_paths(folder, method)
    read = folder / "samples.parquet", scores_path
    blocks = select_tables(*read, {"rate": 0.5}, chosen, 0, doubts_path, tables=paths)
    before, of_arrow = pa.total_allocated_bytes(), 0

    def watched():
        nonlocal of_arrow
        for block in blocks:
            of_arrow = max(of_arrow, pa.total_allocated_bytes() - before)
            yield block

    tracemalloc.start()
    try:
        write_blocks(folder / "kept.parquet", KEPT, {}, watched())
        return tracemalloc.get_traced_memory()[1] + of_arrow
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(_samples, "BATCH", 2048)
    monkeypatch.setattr(_highest, "COUNTERS", 2**12)
    monkeypatch.setattr(tables, "ROW_GROUP", 2**13)
    peaks = {method: [] for method in ("top", "class_balanced", "window", "random", "ccs", "beta", "chance")}
    for n in (50_000, 400_000):
        rng = np.random.default_rng(0)
        write_samples(tmp_path, rng.normal(size=n), rng.integers(0, 20, n), np.arange(n))
        for method in peaks:
            peak_bytes(tmp_path, method)  # what is held from the first call on does not count
            peaks[method].append(peak_bytes(tmp_path, method))
    for method in ("top", "class_balanced", "window"):
        fewer, more = peaks[method]
        assert more - fewer < 0.5 * 350_000, peaks  # what Parquet notes of each row group, here of 8,192 rows
    fewer, more = peaks["random"]
    assert 4 * 350_000 < more - fewer < 6 * 350_000, peaks  # its permutation, 4 bytes, and a mask
    fewer, more = peaks["ccs"]
    assert 40 * 350_000 < more - fewer < 66 * 350_000, peaks  # its docstring says 63
    fewer, more = peaks["beta"]
    assert 40 * 350_000 < more - fewer < 66 * 350_000, peaks  # its docstring says some 60
    fewer, more = peaks["chance"]
    assert 20 * 350_000 < more - fewer < 36 * 350_000, peaks  # its docstring says 36, of one draw


def test_a_method_may_ask_for_whole_columns(monkeypatch):
    monkeypatch.setattr(_samples, "BATCH", 3)
    samples = _samples.SampleArrays(np.arange(10.0), np.arange(10) % 4)
    np.testing.assert_array_equal(samples.read("score"), np.arange(10.0))
    np.testing.assert_array_equal(samples.read("label"), np.arange(10) % 4)
    assert samples.class_sizes().tolist() == [3, 3, 2, 2]
    masks = list(samples.masks(np.array([9, 0, 4])))
    assert [mask.tolist() for mask in masks] == [[True, False, False], [False, True, False], [False] * 3, [True]]


@pytest.mark.parametrize("rows", [np.array([1, 1, 2]), np.array([1])])
def test_a_method_that_keeps_another_number_is_found_out(rows, monkeypatch):
    from score_extrapolation.selection import top

    monkeypatch.setattr(top, "keep", lambda options, n_kept, samples, seed: rows)
    with pytest.raises(ValueError, match=r"top keeps [12] samples, but was asked for 3 different ones"):
        select(np.arange(6.0), 0.5)
