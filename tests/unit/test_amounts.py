"""How much is kept, as it stands in paths."""

import re

import pytest

from pruning_workflow.amounts import PATTERN, amounts, as_settings, removed


def test_names_of_amounts():
    assert amounts([0.2, 0.995, 0.0], None) == ["rate-20", "rate-99.5", "rate-0"]
    assert amounts([0.2], [5000, 1]) == ["keep-5000", "keep-1"]


@pytest.mark.parametrize(
    "name, settings",
    [
        ("rate-20", {"rate": 0.2}),
        ("rate-99.5", {"rate": 0.995}),
        ("rate-0", {"rate": 0.0}),
        ("keep-70", {"n_kept": 70}),
    ],
)
def test_a_name_says_what_select_is_to_be_told(name, settings):
    assert re.fullmatch(PATTERN, name)
    assert as_settings(name) == pytest.approx(settings)


@pytest.mark.parametrize(
    "name, n, share", [("rate-20", 7, 0.2), ("keep-50", 200, 0.75), ("keep-200", 200, 0.0), ("keep-201", 200, 0.0)]
)
def test_the_share_that_is_removed(name, n, share):
    assert removed(name, n) == share


@pytest.mark.parametrize("name", ["keep-0", "keep-1.5", "rate-", "rate-5e3", "keep--1"])
def test_other_names_are_no_amounts(name):
    assert not re.fullmatch(PATTERN, name)
