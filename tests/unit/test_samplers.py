"""How the subset is drawn: uniformly, class by class, or by scores; smaller subsets lie in larger ones."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import method_names
from score_extrapolation.rng import derive_seed
from score_extrapolation.subset import draw_subset

every_sampler = pytest.mark.parametrize("sampler", method_names("subset"))


def data(n, seed=0):
    rng = np.random.default_rng(seed)
    return {"labels": rng.choice([-1, 3, 4, 90], n, p=[0.05, 0.15, 0.3, 0.5]), "scores": rng.integers(0, 50, n)}


def test_the_random_draw_is_the_one_that_it_always_was():
    assert draw_subset(20, 0.25, 7).tolist() == [5, 12, 14, 17, 19]
    permutation = np.random.default_rng(derive_seed(7, "subset")).permutation(100)
    np.testing.assert_array_equal(draw_subset(100, 0.3, 7), np.sort(permutation[:30]))
    np.testing.assert_array_equal(draw_subset(100, 0.3, 7, "random", **data(100)), draw_subset(100, 0.3, 7))


@every_sampler
def test_the_whole_is_everything_and_needs_nothing(sampler):
    np.testing.assert_array_equal(draw_subset(17, 1.0, 5, sampler), np.arange(17))


@every_sampler
@given(n=st.integers(4, 300), fractions=st.lists(st.floats(0.5, 1), min_size=2, max_size=5), seed=st.integers(0, 9))
def test_subsets_are_so_many_sorted_rows_and_the_smaller_lie_in_the_larger(sampler, n, fractions, seed):
    drawn = [draw_subset(n, fraction, seed, sampler, **data(n, seed)) for fraction in sorted(fractions)]
    for rows, fraction in zip(drawn, sorted(fractions), strict=True):
        assert len(rows) == round(fraction * n)
        assert (np.diff(rows) > 0).all()
        assert rows.dtype == np.int64
        assert 0 <= rows[0] <= rows[-1] < n
    assert all(set(smaller) <= set(larger) for smaller, larger in itertools.pairwise(drawn))


@every_sampler
def test_every_number_of_samples_lies_in_the_next(sampler):
    drawn = [set(draw_subset(40, m / 40, 0, sampler, **data(40))) for m in range(2, 41)]
    assert [len(rows) for rows in drawn] == list(range(2, 41))
    assert all(smaller < larger for smaller, larger in itertools.pairwise(drawn))


@every_sampler
def test_too_few_to_train_on_and_unknown_samplers_are_refused(sampler):
    with pytest.raises(InputFault, match=r"0.1 of 10 samples are 1, .* raise subset.fractions"):
        draw_subset(10, 0.1, 0, sampler)
    with pytest.raises(InputFault, match="'nonesuch' is none of the subset; there are: random, stratified, zcoreset"):
        draw_subset(10, 0.5, 0, "nonesuch")


# stratified


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6), share=st.floats(0.05, 0.95), seed=st.integers(0, 3))
def test_every_class_has_its_share(sizes, share, seed):
    n = sum(sizes)
    m = round(share * n)
    if not 2 <= m < n:
        return
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    found = np.bincount(labels[draw_subset(n, share, seed, "stratified", labels)], minlength=len(sizes))
    for expected, count in zip(oracles.stratified_counts(sizes, m), found, strict=True):
        assert expected in (None, count)
    if m >= len(sizes):
        assert found.min() >= 1


def test_classes_that_are_equal_get_the_odd_places_by_lot():
    labels, with_more = np.repeat(np.arange(5), 10), np.zeros(5)
    for seed in range(500):
        counts = np.bincount(labels[draw_subset(50, 12 / 50, seed, "stratified", labels)], minlength=5)
        assert sorted(counts) == [2, 2, 2, 3, 3]
        with_more += counts == 3
    np.testing.assert_allclose(with_more, 200, atol=5 * np.sqrt(500 * 0.4 * 0.6))


def test_within_a_class_every_sample_is_drawn_equally_often():
    counts, labels = np.zeros(24), np.array([0] * 16 + [1] * 8)
    for seed in range(2000):
        counts[draw_subset(24, 0.25, seed, "stratified", labels)] += 1
    np.testing.assert_allclose(counts, 500, atol=5 * np.sqrt(2000 * 0.25 * 0.75))


def test_other_names_of_the_classes_draw_the_same():
    labels = data(200)["labels"]
    renamed = np.where(labels == 90, -5, labels + 1000)
    drawn = [draw_subset(200, 0.13, 1, "stratified", given) for given in (labels, renamed)]
    np.testing.assert_array_equal(*drawn)


def test_labels_that_are_missing_or_too_few_are_refused():
    with pytest.raises(InputFault, match="stratified draws from every class, and there are no labels; give one per"):
        draw_subset(10, 0.5, 0, "stratified")
    with pytest.raises(InputFault, match="there are 9 labels for 10 samples; give one per sample"):
        draw_subset(10, 0.5, 0, "stratified", np.zeros(9, int))


# zcoreset


def test_the_highest_scores_are_drawn_of_equal_ones_the_lower_rows():
    assert draw_subset(6, 0.5, 0, "zcoreset", scores=[1, 3, 2, 3, 2, 2]).tolist() == [1, 2, 3]
    drawn = [draw_subset(50, 0.3, seed, "zcoreset", **data(50)) for seed in range(2)]
    np.testing.assert_array_equal(*drawn)
    assert drawn[0].tolist() == oracles.top(data(50)["scores"], 0.7)


def test_scores_that_are_missing_too_few_or_nan_are_refused():
    for scores, message in (
        (None, "zcoreset draws by scores, and there are none; give those of zcoreset"),
        (np.zeros(9), "there are 9 scores for 10 samples; give one per sample"),
        ([0, 1, np.nan, 3, np.nan, 5, 6, 7, 8, 9], "2 scores are NaN, the first in row 2; none can be drawn by"),
    ):
        with pytest.raises(InputFault, match=message):
            draw_subset(10, 0.5, 0, "zcoreset", scores=scores)
