"""Which jobs an arm is charged with: what leads to its model in Snakemake's DAG, by the stages of the tables."""

from pathlib import Path

import pytest
import yaml

from pruning_workflow.evaluation.retraining import by_stage
from pruning_workflow.lineage import Lineage
from pruning_workflow.names import Arm
from pruning_workflow.record import Record

from .conftest import copy_checkout, listed_jobs

KNN, GNN, HELD_OUT = {"name": "knn", "k": 10}, {"name": "gnn", "k": 10}, {"name": "held_out", "k": 10}
TRIED = {"name": "auto", "candidates": [{"name": "chance", "floor": 0.7}, "top", "random", {"name": "d2", "k": 3}]}
LABELS = ["knn-10", "gnn-10", "held_out-10", "knn-10-step_up", "held_out-10-step_up"]
# All that an arm can read, in one experiment.
EVERYTHING = {
    "seeds": [4],
    "subset": {"samplers": ["random", "zcoreset"]},
    "training": {"variants": {"slow": {"epochs": 50}}},
    "scores": ["du", "aum", {"name": "tdds", "training": "slow"}],
    "training_free": {"methods": ["ssp", "zcoreset"], "spaces": ["pretrained", "subset"]},
    "extrapolation": [KNN, GNN, HELD_OUT, KNN | {"step_up": True}, HELD_OUT | {"step_up": True}],
    "selection": {
        "rates": [0.5],
        "methods": [TRIED, "top", "random", "rs2", "d2", {"name": "ccs", "dropped_by": "aum"}],
        "extrapolators": ["knn-10", "auto"],
    },
    "evaluation": {"estimates": ["nested", "cross_validation"]},
}
UNSUPERVISED = {
    "seeds": [4],
    "subset": {"fractions": [0.4, 0.2]},
    "training": {"paradigm": "unsupervised"},
    "extrapolation": [KNN],
    "selection": {"rates": [0.5], "methods": ["top", "random", "rs2"], "extrapolators": ["knn-10"]},
    "evaluation": {"estimates": []},
}
OF_DU = [f"top/du/{label}/fraction-20" for label in (*LABELS, "auto")]
OF_TDDS = [f"top/tdds/{label}/fraction-20" for label in (*LABELS, "auto", "computed")]
OF_TRIALS = [
    f"auto/du/{label}/fraction-20{sampler}"
    for label in ("knn-10", "held_out-10", "auto")
    for sampler in ("", "-zcoreset")
]
OTHERS = ["random", "rs2", "top/du/computed/fraction-100", "d2/du/computed/fraction-100", "ccs/du/knn-10/fraction-20"]
OTHERS += ["top/ssp/pretrained/fraction-0", "top/ssp/subset/fraction-20", "top/du/knn-10/fraction-20-zcoreset"]
ARMS = [*OF_DU, *OF_TDDS, *OF_TRIALS, *OTHERS]
OF_UNSUPERVISED = ["top/du/knn-10/fraction-20", "random", "rs2", "top/ssp/pretrained/fraction-0"]


def charge(workflow, config, arms) -> dict[str, dict[str, list[str]]]:
    """Return the jobs that each arm is charged with, of each stage: their records' paths, without the suffix.

    Every job is taken to have noted what Snakemake says that it reads and writes, as finished runs are shown to do.
    """
    (workflow.folder / "small.yaml").write_text(yaml.safe_dump(config))
    metrics = {arm: f"retraining/epochs/{arm}/seed-4/rate-50/metrics.json" for arm in arms}
    folder = workflow.results.relative_to(workflow.folder)
    jobs = listed_jobs(workflow, [str(folder / path) for path in metrics.values()])
    paths, records = {}, []
    for job in jobs:
        reads, writes = tuple(job.inputs), tuple(job.outputs)
        records.append(Record(job.rule, job.stage, job.wildcards, reads, writes, (), 1, 1.0, 1.0))
        paths[writes] = job.path
    lineage, charged = Lineage(records), {}
    for arm, path in metrics.items():
        stages = by_stage(lineage.leading_to(path), Arm.parse(arm))
        charged[arm] = {stage: sorted(paths[job.writes] for job in made) for stage, made in stages.items()}
    return charged


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    return copy_checkout(tmp_path_factory.mktemp("charges") / "copy")


@pytest.fixture(scope="module")
def whole(workflow):
    return charge(workflow, EVERYTHING, ARMS)


@pytest.fixture(scope="module")
def split(workflow):
    return charge(workflow, EVERYTHING | {"shards": 2}, OF_DU)


