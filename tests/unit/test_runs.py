"""Where the tables of a study lie, and the rows of the estimates and of the trials."""

from pathlib import Path

import pytest
import yaml

from pruning_workflow.config import read_config
from pruning_workflow.names import EVERYTHING, Arm, Part, Table
from pruning_workflow.results import labels_checkpoint, table_path, table_paths, universe_path
from pruning_workflow.runs import (
    agreement_rows,
    can_be_validated,
    nested_rows,
    shift_rows,
    trial_rows,
    validated_rows,
)

DEFAULT = Path(__file__).parents[2] / "config.yaml"
KNN, GNN, HELD_OUT = {"name": "knn", "k": 10}, {"name": "gnn", "k": 10}, {"name": "held_out", "k": 10}
STEPPED_UP = {"name": "knn", "k": 10, "step_up": True}
ALL = [KNN, GNN, HELD_OUT, STEPPED_UP]


def study(extrapolation=ALL, pruned_by=("knn-10",), estimates=("nested", "cross_validation"), **changes):
    raw = yaml.safe_load(DEFAULT.read_text()) | {"seeds": [4], "extrapolation": extrapolation}
    changes = {"selection": {"extrapolators": list(pruned_by)}, "evaluation": {"estimates": list(estimates)}} | changes
    for section, values in changes.items():
        raw[section] = {**raw[section], **values} if isinstance(values, dict) else values
    return read_config(raw)


TWO_TRAININGS = {
    "training": {"variants": {"slow": {"epochs": 50}}},
    "scores": ["du", {"name": "tdds", "training": "slow"}],
}

PART = Part("20")

# ------------------------------------------------------------------ where tables lie


@pytest.mark.parametrize(
    "name, of_the_subset, within_the_subset",
    [
        ("samples", "samples/train", "subset/fraction-20/seed-4"),
        ("subset", "subset/fraction-20/seed-4", "subset/fraction-10/seed-4"),
        ("dynamics", "training/slow/fraction-20/seed-4/dynamics", "training/slow/fraction-10/seed-4/dynamics"),
        ("scores", "scores/fraction-20/seed-4/tdds", "scores/fraction-10/seed-4/tdds"),
        ("embeddings", "embeddings/slow/fraction-20/seed-4", "embeddings/slow/fraction-10-within-20/seed-4"),
        ("predictions", "predictions/slow/fraction-20/seed-4", "predictions/slow/fraction-10-within-20/seed-4"),
        *(
            (
                f"neighbors/{scope}",
                f"neighbors/slow/fraction-20/seed-4/{scope}",
                f"neighbors/slow/fraction-10-within-20/seed-4/{scope}",
            )
            for scope in ("subset", "label", "all")
        ),
    ],
)
def test_a_table_lies_where_its_stage_writes_it(name, of_the_subset, within_the_subset):
    experiment, table = study(**TWO_TRAININGS), Table.parse(name)
    assert table_path(experiment, table, "tdds", PART, 4) == of_the_subset
    # The nested table of the subset is the table of the part within it.
    assert table_path(experiment, Table.parse(f"nested/{name}"), "tdds", PART, 4) == within_the_subset
    assert table_path(experiment, table, "tdds", Part("10", "20"), 4) == within_the_subset
    # Of the other score, that of the other training.
    assert table_path(experiment, table, "du", PART, "4") == of_the_subset.replace("slow", "base").replace("tdds", "du")


def test_nested_of_nested_is_one_step_further_in():
    experiment = study(subset={"fractions": [0.2], "nested": 0.25})
    tables, within = [Table(stage, nested=1) for stage in ("samples", "predictions")], Part("5", "20")
    paths = [table_path(experiment, table, "du", within, 0) for table in tables]
    assert paths == ["subset/fraction-5/seed-0", "predictions/base/fraction-1.25-within-5/seed-0"]
    assert table_path(experiment, Table("predictions", nested=2), "du", PART, 0) == paths[1]


def test_all_among_which_a_part_lies():
    parts = map(Part.parse, ("20", "100", "10-within-20", "5-within-10"))
    assert [universe_path(part, 3) for part in parts] == [
        "samples/train",
        "samples/train",
        "subset/fraction-20/seed-3",
        "subset/fraction-10/seed-3",
    ]


TRIED = {"name": "auto", "candidates": [{"name": "chance", "floor": 0.7}, "top", "random", {"name": "d2", "k": 3}]}

# ---------------------------------------------------------------------------- shards


