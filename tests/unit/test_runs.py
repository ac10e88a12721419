"""Where the tables of a study lie, which jobs an arm is charged with, and the rows of the estimates."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pruning_workflow.config import read_config
from pruning_workflow.results import labels_checkpoint, table_path, table_paths, universe_path
from pruning_workflow.runs import (
    agreement_rows,
    can_be_validated,
    nested_rows,
    retraining_rows,
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
    experiment = study(**TWO_TRAININGS)
    assert table_path(experiment, name, "tdds", "20", 4) == of_the_subset
    # The nested table of the subset is the table of the part within it.
    assert table_path(experiment, f"nested/{name}", "tdds", "20", 4) == within_the_subset
    assert table_path(experiment, name, "tdds", "10-within-20", 4) == within_the_subset
    # Of the other score, that of the other training.
    assert table_path(experiment, name, "du", "20", "4") == of_the_subset.replace("slow", "base").replace("tdds", "du")


def test_nested_of_nested_is_one_step_further_in():
    experiment = study(subset={"fractions": [0.2], "nested": 0.25})
    paths = [table_path(experiment, f"nested/{name}", "du", "5-within-20", 0) for name in ("samples", "predictions")]
    assert paths == ["subset/fraction-5/seed-0", "predictions/base/fraction-1.25-within-5/seed-0"]
    assert table_path(experiment, "nested/nested/predictions", "du", "20", 0) == paths[1]


def test_all_among_which_a_part_lies():
    parts = ("20", "100", "10-within-20", "5-within-10")
    assert [universe_path(part, 3) for part in parts] == [
        "samples/train",
        "samples/train",
        "subset/fraction-20/seed-3",
        "subset/fraction-10/seed-3",
    ]


# ------------------------------------------------------------------- what is counted


def jobs_of(experiment, arm, seed=4):
    """Return the jobs that an arm is charged with at the first rate: of each stage, their paths without the folder."""
    row = next(row for row in retraining_rows(experiment, [arm]) if row["arm"] == arm and row["seed"] == seed)
    jobs = row["benchmarks"]
    for path in (path for paths in jobs.values() for path in paths):
        assert re.fullmatch(r"results/digits/benchmarks/.+\.tsv", path)
    return {
        stage: sorted(path[len("results/digits/benchmarks/") : -len(".tsv")] for path in paths)
        for stage, paths in jobs.items()
    }


ONCE = {"samples": ["samples"]}
SCORED = {
    "subset": ["subset/fraction-20/seed-4"],
    "training": ["training/base/fraction-20/seed-4"],
    "scores": ["scores/fraction-20/seed-4/du"],
}
EMBEDDED = {"embeddings": ["embeddings/base/fraction-20/seed-4"]}
NEIGHBORS = {"neighbors": ["neighbors/base/fraction-20/seed-4/subset"]}
OF_LABEL = {"neighbors": ["neighbors/base/fraction-20/seed-4/label"]}
PREDICTED = {"predictions": ["predictions/base/fraction-20/seed-4"]}
NESTED_SCORES = ["scores/fraction-10/seed-4/du", "subset/fraction-10/seed-4", "training/base/fraction-10/seed-4"]
WITHIN = "base/fraction-10-within-20/seed-4"
NESTED_PREDICTIONS = [f"embeddings/{WITHIN}", f"neighbors/{WITHIN}/label", f"predictions/{WITHIN}"]


def of_arm(*stages, label, nested=()):
    run = f"top/du/{label}/fraction-20/seed-4/rate-50"
    own = {"extrapolation": [f"extrapolation/fraction-20/seed-4/du/{label}"]} if label != "computed" else {}
    retrained = {"selection": [f"selection/{run}"], "retraining": [f"retraining/epochs/{run}"]}
    found = {
        stage: paths for stages_of in (ONCE, SCORED, *stages, own, retrained) for stage, paths in stages_of.items()
    }
    return found | ({"nested": sorted(nested)} if nested else {})


@pytest.mark.parametrize(
    "expected",
    [
        of_arm(EMBEDDED, NEIGHBORS, label="knn-10"),
        of_arm(EMBEDDED, {"neighbors": ["neighbors/base/fraction-20/seed-4/all"]}, label="gnn-10"),
        of_arm(EMBEDDED, NEIGHBORS, label="knn-10-step_up", nested=NESTED_SCORES),
        of_arm(EMBEDDED, OF_LABEL, PREDICTED, label="held_out-10", nested=NESTED_SCORES + NESTED_PREDICTIONS),
    ],
    ids=lambda expected: expected["extrapolation"][0].split("/")[-1],
)
def test_an_arm_is_charged_with_each_job_that_it_takes_once_and_with_no_other(expected):
    label = expected["extrapolation"][0].split("/")[-1]
    assert jobs_of(study(ALL, [label]), f"top/du/{label}/fraction-20") == expected


def test_a_table_is_charged_with_the_jobs_that_it_is_made_by(monkeypatch):
    experiment = study()
    of_needs = {
        ("predictions",): ([EMBEDDED, PREDICTED], []),
        ("nested/embeddings",): ([], [*NESTED_SCORES[1:], NESTED_PREDICTIONS[0]]),
        ("nested/predictions",): ([], [*NESTED_SCORES[1:], NESTED_PREDICTIONS[0], NESTED_PREDICTIONS[2]]),
        ("nested/subset", "samples"): ([], [NESTED_SCORES[1]]),
    }
    for needs, (stages, within) in of_needs.items():
        monkeypatch.setattr(type(experiment), "needs", lambda self, extrapolator, needs=needs: needs)
        assert jobs_of(experiment, "top/du/knn-10/fraction-20") == of_arm(*stages, label="knn-10", nested=within)


def test_computed_scores_take_nothing_within_a_subset():
    jobs = jobs_of(study(), "top/du/computed/fraction-100")
    assert set(jobs) == {"samples", "subset", "training", "scores", "selection", "retraining"}
    assert jobs["training"] == ["training/base/fraction-100/seed-4"]
    assert set(jobs_of(study(), "random")) == {"samples", "selection", "retraining"}


def test_stepping_up_held_out_scores_takes_no_more_jobs_than_held_out():
    both = study([HELD_OUT, HELD_OUT | {"step_up": True}], ["held_out-10"])
    plain, stepped_up = (jobs_of(both, f"top/du/{label}/fraction-20") for label in both.extrapolators())
    for stage in ("nested", "training", "predictions", "neighbors"):
        assert plain[stage] == stepped_up[stage]


def test_to_choose_all_candidates_are_counted_outside_and_within():
    experiment = study(ALL, ["auto"])
    jobs = jobs_of(experiment, "top/du/auto/fraction-20")
    labels = list(experiment.extrapolators())
    assert jobs["extrapolation"] == sorted(
        f"extrapolation/fraction-20/seed-4/du/{label}" for label in [*labels, "auto"]
    )
    assert jobs["neighbors"] == [f"neighbors/base/fraction-20/seed-4/{scope}" for scope in ("all", "label", "subset")]
    assert {stage: jobs[stage] for stage in SCORED | PREDICTED | EMBEDDED} == SCORED | PREDICTED | EMBEDDED
    deeper = "base/fraction-5-within-10/seed-4"
    assert jobs["nested"] == sorted(
        [
            *NESTED_SCORES,
            *NESTED_PREDICTIONS,
            f"neighbors/{WITHIN}/all",
            f"neighbors/{WITHIN}/subset",
            *(f"extrapolation/fraction-10-within-20/seed-4/du/{label}" for label in labels),
            # held_out and step_up, tried within the subset, learn from what is nested in its nested subset.
            *(path.replace("fraction-10", "fraction-5") for path in NESTED_SCORES),
            *(f"{stage}/{deeper}" for stage in ("embeddings", "predictions")),
            f"neighbors/{deeper}/label",
        ]
    )


TRIED = {"name": "auto", "candidates": [{"name": "chance", "floor": 0.7}, "top", "random", {"name": "d2", "k": 3}]}


def test_an_arm_that_is_chosen_by_trials_is_charged_with_all_of_them_and_all_that_they_read_within_the_subset():
    experiment = study(selection={"extrapolators": ["knn-10"], "methods": [TRIED, "top"]})
    jobs = jobs_of(experiment, "auto/du/knn-10/fraction-20")
    scored = "du/knn-10/fraction-20/seed-4/rate-50"
    assert jobs.pop("trials") == [
        f"trials/chance-floor_0.7/{scored}",
        f"trials/d2-k_3/{scored}",
        "trials/random/fraction-20/seed-4/rate-50",
        f"trials/top/{scored}",
    ]
    assert jobs.pop("nested") == sorted(
        [
            *NESTED_SCORES,
            f"embeddings/{WITHIN}",
            f"neighbors/{WITHIN}/all",
            f"neighbors/{WITHIN}/subset",
            "extrapolation/fraction-10-within-20/seed-4/du/knn-10",
        ]
    )
    assert jobs.pop("selection") == [f"selection/auto/{scored}"]
    assert jobs.pop("retraining") == [f"retraining/epochs/auto/{scored}"]
    all_neighbors = {"neighbors": [f"neighbors/base/fraction-20/seed-4/{scope}" for scope in ("all", "subset")]}
    extrapolated = {"extrapolation": ["extrapolation/fraction-20/seed-4/du/knn-10"]}
    assert jobs == ONCE | SCORED | EMBEDDED | all_neighbors | extrapolated


def test_to_choose_an_extrapolator_for_trials_takes_the_task_one_step_further_in():
    jobs = jobs_of(study([KNN], selection={"extrapolators": ["auto"], "methods": [TRIED]}), "auto/du/auto/fraction-20")
    deeper = "extrapolation/fraction-5-within-10/seed-4/du/knn-10"
    assert deeper in jobs["nested"] and "extrapolation/fraction-10-within-20/seed-4/du/auto" in jobs["nested"]
    assert len(jobs["trials"]) == 4


@pytest.mark.parametrize("label", ["knn-10", "held_out-10", "auto"])
def test_what_draws_a_subset_is_counted_once_though_it_draws_the_nested_one_too(label):
    methods = {"extrapolators": [label], "methods": [TRIED]}
    experiment = study(ALL, selection=methods, subset={"samplers": ["zcoreset"]})
    jobs = jobs_of(experiment, f"auto/du/{label}/fraction-20-zcoreset")
    counts = Counter(path for paths in jobs.values() for path in paths)
    assert max(counts.values()) == 1
    assert jobs["training_free"] == ["training_free/fraction-0/seed-4/zcoreset/pretrained"]


@pytest.mark.parametrize("label", ["knn-10", "gnn-10", "held_out-10", "knn-10-step_up", "auto"])
def test_no_job_is_counted_twice(label):
    experiment = study(ALL, [label], **TWO_TRAININGS)
    for score in ("du", "tdds"):
        jobs = jobs_of(experiment, f"top/{score}/{label}/fraction-20")
        counts = Counter(path for paths in jobs.values() for path in paths)
        assert max(counts.values()) == 1
        trainings = {path.split("/")[1] for path in counts if path.startswith("training/")}
        assert trainings == {experiment.score(score)["training"]}


# ---------------------------------------------------------------------------- images


def images_of(experiment, arm, seed=4):
    """Return the notes of images that an arm's work is counted from at the first rate: of each stage that has any."""
    row = next(row for row in retraining_rows(experiment, [arm]) if row["arm"] == arm and row["seed"] == seed)
    assert row["images"].keys() == row["benchmarks"].keys()
    return {
        stage: sorted(path.removeprefix("results/digits/") for path in paths)
        for stage, paths in row["images"].items()
        if paths
    }