ONCE = {"samples": ["samples"]}
SCORED = {
    "subset": ["subset/fraction-20/seed-4"],
    "training": ["training/base/fraction-20/seed-4"],
    "scores": ["scores/fraction-20/seed-4/du"],
}
EMBEDDED = {"embeddings": ["embeddings/base/fraction-20/seed-4"]}
NEIGHBORS = {"neighbors": ["neighbors/base/fraction-20/seed-4/subset"]}
OF_LABEL = {"neighbors": ["neighbors/base/fraction-20/seed-4/label"]}
OF_ALL = {"neighbors": ["neighbors/base/fraction-20/seed-4/all"]}
PREDICTED = {"predictions": ["predictions/base/fraction-20/seed-4"]}
NESTED_SCORES = ["scores/fraction-10/seed-4/du", "subset/fraction-10/seed-4", "training/base/fraction-10/seed-4"]
WITHIN = "base/fraction-10-within-20/seed-4"
NESTED_PREDICTIONS = [f"embeddings/{WITHIN}", f"neighbors/{WITHIN}/label", f"predictions/{WITHIN}"]
EXPECTED = {
    "knn-10": ([EMBEDDED, NEIGHBORS], []),
    "gnn-10": ([EMBEDDED, OF_ALL], []),
    "knn-10-step_up": ([EMBEDDED, NEIGHBORS], NESTED_SCORES),
    "held_out-10": ([EMBEDDED, OF_LABEL, PREDICTED], NESTED_SCORES + NESTED_PREDICTIONS),
    # To step up held-out scores takes no more jobs than these.
    "held_out-10-step_up": ([EMBEDDED, OF_LABEL, PREDICTED], NESTED_SCORES + NESTED_PREDICTIONS),
}


@pytest.mark.parametrize("label", LABELS)
def test_an_arm_is_charged_with_each_job_that_it_takes_once_and_with_no_other(whole, label):
    stages, within = EXPECTED[label]
    run = f"top/du/{label}/fraction-20"
    expected = {"extrapolation": [f"extrapolation/fraction-20/seed-4/du/{label}"]}
    expected["selection"] = [f"selection/{run}/seed-4/rate-50"]
    expected["retraining"] = [f"retraining/epochs/{run}/seed-4/rate-50"]
    for own in (ONCE, SCORED, *stages, {"nested": sorted(within)} if within else {}):
        expected |= own
    assert whole[run] == expected


def test_computed_scores_take_nothing_within_a_subset(whole):
    jobs = whole["top/du/computed/fraction-100"]
    assert set(jobs) == {"samples", "subset", "training", "scores", "selection", "retraining"}
    assert jobs["training"] == ["training/base/fraction-100/seed-4"]
    assert set(whole["random"]) == {"samples", "selection", "retraining"}


def test_what_draws_anew_has_no_list_and_pays_for_none(whole):
    assert set(whole["rs2"]) == {"samples", "retraining"}


def test_a_method_is_charged_with_the_neighbours_that_it_reads(whole):
    assert whole["d2/du/computed/fraction-100"]["neighbors"] == ["neighbors/base/fraction-100/seed-4/all"]
    assert "neighbors" not in whole["top/du/computed/fraction-100"]


def test_an_arm_is_charged_for_both_scores_that_it_reads(whole):
    jobs = whole["ccs/du/knn-10/fraction-20"]
    assert jobs["scores"] == [f"scores/fraction-20/seed-4/{score}" for score in ("aum", "du")]
    assert jobs["extrapolation"] == [f"extrapolation/fraction-20/seed-4/{score}/knn-10" for score in ("aum", "du")]
    assert len(jobs["training"]) == len(jobs["embeddings"]) == 1


def test_an_arm_without_training_is_charged_with_its_embeddings_and_its_score(whole):
    run = "top/ssp/pretrained/fraction-0"
    assert whole[run] == {
        **ONCE,
        "embeddings": ["embeddings/pretrained"],
        "training_free": ["training_free/fraction-0/seed-4/ssp/pretrained"],
        "selection": [f"selection/{run}/seed-4/rate-50"],
        "retraining": [f"retraining/epochs/{run}/seed-4/rate-50"],
    }
    assert set(whole["top/ssp/subset/fraction-20"]) == {
        *("samples", "subset", "training", "embeddings", "training_free", "selection", "retraining"),
    }


