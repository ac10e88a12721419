"""Costs carried over from small runs to large ones, against values by hand."""

import copy
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config

from pruning_workflow.config import read_config
from pruning_workflow.nested_run import needs_of
from pruning_workflow.plan.break_even import break_even, say_break_even, say_seconds
from pruning_workflow.plan.clock import Task, clock_seconds, start_seconds
from pruning_workflow.plan.counts import Counts, count_samples
from pruning_workflow.plan.forecast import Costs, Forecast, sum_stages
from pruning_workflow.plan.lines import fit_line
from pruning_workflow.plan.small import fewest_images, in_small
from pruning_workflow.plan.work import (
    DISTANCES_OF_A_QUERY,
    OF_ANY_ARM,
    OF_ANY_SCORES,
    WORK_OF_RULES,
    Work,
    work_of,
)
from pruning_workflow.snakemake_internals import ListedJob

CHECKOUT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((CHECKOUT / "config.yaml").read_text())
CIFAR = Counts(train=50_000, test=10_000, validation=0, read=50_000, classes=10)


def merged(changes: dict) -> dict:
    config = copy.deepcopy(DEFAULT)
    update_config(config, changes)
    return config


# Lines


def test_two_exact_points_give_their_line():
    line = fit_line([(1, 3), (3, 7)], noise=0)
    assert (line.begin, line.slope, line.at(10)) == (1, 2, 21)


def test_a_slope_is_drawn_towards_zero_by_its_noise():
    line = fit_line([(1, 3), (3, 7)], noise=0.05)
    # The deviation is 0.05 of the mean cost 5, the squared standard error of the slope 0.0625 / 2.
    assert line.slope == pytest.approx(2 * (1 - 0.03125 / 4))
    assert line.at(2) == pytest.approx(5)


def test_a_difference_within_the_noise_is_none():
    line = fit_line([(1, 4.0), (2, 4.1)])
    assert line.slope == 0 and line.at(100) == pytest.approx(4.05)


def test_less_work_that_takes_longer_is_noise():
    assert fit_line([(1, 9), (3, 5)], noise=0).at(1000) == 7


def test_no_job_begins_below_zero():
    line = fit_line([(1, 1), (3, 4)], noise=0)
    assert line.begin == 0 and line.slope == pytest.approx(13 / 10)


@pytest.mark.parametrize(("begin", "expected"), [(2, 2 + 10 * 6), (20, 8)])
def test_one_size_of_work_begins_as_the_shortest_job_does(begin, expected):
    assert fit_line([(5, 8), (5, 8)], begin).at(50) == expected


def test_jobs_without_work_cost_their_mean():
    assert fit_line([(0, 4), (0, 6)], begin=1).at(0) == 5


def test_errors_grow_with_the_distance_from_what_was_measured():
    line = fit_line([(0, 10), (2, 10), (4, 10)])
    assert line.error_at(2) == pytest.approx(0.5 / 3**0.5)
    assert line.error_at(42) == pytest.approx(0.5 * (1 / 3 + 40**2 / 8) ** 0.5)


# Work


RUN = {"fraction": "20", "seed": "0"}
EMBEDDED = {"recipe": "base", "part": "20", "seed": "0"}
WITHIN = EMBEDDED | {"part": "10-within-20"}
RETRAINED = {"budget": "epochs", "arm": "random", "seed": "0"}


