"""Scores from embeddings alone: prototypes and coverage, against hand values and the slow versions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import triang

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.training_free import score_embeddings
from score_extrapolation.training_free._scale import within_one
from score_extrapolation.training_free.ssp import cosine_distances, find_clusters
from score_extrapolation.training_free.zcoreset import DRAWS, draw_points, group_columns, score_points


def normal(n, width, seed=0):
    return np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)


# ------------------------------------------------------------------ what is given


def test_what_is_not_finite_is_refused_with_its_row():
    embeddings = normal(5, 3)
    embeddings[[2, 4], 1] = np.nan, np.inf
    with pytest.raises(InputFault, match=r"^training_free: 2 of 5 embeddings are infinite or NaN, the first in row 2;"):
        score_embeddings({"name": "ssp"}, embeddings, 2, 0)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_no_embeddings_are_refused(shape):
    with pytest.raises(InputFault, match=f"there are {shape[0]} embeddings, {shape[1]} wide"):
        score_embeddings({"name": "zcoreset"}, np.empty(shape), 2, 0)


def test_other_shapes_names_and_options_are_refused():
    with pytest.raises(ValueError, match=r"embeddings \(4,\) are not \(n, d\)"):
        score_embeddings({"name": "ssp"}, np.zeros(4), 2, 0)
    with pytest.raises(InputFault, match="'nonesuch' is none of the training_free; there are: ssp, zcoreset"):
        score_embeddings({"name": "nonesuch"}, normal(3, 2), 2, 0)
    with pytest.raises(ValueError, match="penalized"):
        score_embeddings({"name": "zcoreset", "penalized": 0}, normal(3, 2), 2, 0)


@pytest.mark.parametrize("dtype, exponents", [(np.float16, (0, -20)), (np.float32, (0, 126, -120)), (float, (1000,))])
def test_any_size_comes_within_one_and_keeps_its_digits(dtype, exponents):
    digits = np.array([[0.75, -0.5], [0.0, 0.625]])
    for exponent in exponents:
        scaled = within_one(np.ldexp(digits, exponent).astype(dtype))
        assert scaled.dtype == np.float32
        np.testing.assert_array_equal(scaled, digits)
    np.testing.assert_array_equal(within_one(np.zeros((2, 2), dtype)), 0)


# ---------------------------------------------------------------------------- ssp


def test_distances_from_the_centroid_by_hand():
    embeddings = np.array([[2, 0], [0, 5], [-1, 0], [3, 4], [0, 0], [1, 1]], np.float32)
    clusters, centroids = np.array([0, 0, 0, 0, 0, 1]), np.array([[4, 0], [0, 0]], np.float32)
    #                                   along, across, against, cosine 3/5, no direction, nor has the centroid
    np.testing.assert_allclose(cosine_distances(embeddings, clusters, centroids), [0, 1, 2, 0.4, 1, 1], atol=1e-15)


def test_distances_from_the_centroid_are_the_slow_loop_s():
    embeddings, centroids = normal(5000, 7), normal(3, 7, 1)  # more than a block of rows
    clusters = np.random.default_rng(2).integers(0, 3, 5000)
    expected = oracles.ssp(embeddings, clusters, centroids)
    np.testing.assert_allclose(cosine_distances(embeddings, clusters, centroids), expected, atol=1e-14)


def test_clusters_far_apart_are_found_and_the_odd_one_of_each_is_the_most_important():
    rng = np.random.default_rng(0)
    embeddings = np.repeat(100 * np.eye(3), 20, axis=0) + rng.normal(size=(60, 3))
    embeddings[[7, 31, 55]] += np.roll(40 * np.eye(3), 1, axis=1)  # turned towards the next cluster
    scores = score_embeddings({"name": "ssp"}, embeddings, 3, 0)
    assert set(np.argsort(-scores)[:3].tolist()) == {7, 31, 55}
    order = rng.permutation(60)
    np.testing.assert_allclose(score_embeddings({"name": "ssp"}, embeddings[order], 3, 0), scores[order], atol=1e-6)


def test_there_are_as_many_clusters_as_classes_as_said_or_as_samples():
    embeddings = normal(30, 4)
    by_classes = score_embeddings({"name": "ssp"}, embeddings, 5, 0)
    np.testing.assert_array_equal(score_embeddings({"name": "ssp", "clusters": 5}, embeddings, 2, 0), by_classes)
    clusters, centroids = find_clusters(within_one(embeddings), 5, 0)
    assert set(clusters.tolist()) == set(range(5))
    np.testing.assert_allclose(by_classes, oracles.ssp(within_one(embeddings), clusters, centroids), atol=1e-6)
    # Each is its own centroid.
    np.testing.assert_allclose(score_embeddings({"name": "ssp", "clusters": 40}, embeddings, 2, 0), 0, atol=1e-6)


def test_one_centroid_is_the_mean():
    embeddings = normal(50, 4) + 1
    expected = oracles.ssp(embeddings, np.zeros(50, int), embeddings.mean(axis=0, dtype=float)[None])
    scores = score_embeddings({"name": "ssp", "clusters": 1}, embeddings, 9, 0)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    turned = score_embeddings({"name": "ssp", "clusters": 1}, embeddings[::-1], 9, 0)
    np.testing.assert_allclose(turned[::-1], scores, atol=1e-6)


# ----------------------------------------------------------------------- zcoreset


def by_draws(embeddings, dimensions, points, penalized):
    embeddings = np.array(embeddings, np.float32)
    given = np.array(dimensions), np.array(points, np.float32)
    scores = score_points(group_columns(embeddings), len(embeddings), *given, penalized)
    np.testing.assert_allclose(scores, oracles.zcoreset(embeddings, *given, penalized), atol=1e-12)
    return scores


def test_a_draw_by_hand():
    embeddings = [[0, 0], [0.1, 0], [0, -0.2], [0.2, 0.2]]
    # Row 0 covers the point; the others are at 0.1, 0.2 and 0.4 from it: their shares are as 256 to 16 to 1.
    expected = [1, -256 / 273, -16 / 273, -1 / 273]
    np.testing.assert_allclose(by_draws(embeddings, [[0, 1]], [[-0.1, 0]], 1000), expected, atol=1e-6)
    np.testing.assert_allclose(by_draws(embeddings, [[1, 0]], [[0, -0.1]], 3), expected, atol=1e-6)
    np.testing.assert_allclose(by_draws(embeddings, [[0, 1]], [[-0.1, 0]], 2), [1, -16 / 17, -1 / 17, 0], atol=1e-6)
    np.testing.assert_allclose(by_draws(embeddings, [[0, 1]], [[-0.1, 0]], 1), [1, -1, 0, 0], atol=1e-12)


def test_other_dimensions_than_the_two_play_no_part():
    embeddings = [[0, 0.9, 0], [0.1, -0.9, 0], [0.3, 0, 0]]
    np.testing.assert_allclose(by_draws(embeddings, [[0, 2]], [[0, 0]], 1), [1, -1, 0], atol=1e-12)


def test_a_duplicate_loses_one_and_nobody_else():
    embeddings = [[0.5, 0.5], [0, 0], [0.01, 0], [0, 0], [0, 0]]
    # Rows 1, 3 and 4 are equally near the point, of which the first covers it, and the next is the first duplicate.
    np.testing.assert_array_equal(by_draws(embeddings, [[0, 1]], [[0, 0]], 2), [0, 1, 0, -1, 0])
    np.testing.assert_array_equal(by_draws([[0, 0]] * 3, [[0, 1]] * 2, [[0, 0]] * 2, 2), [2, -2, 0])


def test_equal_distances_at_the_end_of_the_nearest_keep_the_lower_rows():
    embeddings = [[0.25, 0], [0.5, 0], [0, 0.5], [0, 0], [0, 0.25], [-0.25, 0]]
    # From row 3 three are at 1/4 and two at 1/2.
    by_two, by_four = (by_draws(embeddings, [[0, 1]], [[0, 0]], k) for k in (2, 4))
    np.testing.assert_allclose(by_two, [-1 / 2, 0, 0, 1, -1 / 2, 0], atol=1e-12)
    np.testing.assert_allclose(by_four, np.array([-16, -1, 0, 49, -16, -16]) / 49, atol=1e-12)


def test_one_sample_has_no_other_and_of_two_the_other_loses():
    assert by_draws([[0.5, 0.5]], [[0, 1]] * 3, [[0, 0]] * 3, 5).tolist() == [3]
    np.testing.assert_array_equal(by_draws([[0, 0], [1, 1]], [[0, 1]] * 2, [[0, 0], [0.9, 1]], 5), [0, 0])
    np.testing.assert_array_equal(by_draws([[0, 0], [1, 1]], [[0, 1]], [[0, 0]], 5), [1, -1])


def test_distances_near_the_least_there_are_give_finite_shares():
    tiny = np.float32(1e-30)  # whose fourth power is 0
    scores = by_draws([[0, 0], [tiny, 0], [2 * tiny, 0], [1, 1]], [[0, 1]], [[-1, 0]], 3)
    np.testing.assert_allclose(scores, [1, -16 / 17, -1 / 17, 0], atol=1e-12)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 300),
    width=st.integers(1, 5),
    penalized=st.sampled_from([1, 2, 5, 17, 40, 1000]),
    levels=st.sampled_from([0, 3, 40]),
)
def test_draws_are_those_of_the_slow_loop(seed, n, width, penalized, levels):
    rng = np.random.default_rng(seed)
    embeddings = rng.uniform(-1, 1, (n, width))
    if levels:  # many equal distances
        embeddings = np.round(embeddings * levels) / 64
    embeddings = embeddings.astype(np.float32)
    triangles = np.stack([embeddings.min(axis=0), np.median(embeddings, axis=0), embeddings.max(axis=0)], axis=1)
    dimensions, points = draw_points(triangles, 20, seed)
    scores = by_draws(embeddings, dimensions, points, penalized)
    if n > 1:
        np.testing.assert_allclose(scores.sum(), 0, atol=1e-12)  # what one wins, others lose


def test_many_samples_of_which_few_lose_are_those_of_the_slow_loop():
    embeddings = within_one(normal(20_000, 6))
    triangles = np.stack([embeddings.min(axis=0), np.median(embeddings, axis=0), embeddings.max(axis=0)], axis=1)
    by_draws(embeddings, *draw_points(triangles, 30, 0), 1000)


def test_what_is_won_and_lost_is_permuted_with_the_samples():
    embeddings = within_one(normal(500, 4))
    triangles = np.stack([embeddings.min(axis=0), np.median(embeddings, axis=0), embeddings.max(axis=0)], axis=1)
    draws, order = draw_points(triangles, 200, 0), np.random.default_rng(1).permutation(500)
    scores = score_points(group_columns(embeddings), 500, *draws, 50)
    permuted = score_points(group_columns(embeddings[order]), 500, *draws, 50)
    np.testing.assert_allclose(permuted, scores[order], atol=1e-12)


def test_coordinates_are_triangular_and_dimensions_differ():
    triangles = np.array([[-1, 0.5, 1], [0, 0, 1], [-1, 0, 0], [0.25, 0.25, 0.25]], np.float32)
    dimensions, points = draw_points(triangles, 60_000, 0)
    assert (dimensions[:, 0] != dimensions[:, 1]).all()
    pairs, counts = np.unique(dimensions, axis=0, return_counts=True)
    assert len(pairs) == 12
    np.testing.assert_allclose(counts, 5000, atol=5 * np.sqrt(5000))
    np.testing.assert_array_equal(points[dimensions == 3], 0.25)
    for dimension, (low, mode, high) in enumerate(triangles[:3].tolist()):
        drawn = np.sort(points[dimensions == dimension])
        expected = triang.cdf(drawn, (mode - low) / (high - low), low, high - low)
        # The Kolmogorov-Smirnov statistic of 30,000 is below 2 / sqrt(30,000) but once in 1,500 times.
        assert np.abs(expected - (np.arange(len(drawn)) + 0.5) / len(drawn)).max() < 2 / np.sqrt(len(drawn))


def test_one_dimension_is_compared_in_that_one():
    embeddings = within_one(normal(40, 1))
    twice, draws = np.repeat(embeddings, 2, axis=1), draw_points(np.array([[-1, 0, 1]], np.float32), 30, 0)
    assert not draws[0].any()
    np.testing.assert_array_equal(draws[1][:, 0], draws[1][:, 1])
    alone = by_draws(embeddings, *draws, 5)
    np.testing.assert_array_equal(alone, by_draws(twice, np.tile([0, 1], (30, 1)), draws[1], 5))


def test_scores_are_noise_and_the_sums_of_blocks_whatever_the_threads(monkeypatch):
    embeddings, method = normal(200, 5), {"name": "zcoreset", "draws": 2 * DRAWS + 100, "penalized": 20}
    scores = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        scores.append(score_embeddings(method, embeddings, 3, 0))
    for others in scores[1:]:
        np.testing.assert_array_equal(others, scores[0])
    # Each draw's win is another's loss: the sum is that of the noise. And the noise is drawn for each seed anew.
    assert 0.4 < scores[0].astype(float).mean() < 0.6
    few = [score_embeddings(method | {"draws": 1}, embeddings, 3, seed) for seed in (0, 1)]
    assert abs(np.corrcoef(*few)[0, 1]) < 0.3


def test_what_is_rare_is_kept_and_what_is_crowded_is_not():
    rng = np.random.default_rng(0)
    crowd, rare = rng.normal(size=(450, 4)) / 50, rng.uniform(-1, 1, (50, 4))
    method = {"name": "zcoreset", "draws": 5000, "penalized": 50}
    scores = score_embeddings(method, np.concatenate([crowd, rare]), 2, 0)
    assert (np.argsort(-scores)[:50] >= 450).mean() > 0.5  # of a random choice, a tenth
