"""The draw of the subset: its size, uniform, nested within a seed, fresh for another."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from score_extrapolation.faults import InputFault
from score_extrapolation.subset import draw_subset


@given(n=st.integers(4, 500), fraction=st.floats(0.5, 1), seed=st.integers(0, 2**40))
def test_a_subset_is_that_many_rows_sorted_without_replacement(n, fraction, seed):
    rows = draw_subset(n, fraction, seed)
    assert len(rows) == round(fraction * n)
    assert (np.diff(rows) > 0).all()
    assert rows[0] >= 0
    assert rows[-1] < n
    assert rows.dtype == np.int64


def test_the_whole_is_everything():
    np.testing.assert_array_equal(draw_subset(17, 1.0, 5), np.arange(17))


def test_smaller_subsets_lie_in_larger_ones():
    drawn = [set(draw_subset(1000, fraction, 3)) for fraction in (0.05, 0.2, 0.4, 0.999, 1.0)]
    assert all(small < large for small, large in itertools.pairwise(drawn))


def test_a_seed_gives_one_subset_and_another_seed_another():
    np.testing.assert_array_equal(draw_subset(100, 0.2, 1), draw_subset(100, 0.2, 1))
    assert len({tuple(draw_subset(100, 0.2, seed)) for seed in range(5)}) == 5


def test_every_sample_is_drawn_equally_often():
    counts = np.zeros(20)
    for seed in range(2000):
        counts[draw_subset(20, 0.25, seed)] += 1
    np.testing.assert_allclose(counts, 500, atol=5 * np.sqrt(2000 * 0.25 * 0.75))


@pytest.mark.parametrize("n, fraction, m", [(10, 0.1, 1), (100, 0.001, 0), (1, 1.0, 1), (0, 0.5, 0)])
def test_too_few_samples_to_train_on_are_refused(n, fraction, m):
    with pytest.raises(InputFault, match=f"{fraction} of {n} samples are {m}, .* raise subset.fractions"):
        draw_subset(n, fraction, 0)