@pytest.mark.parametrize(
    ("rule", "wildcards", "units"),
    [
        ("prepare_samples", {}, 60_000),
        ("draw_subset", RUN, 50_000),
        ("train_subset", {"recipe": "base", **RUN}, 10_000 * 30),
        ("train_subset", {"recipe": "base", **RUN, "fraction": "100"}, 50_000 * 30),
        ("train_subset", {"recipe": "base", **RUN, "fraction": "10"}, 5_000 * 30),
        ("score_subset", {"score": "du", **RUN}, 10_000 * 30),
        ("embed_samples", EMBEDDED, 50_000),
        ("embed_samples", WITHIN, 10_000),
        ("embed_samples", EMBEDDED | {"scatteritem": "3-of-8"}, 50_000 / 8),
        ("embed_pretrained", {"network": "pretrained"}, 50_000),
        ("predict_samples", EMBEDDED, 40_000),
        ("predict_samples", EMBEDDED | {"part": "10-within-20-stratified"}, 5_000),
        ("find_neighbors", EMBEDDED | {"scope": "subset"}, 40_000 * (10_000 + DISTANCES_OF_A_QUERY)),
        ("find_neighbors", EMBEDDED | {"scope": "label"}, 40_000 * (1_000 + DISTANCES_OF_A_QUERY)),
        (
            "find_neighbors",
            EMBEDDED | {"scope": "all", "scatteritem": "1-of-2"},
            25_000 * (50_000 + DISTANCES_OF_A_QUERY),
        ),
        ("select_without_score", {"method": "random", "seed": "0", "amount": "rate-50"}, 50_000),
        ("retrain_model", RETRAINED | {"amount": "rate-0"}, 3 * 50_000 * 30 + 10_000),
        (
            "retrain_model",
            RETRAINED | {"arm": "top/du/knn-10/fraction-20", "amount": "rate-80"},
            3 * 10_000 * 30 + 10_000,
        ),
        ("retrain_model", RETRAINED | {"amount": "keep-2000"}, 3 * 2_000 * 30 + 10_000),
        ("retrain_model", RETRAINED | {"budget": "steps", "amount": "rate-80"}, 3 * 50_000 * 30 + 10_000),
        ("cross_validate_extrapolator", {**RUN, "score": "du", "extrapolator": "knn-5"}, 10_000),
        ("tabulate_retraining", {}, 0),
        ("table_1", {}, 0),
        ("plot_scores", {**RUN, "score": "du", "extrapolator": "knn-10"}, 0),
    ],
)
def test_the_work_of_a_job(rule, wildcards, units):
    assert work_of(rule, wildcards, read_config(DEFAULT), CIFAR).units == pytest.approx(units)


SCORED = {"score": "du", "extrapolator": "knn-10", **RUN}


@pytest.mark.parametrize(
    ("budget", "units"), [("epochs", 3 * (3 * 2_000 * 30 + 40_000)), ("steps", 3 * (3 * 10_000 * 30 + 40_000))]
)
def test_the_work_of_a_trial_is_all_its_trainings_and_what_they_are_asked(budget, units):
    methods = [{"name": "auto", "candidates": ["top", "random"], "repeats": 3}]
    changes = {"selection": {"methods": methods}, "retraining": {"budgets": [budget]}}
    experiment = read_config(merged(changes))
    scored = {"candidate": "top", **SCORED, "amount": "rate-80"}
    unscored = {"candidate": "random", "fraction": "20-stratified", "seed": "1", "amount": "keep-10000"}
    for rule, wildcards in (("try_selection", scored), ("try_without_score", unscored)):
        work = work_of(rule, wildcards, experiment, CIFAR)
        assert work == Work(rule, pytest.approx(units), pytest.approx(2_000))


@pytest.mark.parametrize(
    ("rule", "alike"),
    [
        (
            "train_subset",
            [
                {"recipe": "base", "fraction": fraction, "seed": seed}
                for fraction, seed in (("20", "0"), ("100", "3"), ("5-zcoreset", "1"))
            ],
        ),
        ("embed_samples", [EMBEDDED | {"scatteritem": "1-of-8"}, WITHIN | {"scatteritem": "2-of-2"}]),
        (
            "select_by_score",
            [
                {"method": "top", "score": score, "extrapolator": label, **RUN, "amount": amount}
                for score, label, amount in (
                    ("du", "knn-5", "rate-20"),
                    ("tdds", "computed", "rate-2.5"),
                    ("du", "auto", "keep-70"),
                )
            ],
        ),
        (
            "retrain_model",
            [
                RETRAINED | {"amount": "rate-0"},
                RETRAINED | {"budget": "steps", "arm": "top/du/knn-5/fraction-20", "amount": "rate-80"},
            ],
        ),
        (
            "extrapolate_scores",
            [
                {"part": part, "seed": "0", "score": score, "extrapolator": "knn-5"}
                for part, score in (("20", "du"), ("10-within-20", "tdds"))
            ],
        ),
        ("draw_subset", [RUN, RUN | {"fraction": "100", "seed": "1"}]),
        ("plot_scores", [SCORED, SCORED | {"score": "tdds", "extrapolator": "auto"}]),
    ],
)
def test_jobs_of_one_kind(rule, alike):
    experiment = read_config(DEFAULT | {"scores": ["du", {"name": "tdds"}]})
    assert len({work_of(rule, wildcards, experiment, CIFAR).kind for wildcards in alike}) == 1


