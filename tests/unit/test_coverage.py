"""The Frechet distance of two sets and of a subset and the rest, against hand values and scipy's root of a matrix."""

import math

import numpy as np
import pytest
from scipy.linalg import sqrtm

from score_extrapolation.evaluation.coverage import BLOCK, frechet_distance, measure_coverage


def mixed(n, width, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, width)) @ rng.normal(size=(width, width)) + offset


def by_sqrtm(a, b):
    covariances = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    root = sqrtm(covariances[0] @ covariances[1]).real
    return ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + np.trace(sum(covariances) - 2 * root)


def test_two_sets_of_numbers_by_hand():
    a, b = np.array([[0.0], [2.0]]), np.array([[1.0], [4.0], [7.0]])
    # Means 1 and 4, variances 2 and 9.
    assert frechet_distance(a, b) == pytest.approx(9 + (3 - math.sqrt(2)) ** 2, rel=1e-14)


def test_independent_dimensions_add_up():
    square = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])  # variance 4 / 3 in both
    distance = frechet_distance(square, square * [2, 5] + [1, 0])
    assert distance == pytest.approx(1 + 4 / 3 * (1 + 16), rel=1e-14)


def test_equal_sets_are_at_0_and_a_shift_is_its_square():
    for a in (mixed(100, 6), mixed(5, 12)):  # the latter has four directions
        assert 0 <= frechet_distance(a, a) < 1e-11
        assert frechet_distance(a, a + 3) == pytest.approx(9 * a.shape[1], rel=1e-12)


@pytest.mark.parametrize("n, m, width", [(50, 80, 1), (50, 80, 7), (200, 40, 30)])
def test_it_is_scipy_s(n, m, width):
    a, b = mixed(n, width), mixed(m, width, 1, 0.3)
    assert frechet_distance(a, b) == pytest.approx(by_sqrtm(a, b), rel=1e-9)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-12)


@pytest.mark.parametrize("n, m", [(2, 2), (2, 40), (9, 5), (15, 60)])
def test_fewer_rows_than_dimensions_need_no_root_of_a_matrix(n, m):
    # The trace of the root is the sum of the singular values of the sets' products.
    a, b = mixed(n, 20), mixed(m, 20, 1)
    centred = [(x - x.mean(axis=0)) / math.sqrt(len(x) - 1) for x in (a, b)]
    singular = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    expected = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum() + sum((x**2).sum() for x in centred) - 2 * singular
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-12)


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_sets_without_variance_are_as_far_as_their_means_and_their_variances():
    point, other = np.ones((3, 4)), np.zeros((2, 4))
    assert frechet_distance(point, other) == 4
    assert frechet_distance(point, point) == 0
    a = mixed(30, 4)
    expected = ((a.mean(axis=0) - 1) ** 2).sum() + a.var(axis=0, ddof=1).sum()
    assert frechet_distance(a, point) == pytest.approx(expected, rel=1e-12)


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_fewer_than_two_rows_have_no_distance():
    assert math.isnan(frechet_distance(mixed(1, 3), mixed(9, 3)))
    assert math.isnan(frechet_distance(mixed(9, 3), mixed(9, 3)[:0]))


def test_sets_of_different_widths_are_refused():
    with pytest.raises(ValueError, match=r"sets \(9, 3\) and \(9, 4\) are not \(n, d\) and \(m, d\)"):
        frechet_distance(mixed(9, 3), mixed(9, 4))


def test_order_rotation_and_blocks_of_rows_change_nothing():
    a, b = mixed(BLOCK + 100, 5), mixed(80, 5, 1, 0.3)
    distance = frechet_distance(a, b)
    assert distance == pytest.approx(by_sqrtm(a, b), rel=1e-9)
    rotation, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))
    assert frechet_distance(a @ rotation, b @ rotation) == pytest.approx(distance, rel=1e-11)
    assert frechet_distance(a[::-1], b[::-1]) == pytest.approx(distance, rel=1e-11)
    assert frechet_distance(7 * a, 7 * b) == pytest.approx(49 * distance, rel=1e-11)


def test_a_common_offset_in_float32_costs_no_precision():
    a, b = (np.round(x * 64) / 64 for x in (mixed(500, 4), mixed(400, 4, 1)))
    far = [(x + 4096).astype(np.float32) for x in (a, b)]
    assert frechet_distance(*far) == pytest.approx(frechet_distance(a, b), rel=1e-9)


def test_a_subset_is_compared_with_the_samples_outside_it():
    ids, vectors = np.array([2, 3, 5, 7, 11, 13, 17]), mixed(7, 3).astype(np.float16)
    measured = measure_coverage({"sample_id": ids, "embedding": vectors}, np.array([3, 13, 7]))
    assert measured == {
        "n_subset": 3,
        "n_residual": 4,
        "width": 3,
        "frechet_distance": frechet_distance(vectors[[1, 3, 5]], vectors[[0, 2, 4, 6]]),
    }
    assert measured["frechet_distance"] > 0
    whole = measure_coverage({"sample_id": ids, "embedding": vectors}, ids)
    assert (whole["n_subset"], whole["n_residual"]) == (7, 0)
    assert math.isnan(whole["frechet_distance"])
    with pytest.raises(KeyError, match="sample_id 4 is not in the table"):
        measure_coverage({"sample_id": ids, "embedding": vectors}, np.array([3, 4]))


def test_a_random_subset_covers_better_than_one_corner():
    vectors = mixed(1000, 6)
    table = {"sample_id": np.arange(1000), "embedding": vectors}
    corner = np.sort(np.argsort(vectors[:, 0])[:200])
    spread = np.sort(np.random.default_rng(0).permutation(1000)[:200])
    assert measure_coverage(table, spread)["frechet_distance"] < measure_coverage(table, corner)["frechet_distance"] / 5
