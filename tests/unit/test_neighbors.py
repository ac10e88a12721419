"""The exact search equals the full matrix of distances on every device, and the approximate one says how far it is."""

import faiss
import numpy as np
import pytest

import oracles
from score_extrapolation import neighbors
from score_extrapolation.faults import InputFault
from score_extrapolation.neighbors import exact, find_scope, torch_search
from score_extrapolation.neighbors.exact import ExactIndex, find_neighbors, without_itself
from score_extrapolation.neighbors.faiss_search import FaissSearch
from score_extrapolation.neighbors.label import find_label_neighbors
from score_extrapolation.neighbors.torch_search import TorchSearch
from score_extrapolation.progress import Progress


def vectors(n, d=64, seed=0, scale=1.0, offset=0.0):
    return (np.random.default_rng(seed).normal(size=(n, d)) * scale + offset).astype(np.float32)


@pytest.fixture(params=["expanded squares", "differences", "torch"], autouse=True)
def every_way_to_search(request, monkeypatch):
    """What searches a GPU, on the CPU; and faiss with and without matrix products, whose default differs by version."""
    if request.param == "torch":
        monkeypatch.setattr(exact, "_search_on", lambda device: TorchSearch)
        monkeypatch.setattr(torch_search, "BASE_BLOCK", 64)
    before = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = 10**9 if request.param == "differences" else 1
    yield request.param
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
    monkeypatch.setattr(FaissSearch, "block", block)
    monkeypatch.setattr(TorchSearch, "block", block)
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


@pytest.mark.parametrize("where", ["base", "queries", "both"])
def test_vectors_too_large_for_their_squares_are_refused(where):
    base, queries = vectors(40), vectors(20, seed=1)
    for name, array in (("base", base), ("queries", queries)):
        if where in (name, "both"):
            array *= np.float32(1e30)
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(InputFault, match="infinite or NaN"):
        find_neighbors(base, queries, 4)


# Ties, and what rounding may hide


@pytest.mark.parametrize("k", [1, 10, 40, 59, 60])
def test_of_many_duplicates_the_lowest_rows_are_taken(k):
    base = np.repeat(vectors(1), 60, axis=0)
    rows, distances = find_neighbors(base, base[:3], k)
    assert rows.tolist() == [list(range(k))] * 3
    assert (distances == 0).all()


def test_more_ties_at_the_last_place_than_candidates_are_in_the_order_of_rows():
    # Ten nearest ones, then a hundred duplicates that share the last ten places.
    base = np.concatenate([np.repeat(vectors(1, seed=1), 100, axis=0), np.zeros((10, 64), np.float32)])
    order = np.random.default_rng(2).permutation(len(base))
    assert_equals_oracle(base[order], np.zeros((4, 64), np.float32), 20)


def test_tight_clusters_far_from_each_other_are_searched_exactly():
    # Distances within a cluster are a 30,000th of those between clusters: below the rounding of expanded squares.
    rng = np.random.default_rng(0)
    clusters = (rng.normal(size=(4, 16)) * 30_000).round().astype(np.float32)
    within = rng.integers(-3, 4, size=(400, 16)).astype(np.float32)
    points = clusters[rng.integers(0, 4, 400)] + within
    rows, distances = find_neighbors(points, points[:50], 30)
    expected_rows, expected_distances = oracles.neighbors(points, points[:50], 30)
    # Equal distances are told apart by the rounding of the centre; the distances themselves are those of the oracle.
    np.testing.assert_allclose(distances, expected_distances, atol=0.02)
    for found, expected, apart in zip(rows, expected_rows, expected_distances, strict=True):
        surely = set(expected[apart < apart[-1] - 0.02])
        assert surely <= set(found)


def test_only_what_rounding_may_hide_is_compared_with_everything(monkeypatch):
    compared = []
    of_all = ExactIndex._nearest_of_all
    monkeypatch.setattr(
        ExactIndex,
        "_nearest_of_all",
        lambda self, queries, k: compared.append(len(queries)) or of_all(self, queries, k),
    )
    find_neighbors(vectors(3000), vectors(200, seed=1), 10)
    assert not compared
    base = vectors(300)
    base[100:200] = base[7]
    find_neighbors(base, np.concatenate([vectors(30, seed=1), base[[7, 7, 7]]]), 10)
    assert compared == [3]


@pytest.mark.parametrize("n_pairs", [1, 200, 10**6])
def test_how_many_are_compared_with_everything_at_a_time_does_not_matter(n_pairs, monkeypatch):
    base = np.concatenate([np.repeat(vectors(3), 50, axis=0), vectors(50, seed=1)])
    monkeypatch.setattr(exact, "PAIRS_AT_ONCE", n_pairs)
    assert_equals_oracle(base, base[::7], 10)