@pytest.mark.parametrize(
    ("rule", "different"),
    [
        ("train_subset", [{"recipe": recipe, **RUN} for recipe in ("base", "sgd")]),
        ("draw_subset", [RUN, RUN | {"fraction": "20-stratified"}]),
        ("extrapolate_scores", [EMBEDDED | {"score": "du", "extrapolator": label} for label in ("knn-5", "knn-10")]),
        ("find_neighbors", [EMBEDDED | {"scope": scope} for scope in ("subset", "all")]),
        ("select_by_score", [SCORED | {"method": method, "amount": "rate-50"} for method in ("top", "chance")]),
        ("score_subset", [RUN | {"score": score} for score in ("du", "el2n")]),
    ],
)
def test_jobs_of_two_kinds(rule, different):
    experiment = read_config(
        merged({"training": {"variants": {"sgd": {}}}, "scores": ["du", {"name": "el2n", "training": "sgd"}]})
    )
    assert len({work_of(rule, wildcards, experiment, CIFAR).kind for wildcards in different}) == 2


def test_jobs_of_two_rules_are_never_of_one_kind():
    experiment = read_config(DEFAULT)
    rules = ("extrapolate_scores", "extrapolate_shard", "gather_scores", "train_extrapolator")
    wildcards = {"part": "20", "seed": "0", "score": "du", "extrapolator": "knn-5"}
    assert len({work_of(rule, wildcards, experiment, CIFAR).kind for rule in rules}) == len(rules)


def test_the_rules_whose_work_grows_are_rules():
    text = "".join(path.read_text() for path in (CHECKOUT / "rules").glob("*.smk"))
    rules = set(re.findall(r"^ *(?:use rule \w+ as|rule) (\w+)(?::| with)", text, re.M))
    assert WORK_OF_RULES.keys() | OF_ANY_ARM | OF_ANY_SCORES <= rules


# Forecast


def ran(stage, kind, units, seconds, rows=0, memory_mb=100, disk_bytes=0):
    return {
        "stage": stage,
        "kind": kind,
        "units": units,
        "rows": rows,
        "seconds": seconds,
        "memory_mb": memory_mb,
        "disk_bytes": disk_bytes,
    }


def listed(stage, rule, wildcards, **changes):
    """Return a job as the plan lists them."""
    job = {"stage": stage, "rule": rule, "wildcards": wildcards, "threads": 1, "gpus": None, "needs": [], "done": False}
    return job | changes


def test_what_jobs_cost_at_another_size():
    a = [ran("one", "a", 100, 10, 100, 200, 1000), ran("one", "a", 1100, 110, 1100, 1200, 11_000)]
    costs = Costs([*a, ran("one", "b", 0, 4)])
    cost = costs.of("one", Work("a", 2000, 2000))
    assert cost.seconds == pytest.approx(200, rel=0.02)
    assert cost.memory_mb == pytest.approx(2100, rel=0.02)
    assert cost.disk_bytes == pytest.approx(20_000)
    assert costs.of("one", Work("b", 0, 0)).seconds == 4


def test_a_kind_that_was_not_run_costs_what_its_stage_does():
    tables = [ran("study", "table_1", 0, 2), ran("study", "table_2", 0, 4)]
    costs = Costs([*tables, ran("samples", "prepare_samples", 10, 48)])
    assert costs.of("study", Work("figure_2", 0, 0)).seconds == 3
    assert costs.of("export", Work("export_file", 0, 0)).seconds == 18  # of all


def test_one_size_begins_as_others_of_its_stage_do():
    others = [ran("neighbors", "of the subset", 10, 4.0), ran("neighbors", "of the subset", 1010, 14.0)]
    costs = Costs([*others, ran("samples", "samples", 10, 0.5), ran("neighbors", "of all", 20, 6.0)])
    assert costs.of("neighbors", Work("of all", 200, 0)).seconds == pytest.approx(4 + 2 * 10, rel=0.05)


