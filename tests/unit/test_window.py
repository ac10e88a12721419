"""A window of scores: which consecutive ones it keeps."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.selection import _samples, count_kept, select


@given(
    scores=st.lists(st.integers(-3, 3) | st.floats(allow_nan=False), min_size=1, max_size=40),
    rate=st.sampled_from([0.1, 0.25, 0.5, 0.9]),
    start=st.sampled_from([0.0, 0.02, 0.1, 0.25]),
    batch=st.integers(1, 45),
)
def test_a_window_equals_the_oracle(scores, rate, start, batch):
    n, n_kept = len(scores), count_kept(len(scores), rate)
    first = round(start * n)
    if n_kept == 0 or first + n_kept > n:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_samples, "BATCH", batch)
        assert select(scores, rate, "window", start=start).tolist() == oracles.window(scores, first, n_kept)


def test_a_window_by_eye():
    assert select([5, 1, 4, 2, 3], 0.6, "window", start=0.2).tolist() == [2, 4]
    assert select([7, 7, 7, 7], 0.5, "window", start=0.25).tolist() == [1, 2]  # of equal ones the lower row is passed
    assert select([5, 1, 4], 0.3, "window", start=0.0).tolist() == select([5, 1, 4], 0.3).tolist()


@given(seed=st.integers(0, 9), n=st.integers(2, 90), n_values=st.integers(1, 90))
def test_what_is_kept_at_a_higher_rate_is_kept_at_a_lower_one(seed, n, n_values):
    scores = np.random.default_rng(seed).integers(0, n_values, n)
    rates = [rate for rate in (0.2, 0.5, 0.7, 0.9) if 0 < count_kept(n, rate) <= n - round(0.1 * n)]
    kept = [set(select(scores, rate, "window")) for rate in rates]
    assert all(fewer <= more for more, fewer in itertools.pairwise(kept))


def test_rates_below_the_start_are_refused():
    message = (
        r"window: its option start = 0.3 leaves 7 of 10 samples, and 8 are to be kept; lower it to the share that is "
        r"pruned or less, or keep fewer"
    )
    with pytest.raises(InputFault, match=message):
        select(np.arange(10), 0.2, "window", start=0.3)
    assert select(np.arange(10), 0.3, "window", start=0.3).tolist() == list(range(7))