def of_two(path):
    return [f"{path}/1-of-2", f"{path}/2-of-2"]


def test_a_shard_reads_its_rows_of_what_is_split_and_all_of_what_is_not():
    experiment, run = study(shards=2), ("du", PART, 4)
    own = {name: f"{name}/base/fraction-20/seed-4" for name in ("embeddings", "predictions")}
    own["neighbors/label"] = "neighbors/base/fraction-20/seed-4/label"
    for name, path in own.items():
        table, nested = Table.parse(name), Table.parse(f"nested/{name}")
        assert table_paths(experiment, table, *run) == of_two(path)
        assert table_paths(experiment, table, *run, "2-of-2") == [f"{path}/2-of-2"]
        within = of_two(path.replace("20", "10-within-20"))
        for shard in (None, "2-of-2"):
            assert table_paths(experiment, nested, *run, shard) == within
        assert table_paths(study(), table, *run) == [path]
    for name in ("samples", "subset", "dynamics", "scores", "nested/dynamics", "nested/scores"):
        table = Table.parse(name)
        for shard in (None, "1-of-2"):
            assert table_paths(experiment, table, *run, shard) == [table_path(experiment, table, *run)]


def test_how_an_extrapolator_is_split_its_file_says():
    experiment = study(shards=2)
    labels = {"knn-10": "samples", "gnn-10": "layers", "held_out-10": "samples", "knn-10-step_up": "samples"}
    assert {label: experiment.split(label) for label in experiment.extrapolators()} == labels
    assert [study().split(label) for label in labels] == [None] * 4


# ------------------------------------------------------------------------- estimates

RUN = ("score", "extrapolator", "fraction", "seed")
SEVERAL = {"seeds": [0, 3], "subset": {"fractions": [0.2, 0.025]}, **TWO_TRAININGS}


def runs(rows, keys=RUN):
    found = [tuple(row[key] for key in keys) for row in rows]
    assert len(found) == len(set(found))
    return set(found)


def all_runs(labels):
    return {(s, label, f, seed) for s in ("du", "tdds") for label in labels for f in ("20", "2.5") for seed in (0, 3)}


@pytest.mark.parametrize("estimates", [(), ("nested",), ("cross_validation",), ("cross_validation", "nested")])
def test_there_are_rows_of_what_is_asked_for(estimates):
    experiment = study(estimates=estimates)
    assert bool(validated_rows(experiment)) == ("cross_validation" in estimates)
    assert bool(nested_rows(experiment)) == bool(shift_rows(experiment)) == ("nested" in estimates)


def test_those_are_validated_that_learn_from_the_subset_s_scores_alone():
    experiment = study([*ALL, KNN | {"same_label": True}, GNN | {"labels": False}], ["auto"], **SEVERAL)
    labels = ["knn-10", "gnn-10", "knn-10-same_label", "gnn-10-no_labels"]
    assert [label for label in experiment.extrapolated() if can_be_validated(experiment, label)] == labels
    rows = validated_rows(experiment)
    assert runs(rows) == all_runs(labels)
    row = next(row for row in rows if tuple(row[key] for key in RUN) == ("tdds", "gnn-10", "2.5", 3))
    path = "results/digits/evaluation/cross_validation/fraction-2.5/seed-3/tdds/gnn-10.json"
    assert row == {
        "score": "tdds",
        "extrapolator": "gnn-10",
        "fraction": "2.5",
        "sampler": "random",
        "seed": 3,
        "metrics": path,
    }


def test_every_extrapolator_but_the_chosen_one_is_tried_within_the_subset():
    experiment = study(ALL, ["auto"], **SEVERAL)
    rows = nested_rows(experiment)
    assert runs(rows) == all_runs(experiment.extrapolators())
    assert runs(agreement_rows(experiment)) == all_runs([*experiment.extrapolators(), "auto"])
    row = next(row for row in rows if tuple(row[key] for key in RUN) == ("tdds", "held_out-10", "2.5", 3))
    assert row == {
        "score": "tdds",
        "extrapolator": "held_out-10",
        "fraction": "2.5",
        "sampler": "random",
        "seed": 3,
        "extrapolated": "results/digits/extrapolation/fraction-1.25-within-2.5/seed-3/tdds/held_out-10.parquet",
        "truth": "results/digits/scores/fraction-2.5/seed-3/tdds.parquet",
    }


