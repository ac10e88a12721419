"""Parts of the data set in paths: what is trained on, among what it lies, and that the rules' pattern fits them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning_workflow.parts import (
    EVERYTHING,
    PATTERN,
    SUBSET_PATTERN,
    as_fraction,
    nested,
    percent,
    sampler,
    size,
    subset_part,
    trained,
    universe,
)

FRACTIONS = st.floats(1e-9, 1, exclude_max=True)
SAMPLERS = st.from_regex(r"[a-z][a-z0-9_]*", fullmatch=True).filter(lambda name: name != "within")


def test_parts_by_hand():
    parts = {part: (trained(part), universe(part)) for part in ("20", "2.5", "100", "10-within-20", "1.25-within-2.5")}
    assert parts == {
        "20": ("20", EVERYTHING),
        "2.5": ("2.5", EVERYTHING),
        "100": ("100", EVERYTHING),
        "10-within-20": ("10", "20"),
        "1.25-within-2.5": ("1.25", "2.5"),
    }


def test_parts_of_another_sampler_by_hand():
    assert (subset_part(0.2, "random"), subset_part(0.2, "stratified")) == ("20", "20-stratified")
    parts = ("20-stratified", "10-within-20-stratified", "10-within-20")
    assert [(size(part), sampler(part), trained(part), universe(part)) for part in parts] == [
        ("20", "stratified", "20-stratified", EVERYTHING),
        ("10", "stratified", "10-stratified", "20-stratified"),
        ("10", "random", "10", "20"),
    ]
    assert nested("20-stratified", 0.5) == "10-within-20-stratified"
    assert nested("10-within-20-stratified", 0.5) == "5-within-10-stratified"


@pytest.mark.parametrize(
    "part, share, expected",
    [
        ("20", 0.5, "10-within-20"),
        ("2.5", 0.5, "1.25-within-2.5"),
        ("29", 0.1, "2.9-within-29"),
        ("10", 1 / 3, "3.333333333-within-10"),
        ("10-within-20", 0.5, "5-within-10"),  # of what is trained on, not of that among which it lies
        ("20", 1 - 1e-15, "20-within-20"),
        ("20", 1e-9, "0.00000002-within-20"),
    ],
)
def test_a_nested_part_by_hand(part, share, expected):
    assert nested(part, share) == expected


@given(FRACTIONS, FRACTIONS)
def test_a_nested_part_is_a_share_of_what_is_trained_on_and_lies_in_it(fraction, share):
    part = percent(fraction)
    within = nested(part, share)
    assert universe(within) == trained(part) == part
    assert as_fraction(trained(within)) == pytest.approx(fraction * share, rel=1e-8)
    deeper = nested(within, share)
    assert universe(deeper) == trained(within)
    assert as_fraction(trained(deeper)) == pytest.approx(fraction * share**2, rel=1e-8)


@given(FRACTIONS, FRACTIONS, SAMPLERS)
def test_a_sampler_stays_whatever_is_nested_and_changes_no_size(fraction, share, name):
    part, plain = subset_part(fraction, name), subset_part(fraction, "random")
    for _ in range(2):
        assert sampler(part) == name
        assert (size(part), size(universe(part))) == (size(plain), size(universe(plain)))
        assert re.fullmatch(PATTERN, part)
        assert re.fullmatch(SUBSET_PATTERN, trained(part))
        part, plain = nested(part, share), nested(plain, share)
        assert not re.fullmatch(SUBSET_PATTERN, part)


@given(FRACTIONS)
def test_a_percentage_returns_as_the_fraction_and_as_itself(fraction):
    assert as_fraction(percent(fraction)) == pytest.approx(fraction, rel=1e-9)
    assert percent(as_fraction(percent(fraction))) == percent(fraction)


@given(FRACTIONS, FRACTIONS)
def test_the_pattern_fits_all_that_the_functions_make(fraction, share):
    part = percent(fraction)
    for made in (part, nested(part, share), nested(nested(part, share), share)):
        assert re.fullmatch(PATTERN, made)
    assert re.fullmatch(SUBSET_PATTERN, part)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "20.",
        ".5",
        "2e-05",
        "-20",
        "20-within-",
        "-within-20",
        "20-within",
        "20/10",
        "20-10",
        "5-within-10-within-20",
        "20-",
        "20-Stratified",
        "20-stratified-",
        "20-stratified-within-40",
        "10-within-20-within",
    ],
)
def test_the_pattern_fits_nothing_else(text):
    assert not re.fullmatch(PATTERN, text)