def test_stages_are_summed_and_what_is_done_is_not_left():
    at_random = {"method": "random", "seed": "0", "amount": "rate-50"}
    calibration = {
        "jobs": [
            ran("selection", "select_without_score random", 50_000, 36.0),
            ran("samples", "prepare_samples", 60_000, 72.0),
        ],
        "gpu": False,
        "start_s": 0,
    }
    forecast = Forecast(read_config(DEFAULT), CIFAR, calibration)
    jobs = forecast.jobs(
        [
            listed("selection", "select_without_score", at_random, needs=[1]),
            listed("samples", "prepare_samples", {}, threads=2, done=True),
        ]
    )
    samples, selection, total = sum_stages(jobs)
    assert [row["stage"] for row in (samples, selection, total)] == ["samples", "selection", "all"]
    assert samples["cpu_hours"] == pytest.approx(2 * 72 / 3600) and samples["jobs_left"] == samples["left_s"] == 0
    assert (total["jobs"], total["jobs_left"], total["seconds"], total["left_s"]) == (2, 1, 108, 36)
    assert forecast.clocks(jobs, 2) == {"clock_s": 108, "clock_left_s": 36}


def test_trials_are_a_stage_of_their_own_before_the_selection():
    methods = [{"name": "auto", "candidates": ["top", "random"]}]
    experiment = read_config(merged({"selection": {"methods": methods}}))
    run = [ran("trials", "try_selection", 1, 20.0), ran("selection", "select_by_score auto", 50_000, 4.0)]
    own = SCORED | {"amount": "rate-50"}
    jobs = [
        listed("selection", "select_by_score", own | {"method": "auto"}),
        listed("trials", "try_selection", own | {"candidate": "top"}),
        listed("trials", "try_without_score", RUN | {"candidate": "random", "amount": "rate-50"}),
    ]
    rows = sum_stages(Forecast(experiment, CIFAR, {"jobs": run, "gpu": False, "start_s": 0}).jobs(jobs))
    assert [(row["stage"], row["jobs"]) for row in rows] == [("trials", 2), ("selection", 1), ("all", 3)]


def test_jobs_that_can_use_a_gpu_count_as_gpu_hours_where_there_is_one():
    jobs = [
        listed("training", "train_subset", {"recipe": "base", "fraction": "20", "seed": str(seed)}, gpus=gpus)
        for seed, gpus in enumerate((0.0, 4.0))
    ]
    run = [ran("training", "train_subset base", 300_000, 3600.0)]
    hours = {}
    for gpu in (False, True):
        forecast = Forecast(read_config(DEFAULT), CIFAR, {"jobs": run, "gpu": gpu, "start_s": 0})
        total = sum_stages(forecast.jobs(jobs))[-1]
        hours[gpu] = (total["cpu_hours"], total["gpu_hours"])
    assert hours == {False: (pytest.approx(2), 0), True: (0, pytest.approx(5))}


def test_the_clock():
    # Two cores: the first takes both; then 5 s beside 3 s, after which 4 s begin.
    tasks = [Task(10, 2, 0, ()), Task(5, 1, 0, (0,)), Task(3, 1, 0, (0,)), Task(4, 1, 0, (0,))]
    assert clock_seconds(tasks, 2) == 17
    assert clock_seconds(tasks, 1) == 22
    assert clock_seconds(tasks, 2, start_s=1) == 20
    assert start_seconds(tasks, 2, 18.5) == pytest.approx(0.5)
    assert start_seconds(tasks, 2, 12) == 0


def test_jobs_take_turns_at_the_gpu():
    assert clock_seconds([Task(5, 1, 1, ()), Task(5, 1, 1, ()), Task(6, 1, 0, ())], 3) == 10


# Break-even


def test_break_even():
    found = break_even(0.5, list_s=100, everything_s=60, kept_s=35)
    assert (found.trainings, found.long_s) == (4, 200)
    assert "4 trainings" in say_break_even(found) and "3.3 min or longer" in say_break_even(found)
    assert break_even(0.5, 25, 60, 35).trainings == 1
    assert break_even(0.5, 25.1, 60, 35).trainings == 2


def test_what_saves_nothing_never_pays():
    found = break_even(0.5, 100, 60, 60)
    assert found.trainings is None and "no reason to prune" in say_break_even(found)
    assert break_even(0.0, 100, 60, 60).long_s is None


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.44, "0.4 s"), (42, "42 s"), (125, "2.1 min"), (5940, "99 min"), (86_400, "24 h")]
)
def test_durations(seconds, said):
    assert say_seconds(seconds) == said


# In small


def configs():
    return sorted(path.name for path in (CHECKOUT / "config").glob("*.yaml"))