def test_a_subset_that_is_drawn_by_scores_is_charged_with_them_once(whole):
    jobs = whole["top/du/knn-10/fraction-20-zcoreset"]
    assert jobs["training_free"] == ["training_free/fraction-0/seed-4/zcoreset/pretrained"]
    assert jobs["subset"] == ["subset/fraction-20-zcoreset/seed-4"]
    assert "embeddings/pretrained" in jobs["embeddings"]
    for label in ("knn-10", "held_out-10", "auto"):
        # It draws the nested subset too.
        jobs = whole[f"auto/du/{label}/fraction-20-zcoreset"]
        assert jobs["training_free"] == ["training_free/fraction-0/seed-4/zcoreset/pretrained"]
        assert "subset/fraction-10-zcoreset/seed-4" in jobs["nested"]


def test_to_choose_all_candidates_are_counted_outside_and_within(whole):
    jobs = whole["top/du/auto/fraction-20"]
    assert jobs["extrapolation"] == sorted(
        f"extrapolation/fraction-20/seed-4/du/{label}" for label in [*LABELS, "auto"]
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
            *(f"extrapolation/fraction-10-within-20/seed-4/du/{label}" for label in LABELS),
            # held_out and step_up, tried within the subset, learn from what is nested in its nested subset.
            *(path.replace("fraction-10", "fraction-5") for path in NESTED_SCORES),
            *(f"{stage}/{deeper}" for stage in ("embeddings", "predictions")),
            f"neighbors/{deeper}/label",
        ]
    )


def test_an_arm_that_is_chosen_by_trials_is_charged_with_all_of_them_and_all_that_they_read_within_the_subset(whole):
    jobs = dict(whole["auto/du/knn-10/fraction-20"])
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


def test_to_choose_an_extrapolator_for_trials_takes_the_task_one_step_further_in(whole):
    jobs = whole["auto/du/auto/fraction-20"]
    deeper = "extrapolation/fraction-5-within-10/seed-4/du/knn-10"
    assert deeper in jobs["nested"] and "extrapolation/fraction-10-within-20/seed-4/du/auto" in jobs["nested"]
    assert len(jobs["trials"]) == 4


@pytest.mark.parametrize("score, training", [("du", "base"), ("tdds", "slow")])
def test_a_score_is_charged_with_its_own_training_and_with_none_of_another(whole, score, training):
    for label in (*LABELS, "auto"):
        paths = [Path(path).parts for jobs in whole[f"top/{score}/{label}/fraction-20"].values() for path in jobs]
        stages = ("training", "embeddings", "predictions", "neighbors")
        assert {parts[1] for parts in paths if parts[0] in stages} == {training}
        assert {parts[-1] for parts in paths if parts[0] == "scores"} == {score}


def of_two(path):
    return [f"{path}/1-of-2", f"{path}/2-of-2"]


@pytest.mark.parametrize("label", ["knn-10", "gnn-10", "held_out-10", "auto"])
def test_an_arm_is_charged_with_the_jobs_of_all_shards(whole, split, label):
    arm = f"top/du/{label}/fraction-20"
    expected = {stage: list(paths) for stage, paths in whole[arm].items()}
    for paths in expected.values():
        for path in list(paths):
            kind, last = Path(path).parts[0], Path(path).parts[-1]
            if kind in ("embeddings", "predictions", "neighbors"):
                paths.remove(path)
                paths += of_two(path)
            gathered = "/".join(["embeddings", *Path(path).parts[1:-1], "gathered"])
            if kind == "neighbors" and gathered not in expected["embeddings"] + expected.get("nested", []):
                expected["nested" if "within" in path else "embeddings"].append(gathered)
            if kind == "extrapolation" and last.startswith(("knn", "held_out")):
                paths += of_two(path)
            if kind == "extrapolation" and last.startswith("gnn"):
                steps = ("graph", "layer-1", "layer-2", "layer-3")
                paths += [f"{path}/network", *(shard for step in steps for shard in of_two(f"{path}/{step}"))]
    assert split[arm] == {stage: sorted(paths) for stage, paths in expected.items()}


def test_an_arm_pays_for_the_frozen_network_and_for_the_labels_that_it_learns(workflow):
    for found in ("given", "found"):
        charged = charge(workflow, UNSUPERVISED | {"retraining": {"labels": found}}, OF_UNSUPERVISED)
        by_knn = charged["top/du/knn-10/fraction-20"]
        assert by_knn["embeddings"] == ["embeddings/base/fraction-20/seed-4", "embeddings/pretrained"]
        # Who reads no scores of a training learns the labels of that which is pruned by first.
        own, first = (f"training/base/fraction-{part}/seed-4" for part in ("20", "40"))
        of_others = [first] if found == "found" else []
        trained = {arm: jobs.get("training", []) for arm, jobs in charged.items()}
        assert trained == dict.fromkeys(OF_UNSUPERVISED, of_others) | {"top/du/knn-10/fraction-20": [own]}
        assert all("nested" not in jobs for jobs in charged.values())