def test_images_are_noted_by_what_trains_embeds_and_predicts_within_the_subset_too():
    run = "top/du/held_out-10/fraction-20"
    assert images_of(study(ALL, ["held_out-10"]), run) == {
        "training": ["training/base/fraction-20/seed-4/metrics.json"],
        "nested": [
            f"embeddings/{WITHIN}.parquet",
            f"predictions/{WITHIN}.parquet",
            "training/base/fraction-10/seed-4/metrics.json",
        ],
        "embeddings": ["embeddings/base/fraction-20/seed-4.parquet"],
        "predictions": ["predictions/base/fraction-20/seed-4.parquet"],
        "retraining": [f"retraining/epochs/{run}/seed-4/rate-50/metrics.json"],
    }
    assert images_of(study(), "random") == {"retraining": ["retraining/epochs/random/seed-4/rate-50/metrics.json"]}


def test_each_shard_notes_its_own_images_and_what_gathers_them_none():
    images = images_of(study(shards=2), "top/du/knn-10/fraction-20")
    assert images["embeddings"] == [f"{path}.parquet" for path in of_two("embeddings/base/fraction-20/seed-4")]


def test_a_frozen_network_embeds_every_image():
    free = study(training_free={"methods": ["ssp"]})
    assert images_of(free, "top/ssp/pretrained/fraction-0")["embeddings"] == ["embeddings/pretrained.parquet"]


