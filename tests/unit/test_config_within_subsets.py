"""The config of what is learned within a subset: step_up, nested parts, auto, snapshots, what is pruned from."""

import re

import pytest
from test_config import assert_says, changed, faults_of

from pruning_workflow.config import read_config
from pruning_workflow.names import PART_PATTERN, Arm, Part, Table, percent
from pruning_workflow.results import table_path
from pruning_workflow.runs import nested_rows, retraining_rows, shift_rows

STEPPED_UP = ("dynamics", "nested/dynamics", "nested/scores")
PREDICTED = ("predictions", "neighbors/label")
HELD_OUT = (*PREDICTED, *(f"nested/{name}" for name in PREDICTED), "nested/scores")


def study(extrapolation, *changes, pruned_by=None):
    """Read the default config with these extrapolators, pruned by the first of them or those given by label."""
    without = changed(("extrapolation", extrapolation), ("selection.extrapolators", pruned_by or ["knn-20"]), *changes)
    return read_config(without)


# step_up


@pytest.mark.parametrize("name", ["knn", "gnn", "held_out"])
def test_every_extrapolator_takes_step_up_and_is_named_for_it(name):
    both = study([name, {"name": name, "step_up": True}, "knn"][: 2 if name == "knn" else 3])
    plain, stepped_up = list(both.extrapolators())[:2]
    assert stepped_up == f"{plain}-step_up"
    one, other = (both.extrapolators()[label] for label in (plain, stepped_up))
    assert one | {"step_up": True} == other
    assert one["step_up"] is False


def test_stepped_up_neighbours_of_twenty_are_knn_20_step_up_and_one_for_each_k():
    entry = {"name": "knn", "k": [20, 50], "step_up": True, "same_label": True}
    both = study([entry], pruned_by=["knn-50-same_label-step_up"])
    assert list(both.extrapolators()) == ["knn-20-same_label-step_up", "knn-50-same_label-step_up"]
    assert list(study([{"name": "knn", "k": 20, "step_up": True}, "knn"]).extrapolators()) == [
        "knn-20-step_up",
        "knn-20",
    ]


@pytest.mark.parametrize("value, found", [(1, "1"), ("true", '"true"'), ([], "[]"), ({}, "{}")])
def test_what_is_no_truth_value_of_step_up_is_named_once_beside_other_faults(value, found):
    entry = {"name": "knn", "k": [5, 10], "step_up": value}
    (fault,) = faults_of(changed(("extrapolation", ["gnn", entry])))
    assert_says(fault, f"extrapolation[1].step_up = {found} is neither true nor false (...)")
    faults = faults_of(changed(("extrapolation", [entry | {"weighting": "x"}]), ("device", "gpu")))
    assert {fault.split()[1] for fault in faults} == {
        "extrapolation[0].step_up",
        "extrapolation[0].weighting",
        "device",
    }


def test_only_extrapolators_take_step_up():
    (fault,) = faults_of(changed(("scores", [{"name": "du", "step_up": True}])))
    assert_says(fault, "scores[0].step_up is not a known key; known are window, training")


def test_tables_that_are_needed_are_each_named_once():
    config = study(
        ["knn", "gnn", "held_out"] + [{"name": name, "step_up": True} for name in ("knn", "gnn", "held_out")]
    )
    assert {label: config.needs(label) for label in config.extrapolators()} == {
        "knn-20": ("neighbors/subset",),
        "gnn-10": config.needs("gnn-10"),
        "held_out-50": HELD_OUT,
        "knn-20-step_up": ("neighbors/subset", *STEPPED_UP),
        "gnn-10-step_up": (*config.needs("gnn-10"), *STEPPED_UP),
        "held_out-50-step_up": (*HELD_OUT, "dynamics", "nested/dynamics"),
    }
    assert not set(STEPPED_UP) & set(config.needs("gnn-10"))


def test_trainings_record_probabilities_where_a_step_is_learned_from_them():
    slow = (("scores", [{"name": "tdds", "training": "slow"}, "aum"]), ("training.variants", {"slow": {"epochs": 50}}))
    without, stepped_up = (study(["knn", {"name": "gnn", "step_up": value}], *slow) for value in (False, True))
    assert (without.records("slow"), without.records("base")) == (["divergence"], ["margin"])
    assert stepped_up.records("slow") == ["divergence", "probability"]
    assert stepped_up.records("base") == ["margin", "probability"]
    # du reads probabilities itself: they are recorded once.
    assert study(["knn", {"name": "knn", "step_up": True}]).records("base") == ["probability"]


# Neighbours within a subset

ENTRIES = [
    {"name": "knn", "k": [20, 100]},
    {"name": "knn", "k": 7, "same_label": True, "step_up": True},
    {"name": "held_out", "k": [30, 50]},
]


@pytest.mark.parametrize(
    "estimates, part, expected",
    [
        ([], "20", {"subset": 100, "label": 50, "all": 0}),
        (["nested"], "20", {"subset": 100, "label": 50, "all": 0}),
        # Within the subset, only held_out looks for neighbours, unless all are to be tried there.
        ([], "10-within-20", {"subset": 0, "label": 50, "all": 0}),
        (["cross_validation"], "10-within-20", {"subset": 0, "label": 50, "all": 0}),
        (["nested"], "10-within-20", {"subset": 100, "label": 50, "all": 0}),
    ],
)
def test_neighbours_are_searched_at_the_largest_k_of_those_who_read_them_in_this_part(estimates, part, expected):
    config = study(ENTRIES, ("evaluation.estimates", estimates))
    assert {scope: config.largest_k(scope, Part.parse(part)) for scope in expected} == expected


# auto


