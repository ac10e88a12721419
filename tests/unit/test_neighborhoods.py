"""What of a neighbourhood goes with a score: hand values and the slow loop."""

import math

import numpy as np
import pytest

import oracles
from score_extrapolation.evaluation.agreement import pearson, spearman
from score_extrapolation.evaluation.neighborhoods import correlate_neighborhoods, neighborhood_statistics
from score_extrapolation.io.tables import rows_of
from score_extrapolation.neighbors import find_scope

METRICS = [
    "n_same_label",
    "n_other_label",
    "mean_distance_same",
    "mean_distance_other",
    "min_distance_same",
    "min_distance_other",
]


def statistics_of(n=80, k=6, n_classes=3, seed=0):
    """Return labels, rows and distances of the nearest others, and what is said of them, by way of the tables."""
    rng = np.random.default_rng(seed)
    ids, labels = np.sort(rng.permutation(1000)[:n]), rng.integers(0, n_classes, n)
    embeddings = {"sample_id": ids, "embedding": rng.normal(size=(n, 3)).astype(np.float32)}
    table, _ = find_scope("all", embeddings, ids[:1], k)
    rows, distances = rows_of(ids, table["neighbor_ids"]), table["neighbor_distances"]
    return labels, rows, distances, neighborhood_statistics(labels, rows, distances)


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_statistics_by_hand():
    labels = np.array([0, 0, 1, 2])
    rows = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [2, 1, 0]])
    distances = np.array([[1, 2, 6], [1, 3, 5], [2, 3, 4], [4, 5, 6]], np.float32)
    statistics = neighborhood_statistics(labels, rows, distances)
    assert list(statistics) == METRICS
    expected = [[1, 1, 0, 0], [2, 2, 3, 3], [1, 1, np.nan, np.nan], [4, 4, 3, 5], [1, 1, np.nan, np.nan], [2, 3, 2, 4]]
    np.testing.assert_array_equal(np.array(list(statistics.values())), expected)
    assert all(values.dtype == np.float64 for values in statistics.values())


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_of_a_single_class_nothing_is_known_of_others():
    statistics = neighborhood_statistics(np.zeros(3, int), np.array([[1], [0], [1]]), np.array([[0.0], [0], [2]]))
    np.testing.assert_array_equal(statistics["min_distance_same"], [0, 0, 2])
    assert np.isnan(statistics["mean_distance_other"]).all()
    assert np.isnan(statistics["min_distance_other"]).all()
    np.testing.assert_array_equal(statistics["n_other_label"], 0)


@pytest.mark.parametrize("n_classes, k", [(2, 1), (3, 6), (40, 20)])
def test_statistics_of_a_table_of_neighbours_are_the_slow_loop_s(n_classes, k):
    labels, rows, distances, _ = statistics_of(n_classes=n_classes, k=k)
    statistics = neighborhood_statistics(labels, rows, 1000 * distances)
    expected = oracles.neighborhoods(labels, rows, 1000 * distances)
    np.testing.assert_allclose(np.stack(list(statistics.values()), axis=1), expected, rtol=1e-13)


def test_neither_the_order_of_neighbours_nor_the_names_of_labels_matter():
    labels, rows, distances, statistics = statistics_of()
    turned = neighborhood_statistics(7 - labels, rows[:, ::-1], distances[:, ::-1])
    for metric in METRICS:
        np.testing.assert_allclose(turned[metric], statistics[metric], rtol=1e-14)


def test_shapes_that_do_not_fit_are_refused():
    for shapes in [((4,), (4, 2), (4, 3)), ((5,), (4, 2), (4, 2)), ((4,), (4,), (4,))]:
        labels, rows, distances = (np.zeros(shape, int) for shape in shapes)
        with pytest.raises(ValueError, match=r"are not \(n,\) and \(n, k\)"):
            neighborhood_statistics(labels, rows, distances)


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_correlations_are_of_the_samples_that_have_such_neighbours():
    scores = np.array([1, 2, 3, 5], np.float32)
    statistics = {
        "a": np.array([2.0, 4, 6, 10]),
        "b": np.array([np.nan, 3, 2, 1]),
        "c": np.array([np.nan, np.nan, np.nan, 1]),
        "d": np.full(4, 7.0),
    }
    table = correlate_neighborhoods(scores, statistics).set_index("metric")
    assert list(table.columns) == ["n", "pearson", "spearman"]
    assert table["n"].to_dict() == {"a": 4, "b": 3, "c": 1, "d": 4}
    assert table.loc["a", ["pearson", "spearman"]].tolist() == pytest.approx([1, 1])
    assert table.loc["b", ["pearson", "spearman"]].tolist() == pytest.approx([-3 / math.sqrt(2 * 14 / 3), -1])
    assert table.loc[["c", "d"], ["pearson", "spearman"]].isna().all(axis=None)


def test_correlations_of_neighbourhoods_and_the_two_counts_are_opposite():
    *_, statistics = statistics_of(n=200)
    scores = np.random.default_rng(1).random(200) + statistics["mean_distance_same"]
    scores[np.isnan(scores)] = 0
    table = correlate_neighborhoods(scores, statistics)
    assert table["metric"].tolist() == METRICS
    by_metric = table.set_index("metric")
    for metric, values in statistics.items():
        known = ~np.isnan(values)
        assert by_metric.loc[metric, "n"] == known.sum()
        assert by_metric.loc[metric, "pearson"] == pearson(scores[known], values[known])
        assert by_metric.loc[metric, "spearman"] == spearman(scores[known], values[known])
    for correlation in ("pearson", "spearman"):
        same, other = by_metric.loc[["n_same_label", "n_other_label"], correlation]
        assert same == pytest.approx(-other, rel=1e-12)
        assert abs(same) > 0