# ---------------------------------------------------------------------------- shards


def of_two(path):
    return [f"{path}/1-of-2", f"{path}/2-of-2"]


def test_a_shard_reads_its_rows_of_what_is_split_and_all_of_what_is_not():
    experiment = study(shards=2)
    own = {name: f"{name.split('/')[0]}/base/fraction-20/seed-4" for name in ("embeddings", "predictions")}
    own["neighbors/label"] = "neighbors/base/fraction-20/seed-4/label"
    for name, path in own.items():
        assert table_paths(experiment, name, "du", "20", 4) == of_two(path)
        assert table_paths(experiment, name, "du", "20", 4, "2-of-2") == [f"{path}/2-of-2"]
        within = of_two(path.replace("20", "10-within-20"))
        for shard in (None, "2-of-2"):
            assert table_paths(experiment, f"nested/{name}", "du", "20", 4, shard) == within
        assert table_paths(study(), name, "du", "20", 4) == [path]
    for name in ("samples", "subset", "dynamics", "scores", "nested/dynamics", "nested/scores"):
        for shard in (None, "1-of-2"):
            assert table_paths(experiment, name, "du", "20", 4, shard) == [table_path(experiment, name, "du", "20", 4)]


def test_how_an_extrapolator_is_split_its_file_says():
    experiment = study(shards=2)
    labels = {"knn-10": "samples", "gnn-10": "layers", "held_out-10": "samples", "knn-10-step_up": "samples"}
    assert {label: experiment.split(label) for label in experiment.extrapolators()} == labels
    assert [study().split(label) for label in labels] == [None] * 4