# A GPU's search, on the CPU


@pytest.mark.parametrize("block", [1, 5, 64, 1000])
def test_blocks_of_the_base_do_not_matter(block, monkeypatch):
    base, queries = vectors(150, offset=50.0), vectors(45, seed=1, offset=50.0)
    monkeypatch.setattr(torch_search, "BASE_BLOCK", block)
    monkeypatch.setattr(torch_search, "DIFFERENCES", block * 64)
    rows, distances = ExactIndex(base, "cpu").query(queries, np.arange(45), 10, Progress(45, "", ""))
    expected_rows, expected_distances = oracles.neighbors(base, queries, 10)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(distances, expected_distances, rtol=1e-5)


@pytest.mark.parametrize("m, d, k", [(900, 64, 100), (300, 3, 20), (64, 8, 64)])
def test_torch_finds_what_faiss_finds(m, d, k):
    base, queries = vectors(m, d, offset=3.0), vectors(60, d, seed=1, offset=3.0)
    search = [Search(base, "cpu") for Search in (FaissSearch, TorchSearch)]
    n = min(k + 16, m)
    (expanded, rows), (expanded_too, rows_too) = (one.candidates(queries, n) for one in search)
    np.testing.assert_array_equal(np.sort(rows), np.sort(rows_too))
    np.testing.assert_allclose(np.sort(expanded), np.sort(expanded_too), rtol=1e-3, atol=1e-3)
    squares, squares_too = (one.squares(queries, rows) for one in search)
    np.testing.assert_allclose(squares, squares_too, rtol=1e-5)
    np.testing.assert_allclose(squares, ((queries[:, None] - base[rows]) ** 2).sum(2), rtol=1e-5)


# Scopes


def scope_case(n=60, m=25, d=8, n_classes=3, seed=0):
    """Embeddings, subset ids and samples, with ids that are no rows."""
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(1000, n, replace=False))
    embeddings = {"sample_id": ids, "embedding": rng.normal(size=(n, d)).astype(np.float32)}
    samples = {"sample_id": ids, "label": rng.integers(0, n_classes, n)}
    return embeddings, np.sort(rng.permutation(ids)[:m]), samples


def assert_columns(columns, sample_ids, ids, rows, distances):
    np.testing.assert_array_equal(columns["sample_id"], sample_ids)
    np.testing.assert_array_equal(columns["neighbor_ids"], ids[rows])
    np.testing.assert_allclose(columns["neighbor_distances"], distances, rtol=1e-5, atol=1e-6)
    assert columns["neighbor_ids"].dtype == np.int64
    assert columns["neighbor_distances"].dtype == np.float32


@pytest.mark.parametrize("n, m, k", [(60, 25, 5), (60, 25, 25), (26, 25, 7), (200, 150, 150)])
def test_neighbours_of_the_residual_set_are_subset_samples_by_id(n, m, k):
    embeddings, subset_ids, _ = scope_case(n, m)
    ids, of = embeddings["sample_id"], embeddings["embedding"]
    columns, metrics = find_scope("subset", embeddings, subset_ids, k)
    in_subset = np.isin(ids, subset_ids)
    assert_columns(columns, ids[~in_subset], subset_ids, *oracles.neighbors(of[in_subset], of[~in_subset], k))
    far = {"far_distance": metrics["far_distance"], "far_share": metrics["far_share"]}  # tested in test_far
    assert metrics == {"method": "exact", "k": k, "n": n - m, "recall": 1.0, "recall_queries": 0, **far}


@pytest.mark.parametrize("n, k", [(60, 5), (60, 59), (2, 1), (200, 150)])
def test_neighbours_among_all_are_all_others_and_never_itself(n, k):
    embeddings, subset_ids, _ = scope_case(n, m=1)
    columns, metrics = find_scope("all", embeddings, subset_ids, k)
    ids = embeddings["sample_id"]
    assert_columns(columns, ids, ids, *oracles.neighbors_among_all(embeddings["embedding"], k))
    assert metrics == {"method": "exact", "k": k, "n": n, "recall": 1.0, "recall_queries": 0}


@pytest.mark.parametrize("k", [1, 3, 30])
def test_a_duplicate_is_a_neighbour_at_distance_zero(k):
    embeddings, subset_ids, _ = scope_case()
    embeddings["embedding"][[3, 20, 40]] = embeddings["embedding"][8]
    embeddings["embedding"][25:55] = embeddings["embedding"][25]  # more than k + 1 of the same
    columns, _ = find_scope("all", embeddings, subset_ids, k)
    ids = embeddings["sample_id"]
    assert_columns(columns, ids, ids, *oracles.neighbors_among_all(embeddings["embedding"], k))
    assert not (columns["neighbor_ids"] == columns["sample_id"][:, None]).any()


