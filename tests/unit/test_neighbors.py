"""The exact search equals the full matrix of distances, whatever the offset, the norm, the blocks and the threads."""

import faiss
import numpy as np
import pytest

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.neighbors import exact, find_subset_neighbors
from score_extrapolation.neighbors.exact import find_neighbors


def vectors(n, d=64, seed=0, scale=1.0, offset=0.0):
    return (np.random.default_rng(seed).normal(size=(n, d)) * scale + offset).astype(np.float32)


@pytest.fixture(params=[1, 10**9], ids=["expanded squares", "differences"], autouse=True)
def both_ways_of_faiss(request):
    """faiss expands |x - y|^2 and multiplies matrices from so many queries on; its default differs between versions."""
    before = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = request.param
    yield
    faiss.cvar.distance_compute_blas_threshold = before


def assert_equals_oracle(base, queries, k, rtol=1e-5):
    rows, distances = find_neighbors(base, queries, k)
    expected_rows, expected_distances = oracles.neighbors(base, queries, k)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected_distances, rtol=rtol, atol=1e-6 * np.abs(base - base.mean(0)).max())
    assert rows.dtype == np.int64
    assert distances.dtype == np.float32


@pytest.mark.parametrize("m, q, k", [(50, 30, 1), (50, 30, 10), (300, 7, 100), (12, 40, 12), (200, 1, 5), (1, 3, 1)])
@pytest.mark.parametrize("d", [1, 2, 64])
def test_the_search_equals_the_oracle(m, q, k, d):
    assert_equals_oracle(vectors(m, d), vectors(q, d, seed=1), k)


def test_a_common_offset_costs_no_precision():
    assert_equals_oracle(vectors(200, offset=1e4), vectors(50, seed=1, offset=1e4), 20)


def test_large_norms_cost_no_precision():
    base, queries = vectors(200, scale=1250), vectors(50, seed=1, scale=1250)
    assert 9e3 < np.linalg.norm(base, axis=1).mean() < 1.1e4
    assert_equals_oracle(base, queries, 20)


def test_duplicates_are_at_distance_zero_and_the_lower_row_comes_first():
    base = vectors(60, offset=100.0, scale=30.0)
    base[[5, 41, 17]] = base[33]
    rows, distances = find_neighbors(base, base[[33]], 6)
    assert rows[0, :4].tolist() == [5, 17, 33, 41]
    assert distances[0, :4].tolist() == [0, 0, 0, 0]
    assert distances[0, 4] > 0


def test_neighbours_closer_together_than_float32_tells_are_in_order():
    # Around a point far from the centre lie twelve at distances that differ by a 10,000th.
    rng = np.random.default_rng(0)
    base, directions = vectors(200, scale=20.0), rng.normal(size=(12, 64))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    base[100:112] = base[7] + directions * np.linspace(1.0011, 1.0, 12)[:, None]
    assert_equals_oracle(base, base[[7] * 30], 6)


def test_equal_distances_are_in_the_order_of_rows():
    base = np.array([[3.0, 0], [0, -1], [1, 0], [0, 1], [-1, 0], [0, 3]], np.float32)
    rows, distances = find_neighbors(base, np.zeros((1, 2), np.float32), 6)
    assert rows[0].tolist() == [1, 2, 3, 4, 0, 5]
    np.testing.assert_allclose(distances[0], [1, 1, 1, 1, 3, 3], rtol=1e-6)


def test_equal_distances_whose_squares_round_apart_are_in_the_order_of_rows():
    point = np.random.default_rng(0).integers(500, 2000, 64)  # its square, 1e8, is no float32
    around = np.concatenate([point + np.eye(64, dtype=int)[:5], point - np.eye(64, dtype=int)[:5]])
    base = np.concatenate([around, -around]).astype(np.float32)  # centred at 0, so that all distances are exact
    rows, distances = find_neighbors(base, np.repeat(point[None], 3, axis=0).astype(np.float32), 6)
    assert rows.tolist() == [[0, 1, 2, 3, 4, 5]] * 3
    assert (distances == 1).all()


def test_fewer_neighbours_are_a_prefix_of_more():
    base, queries = vectors(100), vectors(40, seed=1)
    (few, few_distances), (many, many_distances) = (find_neighbors(base, queries, k) for k in (5, 20))
    np.testing.assert_array_equal(few, many[:, :5])
    np.testing.assert_array_equal(few_distances, many_distances[:, :5])


@pytest.mark.parametrize("block", [1, 7, 19, 64])
def test_the_block_of_queries_does_not_matter(block, monkeypatch):
    base, queries = vectors(150, offset=50.0), vectors(45, seed=1, offset=50.0)
    rows, distances = find_neighbors(base, queries, 10)
    monkeypatch.setattr(exact, "QUERY_BLOCK", block)
    again, distances_again = find_neighbors(base, queries, 10)
    np.testing.assert_array_equal(again, rows)
    np.testing.assert_array_equal(distances_again, distances)


def test_the_number_of_threads_does_not_matter():
    base, queries = vectors(500), vectors(200, seed=1)
    before, found = faiss.omp_get_max_threads(), []
    try:
        for threads in (1, 2):
            faiss.omp_set_num_threads(threads)
            found.append(find_neighbors(base, queries, 10))
    finally:
        faiss.omp_set_num_threads(before)
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])


def test_half_precision_embeddings_are_searched():
    base, queries = vectors(50).astype(np.float16), vectors(20, seed=1).astype(np.float16)
    assert_equals_oracle(base, queries, 5, rtol=1e-4)


def test_no_query_has_no_neighbours():
    rows, distances = find_neighbors(vectors(10), vectors(0), 3)
    assert rows.shape == distances.shape == (0, 3)


def test_more_neighbours_than_samples_are_refused():
    with pytest.raises(InputFault, match="k = 6 neighbours of 5 subset samples were asked for; lower k or raise"):
        find_neighbors(vectors(5), vectors(2), 6)


@pytest.mark.parametrize("in_base", [True, False])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_finite_are_refused(in_base, value):
    base, queries = vectors(20), vectors(20, seed=1)
    (base if in_base else queries)[3, 2] = value
    with np.errstate(invalid="ignore"), pytest.raises(InputFault, match="embeddings are infinite or NaN"):
        find_neighbors(base, queries, 4)


def test_neighbours_of_the_residual_set_are_subset_samples_by_id():
    embeddings = {"sample_id": np.arange(100, 140), "embedding": vectors(40)}
    subset_ids = np.array([101, 102, 110, 125, 139])
    table = find_subset_neighbors(embeddings, subset_ids, 3)
    residual = np.setdiff1d(embeddings["sample_id"], subset_ids)
    np.testing.assert_array_equal(table["sample_id"], residual)
    of = dict(zip(embeddings["sample_id"], embeddings["embedding"], strict=True))
    rows, distances = oracles.neighbors(np.array([of[i] for i in subset_ids]), np.array([of[i] for i in residual]), 3)
    np.testing.assert_array_equal(table["neighbor_ids"], subset_ids[rows])
    np.testing.assert_allclose(table["neighbor_distances"], distances, rtol=1e-5)
