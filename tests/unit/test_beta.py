"""Beta sampling: its weights, how often what is drawn, and what happens where there is no weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.rng import derive_seed
from score_extrapolation.selection import count_kept, select


@given(
    n=st.integers(1, 40),
    rate=st.sampled_from([0.0, 0.1, 0.5, 0.9]),
    exponent=st.sampled_from([1.0, 4.0, 11.0]),
    seed=st.integers(0, 9),
)
def test_what_is_drawn_equals_the_oracle(n, rate, exponent, seed):
    rng = np.random.default_rng(seed)
    scores, unsure = rng.integers(0, 4, n) / 10, rng.integers(0, 11, n) / 10  # ties, weights of 0, and both edges
    if count_kept(n, rate) == 0:
        return
    noise = np.random.default_rng(derive_seed(seed, "selection/beta")).gumbel(size=n)
    kept = select(scores, rate, "beta", doubts=unsure, seed=seed, exponent=exponent)
    weights = oracles.beta_weights(scores, 1 - unsure, 1 - count_kept(n, rate) / n, exponent)
    assert kept.tolist() == oracles.gumbel_draw(weights, noise, count_kept(n, rate))


def test_one_of_several_is_drawn_in_proportion_to_its_weight():
    scores, unsure = [0.1, 0.2, 0.1, 0.3], [0.5, 0.3, 0.2, 0.6]
    weights = oracles.beta_weights(scores, 1 - np.array(unsure), 0.75, 4.0)
    expected = 2000 * weights / weights.sum()
    counts = np.zeros(4)
    for seed in range(2000):
        counts[select(scores, 0.75, "beta", doubts=unsure, seed=seed)] += 1
    np.testing.assert_allclose(counts, expected, atol=5 * np.sqrt(expected.max()))


def test_the_more_is_pruned_the_easier_is_what_is_drawn():
    rng = np.random.default_rng(0)
    unsure, scores = rng.random(2000), rng.random(2000)
    drawn = [unsure[select(scores, rate, "beta", doubts=unsure)].mean() for rate in (0.3, 0.6, 0.8, 0.95)]
    assert (np.diff(drawn) < -0.02).all()


def test_samples_of_no_weight_come_last_and_at_random():
    scores, unsure = np.array([-1.0, 0.0, 0.3, 0.0, 0.2, -2.0]), np.full(6, 0.5)
    counts = np.zeros(6)
    for seed in range(400):
        counts[select(scores, 0.5, "beta", doubts=unsure, seed=seed)] += 1
    assert counts[[2, 4]].tolist() == [400, 400]
    np.testing.assert_allclose(counts[[0, 1, 3, 5]], 100, atol=5 * np.sqrt(400 * 0.25 * 0.75))


def test_it_needs_the_other_score():
    with pytest.raises(InputFault, match="doubts are missing; give one per score"):
        select([1.0, 2.0], 0.5, "beta")
    with pytest.raises(InputFault, match="1 doubts are NaN, the first in row 1"):
        select([1.0, 2.0], 0.5, "beta", doubts=[0.5, np.nan])