@pytest.mark.parametrize("label", ["knn-10", "gnn-10", "held_out-10", "auto"])
def test_an_arm_is_charged_with_the_jobs_of_all_shards(label):
    whole, split = (jobs_of(study(ALL, [label], shards=n), f"top/du/{label}/fraction-20") for n in (1, 2))
    assert whole.keys() == split.keys()
    expected = {stage: list(paths) for stage, paths in whole.items()}
    for stage, paths in expected.items():
        for path in list(paths):
            kind, last = path.split("/")[0], path.split("/")[-1]
            if kind in ("embeddings", "predictions", "neighbors"):
                paths.remove(path)
                paths += of_two(path)
            gathered = "/".join(["embeddings", *path.split("/")[1:-1], "gathered"])
            if kind == "neighbors" and gathered not in expected["embeddings"] + expected.get("nested", []):
                expected["nested" if "within" in path else "embeddings"].append(gathered)
            if kind == "extrapolation" and last.startswith(("knn", "held_out")):
                paths += of_two(path)
            if kind == "extrapolation" and last.startswith("gnn"):
                steps = ("graph", "layer-1", "layer-2", "layer-3")
                paths += [f"{path}/network", *(shard for step in steps for shard in of_two(f"{path}/{step}"))]
        assert stage in split
    assert split == {stage: sorted(paths) for stage, paths in expected.items()}


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
        assert f"{table_path(experiment, 'nested/scores', 'du', row['fraction'], 4)}.parquet" in shift["nested_scores"]


# ---------------------------------------------------------------------------- trials


def test_there_is_a_row_of_trials_for_each_choice_with_the_candidates_that_are_retrained():
    methods = ["chance", TRIED, "top", "random"]
    experiment = study(selection={"extrapolators": ["knn-10"], "methods": methods}, **SEVERAL)
    arms = [f"{method}/tdds/knn-10/fraction-2.5" for method in ("chance", "auto", "top")]
    rows = trial_rows(experiment, [*arms, "random"])
    assert "top" not in trial_rows(experiment, [arms[1], "random"])[0]["retrained"]  # no such arm, no such network
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
    arms, tried = ["auto/du/knn-10/fraction-20"], {"extrapolators": ["knn-10"], "methods": [TRIED]}
    both, with_top = [*arms, "top/du/knn-10/fraction-20"], tried | {"methods": [TRIED, "top"], "keep": [100]}
    for listed, changes in (
        (arms, {"selection": tried}),
        (both, {"selection": with_top, "samples": {"test": None}}),
    ):
        for row in trial_rows(study(**changes), listed):
            assert (row["retrained"], row["metrics"]) == ({}, None)
    (row,) = trial_rows(study(selection=with_top), both)
    assert (row["rate"], list(row["retrained"])) == (None, ["top"])
    assert trial_rows(study(), ["top/du/knn-10/fraction-20", "random"]) == []


# ---------------------------------------------------------------------------- unsupervised trainings


def test_no_training_saves_within_the_folder_that_another_removes_at_its_end():
    runs = [("base", part, seed, classes) for part in ("20", "100") for seed in (0, 1) for classes in (None, 5, 10)]
    folders = [f"{labels_checkpoint(*run)}/" for run in runs]
    assert [sum(folder.startswith(other) for other in folders) for folder in folders] == [1] * len(runs)
