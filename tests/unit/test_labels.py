"""Numbering the classes, and drawing a fraction of each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from score_extrapolation.datasets import Split
from score_extrapolation.datasets.store.labels import draw_fraction, map_labels
from score_extrapolation.faults import InputFault


def split_of(labels, names=None):
    return Split(labels, [f"s{i}" for i in range(len(labels))], lambda start, stop: [], names)


def test_labels_are_numbered_by_the_sorted_training_labels():
    classes, labels = map_labels({"train": split_of([10, 2, 30, 2]), "test": split_of([30, 10])})
    assert classes == ["2", "10", "30"] and labels["train"].dtype == np.int64
    assert labels["train"].tolist() == [1, 0, 2, 0] and labels["test"].tolist() == [2, 1]
    classes, labels = map_labels({"train": split_of(["b", "a", "b"])})
    assert classes == ["a", "b"] and labels["train"].tolist() == [1, 0, 1]


def test_the_data_sets_own_names_keep_its_numbers():
    classes, labels = map_labels({"train": split_of([2, 0], ["x", "y", "z"]), "test": split_of([0])})
    assert classes == ["x", "y", "z"] and labels["train"].tolist() == [2, 0]
    classes, labels = map_labels({"train": split_of([7, 0], ["x", "y", "z"])})  # the names do not fit
    assert classes == ["0", "7"] and labels["train"].tolist() == [1, 0]


@pytest.mark.parametrize(
    "train, test, sentence",
    [
        (split_of([]), None, "samples.train: there are no samples; give a path that has some"),
        (split_of([0, 1]), split_of([]), "samples.test: there are no samples; give a path that has some"),
        (
            split_of([4, 4, 4]),
            None,
            "samples.train: all 3 samples are of one class, 4; give samples of two or more",
        ),
        (
            split_of(["a", "b"]),
            split_of(["a", "c", "c"]),
            "samples.test: 2 samples are of the class c, which samples.train lacks; add it there or remove it here",
        ),
        (
            split_of([0, 1]),
            split_of([0, -1, -1]),
            "samples.test: 2 labels are negative (first s1); remove unlabelled samples, classes begin at 0",
        ),
        (
            split_of([0, 1]),
            split_of(["0", "1"]),
            "samples.test: its labels are strings, but samples.train has integers; give one kind",
        ),
        (
            split_of([0, 1], ["x", "y"]),
            split_of([0, 1], ["y", "x"]),
            "samples.test: its classes are named otherwise than in samples.train, so that equal numbers may mean "
            "different classes; give splits of one data set",
        ),
    ],
)
def test_label_faults(train, test, sentence):
    with pytest.raises(InputFault) as fault:
        map_labels({"train": train, "test": test} if test else {"train": train})
    assert str(fault.value) == sentence


@settings(max_examples=200, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_a_fraction_is_drawn_in_proportion(counts, fraction, seed, data):
    n, counts = sum(counts), np.array(counts)
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    free = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    free |= np.random.default_rng(seed).random(n) < 0.7
    spare = np.maximum(np.bincount(labels[free], minlength=len(counts)) - 1, 0)
    wanted = round(fraction * n)
    if not 0 < wanted <= spare.sum():
        with pytest.raises(InputFault):
            draw_fraction(labels, free, fraction, seed, "samples.test")
        return
    rows = draw_fraction(labels, free, fraction, seed, "samples.test")
    assert len(rows) == wanted == len(set(rows.tolist())) and free[rows].all() and (np.diff(rows) > 0).all()
    taken = np.bincount(labels[rows], minlength=len(counts))
    assert (taken <= spare).all()
    if (np.ceil(fraction * counts) <= spare).all():  # nothing in the way of each class's own share
        assert (np.abs(taken - fraction * counts) < 1).all()
        up = taken > fraction * counts
        remainder = fraction * counts - np.floor(fraction * counts)
        assert not up.any() or remainder[up].min() >= remainder[(~up) & (remainder > 0)].max(initial=0)
    again = draw_fraction(labels, free, fraction, seed, "samples.test")
    np.testing.assert_array_equal(rows, again)


def test_an_impossible_fraction_says_what_is_possible():
    labels, free = np.array([0, 0, 0, 1, 1]), np.ones(5, bool)
    for fraction, wanted in ((0.9, 4), (0.05, 0)):
        with pytest.raises(InputFault) as fault:
            draw_fraction(labels, free, fraction, 0, "samples.test")
        assert str(fault.value) == (
            f"samples.test = {fraction} asks for {wanted} of 5 training samples; give a fraction that takes 1 to 3, so "
            "that each class keeps one for training"
        )


def test_named_and_unnamed_integers_meet_by_the_integer():
    names = ["x", "y", "z"]
    for train, test in ((None, names), (names, None)):
        classes, labels = map_labels({"train": split_of([2, 0, 2], train), "test": split_of([2], test)})
        assert classes == names and labels["train"].tolist() == [2, 0, 2] and labels["test"].tolist() == [2]


def test_names_of_a_held_out_set_must_fit():
    held_out = {"test": split_of([0], ["x", "y"]), "validation": split_of([0], ["y", "x"])}
    with pytest.raises(InputFault) as fault:
        map_labels({"train": split_of([0, 1]), **held_out})
    assert str(fault.value) == (
        "samples.validation: its classes are named otherwise than in samples.test, so that equal numbers may mean "
        "different classes; give splits of one data set"
    )
    with pytest.raises(InputFault) as fault:
        map_labels({"train": split_of([0, 2]), "test": held_out["test"]})
    assert str(fault.value) == (
        "samples.test: it has 2 classes, but samples.train has the label 2, so that equal numbers may mean different "
        "classes; give splits of one data set"
    )