@pytest.mark.parametrize("name", configs())
def test_every_shipped_experiment_can_be_made_small(name):
    raw = merged(yaml.safe_load((CHECKOUT / "config" / name).read_text()))
    experiment = read_config(raw)
    if experiment.samples.pool is not None:
        pytest.skip("has a pool, which the plan refuses")
    given = replace(CIFAR, validation=2_500 if experiment.samples.validation else 0)
    n = fewest_images(experiment, given)
    assert n < 20_000
    for truth in (True, False):
        small, counts = in_small(raw, experiment, given, "small", n, truth)
        made = read_config(small)
        assert made.training.epochs < experiment.training.epochs or experiment.training.epochs <= 11
        assert made.evaluation.full_data_scores == (truth and experiment.evaluation.full_data_scores)
        assert made.path("") == f"{experiment.path('plan')}/small/"
        assert (counts.train, counts.test) == (n, round(n / 5))
        left = round((1 - (made.samples.test or 0) - (made.samples.validation or 0)) * CIFAR.read)
        assert round((made.samples.share or 1) * left) == pytest.approx(n, abs=1)


def test_in_small_two_samples_of_the_subset_are_left_for_a_trial():
    methods = [{"name": "auto", "candidates": ["top", "random"]}]
    numbers = []
    for rate in (0.5, 0.99):
        own = {"methods": [methods[0] | {"extrapolators": ["auto"]}]}
        for selection in ({}, {"methods": methods}, {"methods": methods, "extrapolators": ["auto"]}, own):
            experiment = read_config(merged({"selection": {"rates": [rate], **selection}}))
            numbers.append(fewest_images(experiment, CIFAR))
    # 40 images, twice the most neighbours, are 10 % of all; or 5 %, where an extrapolator is chosen within those. Of
    # 200, which are 20 %, a rate of 99 % leaves two.
    assert numbers == [400, 400, 800, 800, 400, 1000, 1000, 1000]


def test_the_largest_copy_has_as_many_images_as_it_says():
    raw = merged({})
    apart = Counts(train=500, test=100, validation=0, read=500, classes=10)  # a test set of its own files
    split_off = Counts(train=400, test=100, validation=0, read=500, classes=10)
    assert [given.most_in_a_copy() for given in (apart, split_off)] == [416, 400]
    for given in (apart, split_off):
        small, scaled = in_small(raw, read_config(raw), given, "small", given.most_in_a_copy(), False)
        split = round(small["samples"]["test"] * given.read)
        assert split == scaled.test
        assert round((small["samples"]["share"] or 1) * (given.read - split)) == pytest.approx(scaled.train, abs=1)


def test_a_number_to_keep_is_a_rate_in_small():
    raw = merged({"selection": {"keep": [40_000, 5_000]}, "samples": {"test": None}})
    small, _ = in_small(raw, read_config(raw), CIFAR, "small", 1000, False)
    assert (small["selection"]["rates"], small["selection"]["keep"]) == ([0.9], None)


def test_what_a_method_passes_over_is_no_more_than_is_pruned_in_small_too():
    raw = merged({"selection": {"rates": [1 / 3], "methods": [{"name": "window", "start": 1 / 3}]}})
    small, _ = in_small(raw, read_config(raw), CIFAR, "small", 1000, False)
    assert small["selection"]["rates"] == [0.3334]


def test_the_number_of_images_is_that_of_the_store(tmp_path):
    from preparing import prepare_samples

    for changes in ({}, {"share": 0.3, "validation": 0.1}, {"test": None, "share": 0.5}):
        samples = read_config(merged({"samples": changes})).samples.model_dump()
        counts = count_samples(samples)
        given = {key: value for key, value in samples.items() if key not in ("train", "split_seed")}
        summary = prepare_samples(train=[], seed=0, folder=tmp_path, **given)
        n = {"test": 0, "validation": 0} | summary["n"]
        assert asdict(counts) == n | {"read": 1797, "classes": len(summary["classes"])}


# Dry runs


def test_a_job_needs_those_whose_files_it_reads():
    jobs = [
        ListedJob("samples", "prepare_samples", {}, [], ["train.npy", "train.parquet"], 2, None),
        ListedJob("training/20", "train_subset", {}, ["train.npy", "train.parquet"], ["model"], 1, 1.0),
    ]
    assert needs_of(jobs) == [(), (0,)]
    assert [job.stage for job in jobs] == ["samples", "training"]
