"""Selection: how many are kept, which, and that relabelling or another rate never contradicts it."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.selection import count_kept, select
from selecting import METHODS, NOT_NESTED, OPTIONS, doubts_of, tables_of

every_method = pytest.mark.parametrize("method", METHODS)


def scores_and_labels(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random(n), rng.integers(0, 4, n)


@pytest.mark.parametrize(
    "n, rate, n_kept",
    [
        (10, 0, 10),
        (10, 0.1, 9),
        (10, 0.2, 8),
        (50_000, 0.95, 2_500),
        (7, 0.5, 3),
        (3, 0.5, 1),
        (1797, 0.9, 180),
        (1, 0.4, 1),
    ],
)
def test_the_number_kept_is_n_less_the_rounded_share(n, rate, n_kept):
    assert count_kept(n, rate) == n_kept


@given(n=st.integers(2, 300), data=st.data())
def test_a_number_to_keep_keeps_what_the_rate_of_as_many_keeps(n, data):
    n_kept = data.draw(st.integers(1, n - 1))
    scores, labels = scores_and_labels(n)
    for method in METHODS:
        given = {
            "labels": labels,
            "doubts": doubts_of(method, n),
            "tables": tables_of(method, n),
            **OPTIONS.get(method, {}),
        }
        kept = select(scores, method=method, n_kept=n_kept, **given)
        by_rate = select(scores, 1 - n_kept / n, method, **given)
        assert len(kept) == n_kept
        np.testing.assert_array_equal(kept, by_rate)


@pytest.mark.parametrize("n_kept", [-1, 0, 30, 31])
def test_a_number_that_cannot_be_kept_is_told(n_kept):
    with pytest.raises(InputFault, match=f"^{n_kept} samples to keep are not 1 to 29 of 30; give another number$"):
        select(np.arange(30.0), n_kept=n_kept)


def test_either_a_rate_or_a_number_is_given():
    for amount in ({}, {"rate": 0.5, "n_kept": 3}):
        with pytest.raises(InputFault, match="give either the rate, the fraction removed, or n_kept, the number to"):
            select(np.arange(30.0), **amount)


@given(n=st.integers(2, 300), rate=st.floats(0, 0.99))
def test_every_method_keeps_the_number_that_the_rate_says(n, rate):
    n_kept = n - round(rate * n)
    scores, labels = scores_and_labels(n)
    for method in METHODS:
        if n_kept == 0:
            with pytest.raises(InputFault, match="keeps none"):
                select(scores, rate, method, labels)
            continue
        given = {"doubts": doubts_of(method, n), "tables": tables_of(method, n), **OPTIONS.get(method, {})}
        kept = select(scores, rate, method, labels, **given)
        assert len(kept) == n_kept
        assert (np.diff(kept) > 0).all()
        assert kept[0] >= 0
        assert kept[-1] < n


@every_method
def test_what_is_kept_at_a_higher_rate_is_kept_at_a_lower_one(method):
    scores, labels = scores_and_labels(200)
    given = {"doubts": doubts_of(method, 200), "tables": tables_of(method, 200), **OPTIONS.get(method, {})}
    kept = [set(select(scores, rate, method, labels, **given)) for rate in (0.0, 0.1, 0.5, 0.9, 0.95)]
    assert kept[0] == set(range(200))
    assert all(fewer < more for more, fewer in itertools.pairwise(kept)) == (method not in NOT_NESTED)


@given(scores=st.lists(st.integers(-3, 3), min_size=4, max_size=40), rate=st.sampled_from([0, 0.1, 0.25, 0.5, 0.8]))
def test_top_equals_the_oracle_and_keeps_the_lower_of_equal_rows(scores, rate):
    assert select(scores, rate, "top").tolist() == oracles.top(scores, rate)


def test_top_of_four_by_eye():
    assert select([0.2, 0.9, 0.2, 0.5], 0.5, "top").tolist() == [1, 3]
    assert select([0.2, 0.9, 0.2, 0.5], 0.25, "top").tolist() == [0, 1, 3]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, bool])
def test_top_takes_any_type_of_number(dtype):
    assert select(np.array([0, 1, 0, 1], dtype), 0.5, "top").tolist() == [1, 3]


def test_infinite_scores_are_ranked():
    assert select([np.inf, 0.0, -np.inf, 1.0], 0.5, "top").tolist() == [0, 3]


@pytest.mark.parametrize(
    ("rate", "hint"),
    [(1, ""), (1.5, ", write 0.015"), (30, ", write 0.3"), (100, ""), (150, ""), (-0.1, ""), (np.nan, "")],
)
def test_a_rate_out_of_range_is_refused(rate, hint):
    with pytest.raises(InputFault) as fault:
        select(np.arange(10.0), rate)
    assert str(fault.value) == f"rate = {rate} is not in [0, 1); a rate is the fraction removed{hint}"


def test_scores_that_are_nan_are_refused():
    with pytest.raises(InputFault, match="2 scores are NaN, the first in row 3"):
        select([1, 2, 3, np.nan, 5, np.nan], 0.5)


def test_keeping_nothing_is_refused():
    with pytest.raises(InputFault, match=r"rate = 0.95 keeps none of 3 samples"):
        select([1.0, 2.0, 3.0], 0.95)


def test_an_unknown_method_or_option_is_refused():
    with pytest.raises(InputFault, match=r"'best' is none of the selection; there are: auto, beta, ccs, .*random.*top"):
        select([1.0, 2.0], 0.5, "best")
    with pytest.raises(ValueError, match="bins"):
        select([1.0, 2.0], 0.5, "top", bins=3)


@every_method
def test_the_same_seed_keeps_the_same(method):
    scores, labels = scores_and_labels(50)
    given = {"doubts": doubts_of(method, 50), "tables": tables_of(method, 50)}
    first, again = (select(scores, 0.5, method, labels, seed=3, **given) for _ in range(2))
    np.testing.assert_array_equal(first, again)


# class_balanced


@given(
    scores=st.lists(st.integers(-3, 3), min_size=4, max_size=40),
    rate=st.sampled_from([0, 0.1, 0.25, 0.5, 0.7]),
    seed=st.integers(0, 5),
)
def test_class_balanced_equals_the_oracle(scores, rate, seed):
    labels = np.random.default_rng(seed).choice([-1, 0, 7], len(scores), p=[0.1, 0.3, 0.6])
    expected = oracles.class_balanced(scores, labels.tolist(), rate)
    assert select(scores, rate, "class_balanced", labels).tolist() == expected


def test_class_balanced_of_two_classes_by_eye():
    labels = [0, 0, 0, 0, 1, 1]
    scores = [9, 8, 7, 6, 1, 2]
    assert select(scores, 0.5, "class_balanced", labels).tolist() == [0, 1, 5]  # half of each
    assert select(scores, 0.8, "class_balanced", labels).tolist() == [0]  # of both first ones the higher score
    assert select(scores, 0.5, "top", labels).tolist() == [0, 1, 2]


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), rate=st.floats(0, 0.95))
def test_class_balanced_keeps_the_same_share_of_every_class_rounded_up(counts, rate):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    scores = labels + np.random.default_rng(1).random(len(labels))  # by score alone whole classes would go
    if (n_kept := count_kept(len(labels), rate)) == 0:
        return
    kept = np.bincount(labels[select(scores, rate, "class_balanced", labels)], minlength=len(counts))
    # There is one share of which each class keeps so many samples, rounded up, but for ties at the last place.
    least = max(((found - 1) / of for found, of in zip(kept, counts, strict=True) if found), default=0)
    assert all(found >= least * of - 1e-9 for found, of in zip(kept, counts, strict=True))
    if n_kept >= len(counts):
        assert kept.min() >= 1


@given(
    scores=st.lists(st.integers(1, 9), min_size=1, max_size=40),
    rate=st.sampled_from([0, 0.1, 0.25, 0.5, 0.7, 0.9]),
    seed=st.integers(0, 5),
    shares=st.sampled_from(["equal", "by_difficulty"]),
)
def test_other_shares_of_the_classes_equal_the_oracle(scores, rate, seed, shares):
    labels = np.random.default_rng(seed).choice([0, 3, 7], len(scores), p=[0.1, 0.3, 0.6])
    if count_kept(len(scores), rate) == 0:
        return
    expected = oracles.class_balanced(scores, labels.tolist(), rate, shares)
    assert select(scores, rate, "class_balanced", labels, shares=shares).tolist() == expected


def test_equal_shares_by_eye():
    labels, scores = [0, 0, 0, 0, 0, 0, 1], [9, 8, 7, 6, 5, 4, 1]
    assert select(scores, method="class_balanced", labels=labels, n_kept=2, shares="equal").tolist() == [0, 6]
    assert select(scores, method="class_balanced", labels=labels, n_kept=4, shares="equal").tolist() == [0, 1, 2, 6]


def test_shares_by_difficulty_by_eye():
    labels = [0] * 4 + [1] * 4
    scores = [0.2, 0.1, 0.1, 0.2, 0.8, 0.4, 0.6, 0.6]  # means of 0.15 and 0.6: one of five places, and four
    chosen = {"method": "class_balanced", "labels": labels, "shares": "by_difficulty"}
    assert select(scores, n_kept=5, **chosen).tolist() == [0, 4, 5, 6, 7]
    assert select(scores, n_kept=6, **chosen).tolist() == [0, 3, 4, 5, 6, 7]  # the other class has no more


@pytest.mark.parametrize("shares", ["equal", "by_difficulty"])
def test_other_shares_are_nested_over_rates(shares):
    scores, labels = scores_and_labels(200)
    rates = (0.0, 0.1, 0.5, 0.9, 0.95)
    kept = [set(select(scores, rate, "class_balanced", labels, shares=shares)) for rate in rates]
    assert all(fewer < more for more, fewer in itertools.pairwise(kept))


@pytest.mark.parametrize("scores, mean", [([1, 2, -3, 1], -1), ([1, 2, 0, 0], 0), ([1, 2, 3, np.inf], "inf")])
def test_shares_by_difficulty_of_a_class_without_difficulty_are_refused(scores, mean):
    message = f"class_balanced: the mean score of class 1 is {mean}, and shares = by_difficulty needs numbers above 0"
    with pytest.raises(InputFault, match=message):
        select(scores, 0.5, "class_balanced", [0, 0, 1, 1], shares="by_difficulty")


def test_class_balanced_of_one_class_is_top():
    scores, _ = scores_and_labels(50)
    found = select(scores, 0.3, "class_balanced", np.full(50, 4))
    np.testing.assert_array_equal(found, select(scores, 0.3, "top"))


def test_class_balanced_needs_labels():
    with pytest.raises(InputFault, match="labels are missing; give one per score"):
        select([1.0, 2.0], 0.5, "class_balanced")


def test_a_method_that_draws_anew_each_epoch_keeps_no_list():
    message = "rs2 keeps no list: each epoch of the training draws other samples; train with `per_epoch` = 7 on all of"
    with pytest.raises(InputFault, match=message):
        select(np.zeros(10), 0.3, "rs2")


def test_random_is_another_draw_for_another_seed():
    kept = {tuple(select(np.zeros(30), 0.5, "random", seed=seed)) for seed in range(5)}
    assert len(kept) == 5
    assert tuple(select(np.zeros(30), 0.5, "random")) == tuple(select(np.zeros(30), 0.5, "random", seed=0))


def test_random_keeps_every_sample_equally_often():
    counts = np.zeros(20)
    for seed in range(2000):
        counts[select(np.zeros(20), 0.75, "random", seed=seed)] += 1
    np.testing.assert_allclose(counts, 500, atol=5 * np.sqrt(2000 * 0.25 * 0.75))


def test_random_does_not_look_at_scores():
    np.testing.assert_array_equal(select(np.zeros(30), 0.5, "random"), select(np.arange(30.0), 0.5, "random"))