def test_a_shift_is_between_the_scores_of_a_subset_and_of_the_one_nested_in_it():
    rows = shift_rows(study(ALL, ["auto"], **SEVERAL))
    assert runs(rows, ("score", "fraction", "seed")) == {(s, f, seed) for s, _, f, seed in all_runs(["any"])}
    row = next(row for row in rows if (row["score"], row["fraction"], row["seed"]) == ("tdds", "2.5", 3))
    assert row == {
        "score": "tdds",
        "fraction": "2.5",
        "sampler": "random",
        "seed": 3,
        "scores": "results/digits/scores/fraction-2.5/seed-3/tdds.parquet",
        "nested_scores": "results/digits/scores/fraction-1.25/seed-3/tdds.parquet",
    }
    quarter = shift_rows(study(subset={"nested": 0.25}))[0]
    assert quarter["nested_scores"] == "results/digits/scores/fraction-5/seed-4/du.parquet"


def test_of_fractions_that_percentages_round_the_training_within_the_subset_is_the_same_for_all():
    experiment = study(subset={"fractions": [1 / 7, 1 / 6, 1 / 3], "nested": 0.3})
    for shift, row in zip(shift_rows(experiment), nested_rows(experiment)[:: len(ALL)], strict=True):
        assert shift["fraction"] == row["fraction"]
        smaller = shift["nested_scores"].split("/")[3]
        assert row["extrapolated"].split("/")[3] == f"{smaller}-within-{row['fraction']}"
        assert (
            f"{table_path(experiment, Table('scores', nested=1), 'du', Part(row['fraction']), 4)}.parquet"
            in (shift["nested_scores"])
        )


# ---------------------------------------------------------------------------- trials


def test_there_is_a_row_of_trials_for_each_choice_with_the_candidates_that_are_retrained():
    methods = ["chance", TRIED, "top", "random"]
    experiment = study(selection={"extrapolators": ["knn-10"], "methods": methods}, **SEVERAL)
    arms = [Arm(method, "tdds", "knn-10", Part("2.5")) for method in ("chance", "auto", "top")]
    rows = trial_rows(experiment, [*arms, Arm("random")])
    assert "top" not in trial_rows(experiment, [arms[1], Arm("random")])[0]["retrained"]  # no such arm, no such network
    assert [(row["seed"], row["rate"]) for row in rows] == [(0, 0.5), (3, 0.5), (0, 0.8), (3, 0.8)]
    run, folder = "tdds/knn-10/fraction-2.5/seed-3/rate-80", "results/digits"
    assert rows[-1] == {
        **{"score": "tdds", "extrapolator": "knn-10", "fraction": "2.5", "sampler": "random", "seed": 3, "rate": 0.8},
        "trials": [
            f"{folder}/trials/chance-floor_0.7/{run}.json",
            f"{folder}/trials/top/{run}.json",
            f"{folder}/trials/random/fraction-2.5/seed-3/rate-80.json",
            f"{folder}/trials/d2-k_3/{run}.json",
        ],
        # chance is retrained with another floor, and d2 not at all.
        "retrained": {
            "top": f"{folder}/retraining/epochs/top/{run}/metrics.json",
            "random": f"{folder}/retraining/epochs/random/seed-3/rate-80/metrics.json",
        },
        "metrics": f"{folder}/retraining/epochs/auto/{run}/metrics.json",
    }


def test_in_hindsight_nothing_is_known_without_test_images_or_retrained_candidates():
    by_top = Arm("top", "du", "knn-10", PART)
    arms, tried = [Arm("auto", "du", "knn-10", PART)], {"extrapolators": ["knn-10"], "methods": [TRIED]}
    both, with_top = [*arms, by_top], tried | {"methods": [TRIED, "top"], "keep": [100]}
    for listed, changes in (
        (arms, {"selection": tried}),
        (both, {"selection": with_top, "samples": {"test": None}}),
    ):
        for row in trial_rows(study(**changes), listed):
            assert (row["retrained"], row["metrics"]) == ({}, None)
    (row,) = trial_rows(study(selection=with_top), both)
    assert (row["rate"], list(row["retrained"])) == (None, ["top"])
    assert trial_rows(study(), [by_top, Arm("random")]) == []


# ---------------------------------------------------------------------------- unsupervised trainings


def test_no_training_saves_within_the_folder_that_another_removes_at_its_end():
    runs = [
        ("base", part, seed, classes) for part in (PART, EVERYTHING) for seed in (0, 1) for classes in (None, 5, 10)
    ]
    folders = [f"{labels_checkpoint(*run)}/" for run in runs]
    assert [sum(folder.startswith(other) for other in folders) for folder in folders] == [1] * len(runs)