@pytest.mark.parametrize("k", [1, 4, 12, 25])
@pytest.mark.parametrize("n_classes", [1, 3, 12])
def test_neighbours_of_the_same_label_come_first_and_other_labels_make_up_for_what_is_missing(k, n_classes):
    embeddings, subset_ids, samples = scope_case(n_classes=n_classes)
    ids, of, labels = embeddings["sample_id"], embeddings["embedding"], samples["label"]
    columns, metrics = find_scope("label", embeddings, subset_ids, k, samples)
    in_subset = np.isin(ids, subset_ids)
    expected = oracles.label_neighbors(of[in_subset], labels[in_subset], of[~in_subset], labels[~in_subset], k)
    assert_columns(columns, ids[~in_subset], subset_ids, *expected)
    assert metrics["method"] == "exact"


def test_a_label_that_the_subset_lacks_has_the_nearest_of_all():
    base, queries = vectors(30), vectors(4, seed=1)
    found = find_label_neighbors(base, np.zeros(30), queries, np.array([0, 7, 7, 0]), np.arange(4), 5)
    plain = find_neighbors(base, queries, 5)
    for values, others in zip(found, plain, strict=True):
        np.testing.assert_allclose(values, others, rtol=1e-6)


def test_labels_are_those_of_the_ids_whatever_else_the_samples_have():
    embeddings, subset_ids, samples = scope_case()
    more = {"sample_id": np.arange(1000), "label": np.random.default_rng(9).integers(0, 3, 1000)}
    more["label"][samples["sample_id"]] = samples["label"]
    columns, _ = find_scope("label", embeddings, subset_ids, 5, samples)
    again, _ = find_scope("label", embeddings, subset_ids, 5, more)
    for name in columns:
        np.testing.assert_array_equal(again[name], columns[name])


@pytest.mark.parametrize("scope", ["subset", "label", "all"])
def test_fewer_neighbours_of_a_scope_are_a_prefix_of_more(scope):
    embeddings, subset_ids, samples = scope_case(n_classes=4)
    few, many = (find_scope(scope, embeddings, subset_ids, k, samples)[0] for k in (4, 20))
    for name in ("neighbor_ids", "neighbor_distances"):
        np.testing.assert_array_equal(few[name], many[name][:, :4])


@pytest.mark.parametrize("scope", ["subset", "label"])
def test_a_subset_of_everything_has_no_queries(scope):
    embeddings, _, samples = scope_case()
    columns, metrics = find_scope(scope, embeddings, embeddings["sample_id"], 3, samples)
    assert columns["neighbor_ids"].shape == columns["neighbor_distances"].shape == (0, 3)
    assert metrics["n"] == 0


TOO_MANY = {
    "subset": "extrapolation: k = 26 neighbours of 25 subset samples were asked for; lower k or raise subset.fractions",
    "label": "extrapolation: k = 26 neighbours of 25 subset samples were asked for; lower k or raise subset.fractions",
    "all": "extrapolation: k = 60 neighbours of 59 other samples were asked for; lower k",
}


@pytest.mark.parametrize("method", ["exact", "pynndescent", "auto"])
@pytest.mark.parametrize("scope", TOO_MANY)
def test_more_neighbours_than_a_scope_has_are_one_sentence(scope, method):
    embeddings, subset_ids, samples = scope_case()
    with pytest.raises(InputFault) as fault:
        find_scope(scope, embeddings, subset_ids, 60 if scope == "all" else 26, samples, method)
    assert str(fault.value) == TOO_MANY[scope]


def test_a_scope_that_no_extrapolator_reads_is_one_sentence():
    embeddings, subset_ids, _ = scope_case()
    with pytest.raises(InputFault, match=r"^neighbors: no extrapolator of this config reads those of the scope all$"):
        find_scope("all", embeddings, subset_ids, 0)


def test_a_gpu_that_is_not_there_is_one_sentence_and_auto_does_without(monkeypatch):
    import torch

    embeddings, subset_ids, _ = scope_case()
    monkeypatch.setattr(neighbors, "has_cuda", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    find_scope("subset", embeddings, subset_ids, 3, device="auto")
    with pytest.raises(InputFault, match="device: cuda was asked for, but torch finds no CUDA device"):
        find_scope("subset", embeddings, subset_ids, 3, device="cuda")


def test_itself_goes_and_where_it_is_not_the_last_goes():
    rows = np.array([[5, 0, 2], [1, 2, 3], [4, 6, 2]])
    rows, distances = without_itself(np.array([0, 1, 9]), rows, rows * np.float32(10))
    assert rows.tolist() == [[5, 2], [2, 3], [4, 6]]
    assert distances.tolist() == [[50, 20], [20, 30], [40, 60]]