def test_auto_is_one_more_extrapolated_score_only_where_it_is_pruned_by():
    nested_estimates = ("evaluation.estimates", ["nested"])
    labels = ["knn-20", "gnn-10"]
    assert study(["knn", "gnn"], nested_estimates).extrapolated() == labels
    chosen = study(["knn", "gnn"], nested_estimates, pruned_by=["auto", "knn-20"])
    assert chosen.extrapolated() == [*labels, "auto"]
    assert list(chosen.extrapolators()) == labels


@pytest.mark.parametrize("estimates", [[], ["cross_validation"]])
def test_auto_without_nested_estimates_is_one_sentence(estimates):
    config = changed(("evaluation.estimates", estimates), ("selection.extrapolators", ["knn-5", "auto"]))
    (fault,) = faults_of(config)
    assert_says(
        fault,
        "selection.extrapolators[1] = auto chooses by nested estimates; add nested to evaluation.estimates",
    )


def test_an_unknown_extrapolator_is_refused_and_auto_is_among_those_there_are():
    for estimates in ([], ["nested"]):
        config = changed(("selection.extrapolators", ["knn-7"]), ("evaluation.estimates", estimates))
        (fault,) = faults_of(config)
        assert_says(
            fault,
            'selection.extrapolators[0] = "knn-7" is not computed; there are knn-5, knn-10, knn-20, '
            "held_out-10-step_up, auto",
        )


def test_auto_is_not_told_of_a_fault_elsewhere():
    pruned_by = ("selection.extrapolators", ["auto", "knn-5"])
    (fault,) = faults_of(changed(pruned_by, ("extrapolation", ["unsure"])))
    assert fault.split()[1] == "extrapolation[0]"


# What is pruned from


def test_what_is_pruned_from_are_fractions_that_are_trained_on():
    fractions = ("subset.fractions", [0.1, 0.2, 0.4])
    assert read_config(changed(fractions)).selection.fractions is None
    assert read_config(changed(fractions, ("selection.fractions", [0.4, 0.1]))).selection.fractions == [0.4, 0.1]
    faults = faults_of(changed(fractions, ("selection.fractions", [0.3, 0.2, 0.05])))
    assert faults == [
        "config: selection.fractions[0] = 0.3 is none of subset.fractions; there are 0.1, 0.2, 0.4",
        "config: selection.fractions[2] = 0.05 is none of subset.fractions; there are 0.1, 0.2, 0.4",
    ]


def test_they_are_looked_for_only_where_both_lists_have_no_fault():
    (fault,) = faults_of(changed(("subset.fractions", [20]), ("selection.fractions", [0.3])))
    assert fault.split()[1] == "subset.fractions[0]"
    (fault,) = faults_of(changed(("selection.fractions", [0.3, 30])))
    assert fault.split()[1] == "selection.fractions[1]"


# Snapshots


def test_more_snapshots_than_earlier_epochs_are_one_sentence():
    epochs = (("training.epochs", 12), ("scores", ["du"]))
    assert read_config(changed(*epochs, ("training.snapshots", 11))).training.snapshots == 11
    (fault,) = faults_of(changed(*epochs, ("training.snapshots", 12)))
    assert_says(fault, "training.snapshots = 12 networks before the last of 12 epochs are not to be had; lower it")


def test_a_variant_that_is_too_short_for_its_snapshots_is_told_so():
    variants = {"short": {"epochs": 2}, "none": {"epochs": 2, "snapshots": 0}, "more": {"snapshots": 40}}
    faults = faults_of(changed(("training.snapshots", 3), ("training.variants", variants)))
    text = "networks before the last of {} epochs are not to be had; lower it"
    assert faults == [
        f"config: training.variants.short.snapshots = 3 {text.format(2)}",
        f"config: training.variants.more.snapshots = 40 {text.format(30)}",
    ]


def test_too_many_snapshots_that_a_variant_inherits_are_told_once():
    faults = faults_of(changed(("training.snapshots", 30), ("training.variants", {"a": {}})))
    assert [fault.split()[1] for fault in faults] == ["training.snapshots"]


def test_snapshots_are_of_the_trainings_for_scores_only():
    config = read_config(changed(("training.snapshots", 9), ("training.variants.a", {}), ("retraining.epochs", 1)))
    assert config.training.variants["a"].snapshots == 9
    assert "snapshots" not in config.retraining.model_dump()


# Shares of a subset at the ends of their range


@pytest.mark.parametrize("share", [1e-12, 1 / 3, 1 - 1e-15])
def test_a_share_that_is_next_to_nothing_or_all_is_read_and_listed(share):
    config = study(
        ["knn", {"name": "held_out", "step_up": True}],
        ("subset.nested", share),
        ("evaluation.estimates", ["nested"]),
        pruned_by=["auto"],
    )
    assert config.subset.nested == share
    part = Part("20").nested(share)
    assert str(part).startswith(f"{percent(0.2 * share)}-within-")
    assert (
        table_path(config, Table("embeddings", nested=1), "du", Part("20"), 0)
        == f"embeddings/base/fraction-{part}/seed-0"
    )
    assert (config.largest_k("subset", part), config.largest_k("label", part)) == (20, 50)
    paths = [path for row in nested_rows(config) for path in (row["extrapolated"], row["truth"])]
    paths += [row["nested_scores"] for row in shift_rows(config)]
    rows = retraining_rows(config, [Arm("top", "du", "auto", Part("20"))])
    paths += [row["metrics"] for row in rows]
    parts = {found for path in paths for found in re.findall("fraction-([^/]*)", path)}
    assert str(part) in parts
    assert all(re.fullmatch(PART_PATTERN, found) for found in parts)


def test_nested_has_a_default():
    config = changed()
    del config["subset"]["nested"]
    assert read_config(config).subset.nested == 0.5
