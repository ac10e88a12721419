"""Shards: their limits, tables that are read and gathered shard by shard, searches and graphs as those of one part."""

import itertools
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from score_extrapolation import shards
from score_extrapolation.extrapolators import _graph
from score_extrapolation.faults import InputFault
from score_extrapolation.io import tables
from score_extrapolation.io.named_arrays import read_arrays, write_arrays
from score_extrapolation.io.tables import (
    EXTRAPOLATED,
    gather_table,
    read_blocks,
    read_rows,
    read_table,
    write_table,
    write_vectors,
)
from score_extrapolation.neighbors import Base, exact, find_scope
from score_extrapolation.neighbors.exact import mean_of
from score_extrapolation.shards import BATCH, shard_rows

# Limits


def all_of(n_shards):
    return [(number, n_shards) for number in range(1, n_shards + 1)]


@given(n=st.integers(0, 60 * BATCH), n_shards=st.integers(1, 40))
def test_shards_are_whole_batches_one_after_another_and_together_all_samples(n, n_shards):
    rows = [shard_rows(shard, n) for shard in all_of(n_shards)]
    assert rows[0].start == 0
    assert rows[-1].stop == n
    for one, following in itertools.pairwise(rows):
        assert one.stop == following.start
    assert all(limits.start % BATCH == 0 or limits.start == n for limits in rows)
    batches = [-(-(limits.stop - limits.start) // BATCH) for limits in rows]
    assert max(batches) - min(batches) <= 1


def test_shards_by_hand():
    assert [shard_rows(shard, 7500) for shard in all_of(3)] == [
        slice(0, 2000),
        slice(2000, 5000),
        slice(5000, 7500),
    ]
    assert shard_rows(None, 7500) == slice(0, 7500)
    assert [shard_rows(shard, 1001) for shard in all_of(4)] == [
        slice(0, 0),
        slice(0, 1000),
        slice(1000, 1000),
        slice(1000, 1001),
    ]


# Tables


@pytest.fixture
def in_parts(tmp_path):
    """Ids and vectors of 1,000 samples, the path of their table, and those of its shards, some of them empty."""
    ids, rng = np.arange(5, 3005, 3), np.random.default_rng(0)
    vectors, cuts = rng.random((1000, 4)).astype(np.float32), [0, 0, 300, 301, 301, 1000, 1000]
    write_vectors(tmp_path / "whole.parquet", {}, sample_id=ids, vector=vectors)
    paths = [tmp_path / f"{part}.parquet" for part in range(len(cuts) - 1)]
    for path, start, stop in zip(paths, cuts[:-1], cuts[1:], strict=True):
        write_vectors(path, {}, sample_id=ids[start:stop], vector=vectors[start:stop])
    return ids, vectors, tmp_path / "whole.parquet", paths


def test_a_table_of_several_files_is_read_as_one(in_parts):
    ids, vectors, whole, paths = in_parts
    for given_paths in (whole, [whole], paths):
        table = read_table(given_paths)
        np.testing.assert_array_equal(table["sample_id"], ids)
        np.testing.assert_array_equal(table["vector"], vectors)
    assert list(read_table(paths, ["vector"])) == ["vector"]
    empty = read_table(paths[:1])
    assert empty["sample_id"].shape == (0,)
    assert empty["vector"].shape == (0, 4)


def test_blocks_are_the_rows_in_order_and_no_longer_than_asked_for(in_parts, monkeypatch):
    ids, _, whole, paths = in_parts
    monkeypatch.setattr(tables, "BLOCK", 77)
    for given_paths in (whole, paths):
        blocks = [block["sample_id"] for block in read_blocks(given_paths, ["sample_id"])]
        assert max(map(len, blocks)) == 77
        np.testing.assert_array_equal(np.concatenate(blocks), ids)


@pytest.mark.parametrize("block", [1, 77, 5000])
def test_the_rows_of_some_samples_are_read_from_whatever_file_has_them(block, in_parts, monkeypatch):
    ids, vectors, whole, paths = in_parts
    monkeypatch.setattr(tables, "BLOCK", block)
    rng = np.random.default_rng(1)
    for n in (0, 1, 40, 1000):
        rows = np.sort(rng.permutation(1000)[:n])
        for given_paths in (whole, paths):
            np.testing.assert_array_equal(read_rows(given_paths, "vector", ids[rows]), vectors[rows])
    for missing in (0, 6, 4000):
        with pytest.raises(KeyError):
            read_rows(paths, "vector", np.array([missing]))


@pytest.mark.parametrize("row_group, n_groups", [(2**20, 1), (300, 4), (500, 2), (1000, 1)])
def test_gathered_shards_are_the_file_of_the_whole(row_group, n_groups, tmp_path, monkeypatch):
    rng, ids = np.random.default_rng(0), np.arange(1000)
    columns = {"sample_id": ids, "score": rng.random(1000), "computed": rng.random(1000) < 0.2}
    columns["spread"] = np.where(columns["computed"], np.nan, rng.random(1000))
    columns["draws"] = rng.random((1000, tables.DRAWS))
    cuts, paths = [0, 0, 10, 600, 1000, 1000], []
    for start, stop in itertools.pairwise(cuts):
        paths.append(tmp_path / f"{len(paths)}.parquet")
        write_table(paths[-1], EXTRAPOLATED, {}, **{name: values[start:stop] for name, values in columns.items()})
    monkeypatch.setattr(tables, "ROW_GROUP", row_group)
    gather_table(tmp_path / "gathered.parquet", {"stage": "extrapolation"}, paths)
    write_table(tmp_path / "whole.parquet", EXTRAPOLATED, {"stage": "extrapolation"}, **columns)
    assert tables.pq.ParquetFile(tmp_path / "gathered.parquet").metadata.num_row_groups == n_groups
    for name, values in read_table(tmp_path / "whole.parquet").items():
        np.testing.assert_array_equal(read_table(tmp_path / "gathered.parquet")[name], values)
    if n_groups == 1:
        assert (tmp_path / "gathered.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    gather_table(tmp_path / "none.parquet", {}, [paths[0], paths[0]])
    assert read_table(tmp_path / "none.parquet")["score"].shape == (0,)


def test_arrays_come_back_as_they_were_written_and_one_by_one(tmp_path):
    arrays = {"a": np.arange(6.0).reshape(2, 3).T, "b": np.empty(0, np.int64), "c": np.float32([[1]])}
    write_arrays(tmp_path / "arrays.safetensors", {"seed": 1}, **arrays)
    back = read_arrays(tmp_path / "arrays.safetensors")
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
        assert back[name].dtype == array.dtype
    assert list(read_arrays(tmp_path / "arrays.safetensors", ["b"])) == ["b"]


# Searches


def samples_case(n, d, m, seed=0, grid=False):
    """Embeddings of samples with ids, many of them duplicates on a `grid`; labels, and the ids of a subset."""
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.permutation(10 * n)[:n])
    vectors = rng.integers(0, 2, (n, d)) if grid else rng.normal(size=(n, d)) + 5
    samples = {"sample_id": ids, "label": rng.integers(0, 3, n)}
    return {"sample_id": ids, "embedding": vectors.astype(np.float32)}, np.sort(rng.permutation(ids)[:m]), samples


def rows_of_table(table, rows):
    return {name: column[rows] for name, column in table.items()}


def by_shards(scope, embeddings, subset_ids, k, samples, n_shards, **settings):
    """Return what `find_scope` finds shard by shard, as one table."""
    n = len(embeddings["sample_id"])
    parts = [rows_of_table(embeddings, shard_rows(shard, n)) for shard in all_of(n_shards)]
    of_subset = np.isin(embeddings["sample_id"], subset_ids)
    centre = mean_of(part["embedding"] for part in parts)
    found = []
    for part in parts:
        base = Base(n, iter(parts), centre) if scope == "all" else None
        base = base or Base(len(subset_ids), [rows_of_table(embeddings, of_subset)])
        found.append(find_scope(scope, part, subset_ids, k, samples, base=base, **settings)[0])
    return {name: np.concatenate([columns[name] for columns in found]) for name in found[0]}


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(8, 120),
    d=st.integers(1, 40),
    n_shards=st.integers(1, 9),
    batch=st.integers(1, 60),
    grid=st.booleans(),
    scope=st.sampled_from(["subset", "label", "all"]),
    seed=st.integers(0, 99),
)
def test_neighbours_of_any_shards_are_those_of_one_part_to_the_bit(n, d, n_shards, batch, grid, scope, seed):
    embeddings, subset_ids, samples = samples_case(n, d, n // 2, seed, grid)
    k = n // 2 if scope != "all" else min(7, n - 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "BATCH", batch)
        patch.setattr(exact, "BATCH", batch)
        whole, _ = find_scope(scope, embeddings, subset_ids, k, samples)
        parts = by_shards(scope, embeddings, subset_ids, k, samples, n_shards)
    for name, values in whole.items():
        np.testing.assert_array_equal(parts[name], values)
        assert parts[name].dtype == values.dtype


def test_no_more_than_one_table_of_the_base_is_in_memory():
    embeddings, subset_ids, _ = samples_case(50, 3, 20)
    read = []

    def tables_in_turn():
        for start in range(0, 50, 10):
            assert all(vectors() is None for vectors in read)
            vectors = embeddings["embedding"][start : start + 10].copy()
            read.append(weakref.ref(vectors))
            yield {"sample_id": embeddings["sample_id"][start : start + 10], "embedding": vectors}
            del vectors

    base = Base(50, tables_in_turn(), mean_of([embeddings["embedding"]]))
    find_scope("all", rows_of_table(embeddings, slice(0, 10)), subset_ids, 3, base=base)
    assert len(read) == 5


def test_more_neighbours_than_all_shards_have_are_one_sentence():
    embeddings, subset_ids, samples = samples_case(20, 3, 10)
    part = rows_of_table(embeddings, slice(0, 5))
    with pytest.raises(InputFault, match="k = 20 neighbours of 19 other samples"):
        find_scope("all", part, subset_ids, 20, base=Base(20, [embeddings], np.zeros(3, np.float32)))
    with pytest.raises(InputFault, match="k = 11 neighbours of 10 subset samples"):
        find_scope("subset", part, subset_ids, 11, samples, base=Base(10, [embeddings]))


@settings(max_examples=50)
@given(n=st.integers(1, 300), d=st.integers(1, 20), batch=st.integers(1, 100), data=st.data())
def test_the_mean_has_the_same_bits_however_the_rows_are_split(n, d, batch, data):
    rows = np.random.default_rng(n).normal(1e3, 1, (n, d)).astype(np.float32)
    cuts = data.draw(st.lists(st.integers(0, n), max_size=6).map(sorted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "BATCH", batch)
        one = mean_of([rows])
        np.testing.assert_array_equal(mean_of(np.split(rows, cuts)), one)
    np.testing.assert_allclose(one, rows.astype(np.float64).mean(axis=0), rtol=1e-6)
    assert one.dtype == np.float32


# Graphs


@settings(max_examples=40, deadline=None)
@given(n=st.integers(4, 60), k=st.integers(1, 3), grid=st.booleans(), data=st.data())
def test_rows_of_a_graph_are_those_of_the_whole_graph_to_the_bit(n, k, grid, data):
    embeddings, _, _ = samples_case(n, 2, 1, grid=grid)
    rows, distances = oracles.neighbors_among_all(embeddings["embedding"], k)
    whole = _graph.neighbor_graph(rows, distances)
    normalised, sums = _graph.normalise(whole), _graph.degrees(whole)
    cuts = [0, *data.draw(st.lists(st.integers(0, n), max_size=4).map(sorted)), n]
    parts = [slice(start, stop) for start, stop in itertools.pairwise(cuts)]
    blocks = [(np.arange(n)[part], rows[part], distances[part]) for part in parts]
    for part in parts:
        graph = _graph.neighbor_graph_rows(iter(blocks), n, part)
        expected = _graph.take_rows(whole, np.arange(n)[part])
        for found, wanted in zip(graph[:3], expected[:3], strict=True):
            np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(_graph.degrees(graph), sums[part])
        weights = _graph.normalise(graph, sums, part.start).weights
        np.testing.assert_array_equal(weights, _graph.take_rows(normalised, np.arange(n)[part]).weights)
