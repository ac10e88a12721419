"""The config of what a study compares: samplers, training-free scores, budgets, a share, and what each item needs."""

import pytest
from test_config import assert_says, changed, faults_of

from pruning_workflow import items
from pruning_workflow.config import read_config
from pruning_workflow.items import describe_experiment, missing_items
from pruning_workflow.names import EVERYTHING, Arm, Part
from pruning_workflow.runs import coverage_rows, neighborhood_rows, retraining_rows

FOLDER = "results/digits"
THREE = ["random", "stratified", "zcoreset"]


def study(*changes):
    return read_config(changed(*changes))


def rows_of_arm(experiment, arm):
    return [row for row in retraining_rows(experiment, [Arm.parse(arm)]) if row["arm"] == arm and row["rate"]]


def assert_say(faults, *sentences):
    for fault, sentence in zip(faults, sentences, strict=True):
        assert_says(fault, sentence)


# Subsets


def test_each_sampler_draws_a_subset_of_each_fraction_and_random_goes_without_saying():
    experiment = study(("subset.fractions", [0.4, 0.2]), ("subset.samplers", THREE))
    parts = ["40", "40-stratified", "40-zcoreset", "20", "20-stratified", "20-zcoreset"]
    assert list(map(str, experiment.parts())) == parts
    assert experiment.pruned_parts() == experiment.parts()


def test_what_is_pruned_by_can_be_fewer():
    chosen = ("selection.samplers", ["stratified"]), ("selection.fractions", [0.2])
    experiment = study(("subset.fractions", [0.4, 0.2]), ("subset.samplers", THREE), *chosen)
    assert experiment.pruned_parts() == [Part("20", sampler="stratified")]


def test_samplers_must_be_there_and_drawn():
    faults = faults_of(changed(("subset.samplers", ["random", "straified"]), ("selection.samplers", ["zcoreset"])))
    assert_say(
        faults,
        'subset.samplers[1] = "straified" is none of random, stratified, zcoreset',
        'selection.samplers[0] = "zcoreset" is none of subset.samplers; there are random, straified',
    )


@pytest.mark.parametrize(
    "share, text",
    [
        (20, "write 0.2"),
        (1, "null is all of them"),
        (1.0, "null is all of them"),
        (0, "such as 0.2"),
        (True, "such as 0.2"),
    ],
)
def test_a_share_is_a_fraction_and_all_is_null(share, text):
    (fault,) = faults_of(changed(("samples.share", share)))
    assert fault.endswith(f"is not in (0, 1); it is the share of the training images that is used, {text}")
    assert study(("samples.share", 0.2)).samples.share == 0.2


@pytest.mark.parametrize(
    "share, text",
    [(10, "write 0.1"), (0, "null is none"), (1, "such as 0.1"), (True, "such as 0.1"), ("0.1", "such as 0.1")],
)
def test_wrong_labels_are_a_fraction_and_none_is_null(share, text):
    (fault,) = faults_of(changed(("samples.wrong_labels", share)))
    assert fault.endswith(f"is not in (0, 1); it is the share of the training images that get a wrong label, {text}")
    assert study(("samples.wrong_labels", 0.1)).samples.wrong_labels == 0.1


# Selection


def test_ccs_can_drop_no_more_than_is_pruned_and_by_no_score_that_is_not_computed():
    ccs = {"name": "ccs", "dropped": 0.6, "dropped_by": "aum"}
    faults = faults_of(changed(("selection.methods", ["top", ccs])))
    assert_say(
        faults,
        'selection.methods[1].dropped_by = "aum" is not computed; there are du',
        "selection.methods[1].dropped = 0.6 is more than selection.rates removes, 0.5; lower it",
    )


def test_a_method_may_read_a_second_score():
    ccs = {"name": "ccs", "dropped_by": "aum"}
    experiment = study(("selection.methods", [ccs]), ("scores", ["du", "aum"]))
    assert [experiment.doubt(method) for method in ("ccs", "top", "beta")] == ["aum", None, "unsure"]


def test_a_method_prunes_by_its_own_scores_and_extrapolators_or_by_those_of_the_selection():
    own = [
        "top",
        {"name": "chance", "extrapolators": ["knn-5", "knn-20", "auto"]},
        {"name": "beta", "scores": ["dual"]},
        "random",
    ]
    scores = ["du", "dual", "unsure"]
    experiment = study(("scores", scores), ("selection.methods", own), ("selection.extrapolators", ["knn-10"]))
    assert [experiment.scores_pruned_by(method) for method in ("top", "beta")] == [scores, ["dual"]]
    assert experiment.extrapolators_pruned_by("chance") == ["knn-5", "knn-20", "auto"]
    assert experiment.extrapolators_pruned_by("beta") == ["knn-10"]
    assert experiment.pruning_extrapolators() == ["knn-10", "knn-5", "knn-20", "auto"]
    assert experiment.extrapolated()[-1] == "auto"
    fewer = study(("scores", scores), ("selection.methods", own[:1]), ("selection.scores", ["unsure"]))
    assert fewer.scores_pruned_by("top") == ["unsure"]
    assert fewer.pruning_extrapolators() == fewer.selection.extrapolators


def test_a_method_prunes_by_the_full_datas_scores_unless_it_or_the_evaluation_says_otherwise():
    methods = ["top", {"name": "d2", "full_data_scores": False}, "auto"]
    nested = ("evaluation.estimates", ["nested"])
    experiment = study(("selection.methods", methods), nested)
    assert [experiment.prunes_by_full_data_scores(name) for name in ("top", "d2", "auto")] == [True, False, False]
    blind = study(("selection.methods", methods), nested, ("evaluation.full_data_scores", False))
    assert not blind.prunes_by_full_data_scores("top")


def test_what_a_method_prunes_by_is_none_of_its_own_options():
    chance = {"name": "chance", "floor": 0.5, "scores": ["du"], "extrapolators": ["knn-5"], "full_data_scores": False}
    experiment = study(("selection.methods", ["top", chance]))
    own = {"name": "chance", "floor": 0.5, "start": "auto", "ridge": 1.0}
    assert experiment.selection_method("chance") == own
    assert experiment.selection_method("top") == {"name": "top"}
    assert experiment.selection_method("window")["start"] == 0.1  # not listed: the defaults


def test_auto_of_one_method_asks_for_nested_estimates_too():
    chance = {"name": "chance", "extrapolators": ["knn-5", "auto"]}
    faults = faults_of(changed(("selection.methods", ["top", chance]), ("evaluation.estimates", [])))
    assert_say(
        faults,
        "selection.methods[1].extrapolators[1] = auto chooses by nested estimates; add nested to evaluation.estimates",
    )


def test_what_draws_anew_is_an_arm_too():
    (row, *_) = rows_of_arm(study(("selection.methods", ["rs2"])), "rs2")
    assert row["metrics"] == f"{FOLDER}/retraining/epochs/rs2/seed-0/rate-50/metrics.json"


def test_budgets_double_the_trainings_but_for_that_without_pruning():
    experiment = study(("retraining.budgets", ["epochs", "steps"]))
    rows = retraining_rows(experiment, [Arm("random")])
    runs = [(row["budget"], row["rate"]) for row in rows if row["seed"] == 0]
    assert runs == [*(("epochs", r) for r in (0.5, 0.8)), *(("steps", r) for r in (0.5, 0.8)), ("epochs", 0)]
    assert {row["metrics"].split("/")[3] for row in rows} == {"epochs", "steps"}
    assert "budgets" not in experiment.training.model_dump()
    rates = ("selection.rates", [0, 0.5])
    knn = "top/du/knn-10/fraction-20"
    rows = retraining_rows(study(("retraining.budgets", ["epochs", "steps"]), rates), [Arm.parse(knn), Arm("random")])
    unpruned = [(row["arm"], row["budget"]) for row in rows if row["seed"] == 0 and row["rate"] == 0]
    assert unpruned == [(knn, "epochs"), ("random", "epochs"), (knn, "steps")]


@pytest.mark.parametrize("budgets", [[], ["epoch"], ["steps", "steps"], None])
def test_budgets_are_one_or_two(budgets):
    (fault,) = faults_of(changed(("retraining.budgets", budgets)))
    assert "retraining.budgets" in fault


# Training-free scores


def test_training_free_scores_take_their_options_or_the_defaults():
    experiment = study(("training_free.methods", ["ssp", {"name": "zcoreset", "draws": 9}]))
    assert experiment.training_free_method("zcoreset") == {"name": "zcoreset", "draws": 9, "penalized": 1000}
    assert study().training_free_method("zcoreset")["draws"] == 1_000_000
    faults = faults_of(changed(("training_free.methods", ["ssp", "scp", {"name": "zcoreset", "draws": 0}])))
    assert_say(
        faults,
        'training_free.methods[1] = "scp" is none of ssp, zcoreset',
        "training_free.methods[2].draws = 0 is below 1 (random points, each in two dimensions of the embedding)",
    )
    (fault,) = faults_of(changed(("training_free.methods", ["ssp", {"name": "ssp", "clusters": 3}])))
    assert "ssp" in fault


@pytest.mark.parametrize(
    "arm, described",
    [
        ("top/ssp/pretrained/fraction-0", ("ssp", "pretrained", "0", "random")),
        ("top/ssp/subset/fraction-20", ("ssp", "subset", "20", "random")),
        ("top/du/knn-10/fraction-20-zcoreset", ("du", "knn-10", "20", "zcoreset")),
        ("random", (None, None, None, None)),
    ],
)
def test_tables_say_of_an_arm_whose_scores_it_prunes_by(arm, described):
    row = rows_of_arm(study(("subset.samplers", THREE)), arm)[0]
    assert (row["score"], row["extrapolator"], row["fraction"], row["sampler"]) == described


# What subsets and neighbourhoods are measured by


def test_coverage_is_of_every_subset_in_every_space():
    changes = ("subset.samplers", THREE), ("evaluation.coverage", ["pretrained", "subset"]), ("shards", 2)
    rows = coverage_rows(study(*changes))
    assert len(rows) == 2 * 3 * 2
    row = next(row for row in rows if (row["embedding"], row["sampler"], row["seed"]) == ("subset", "zcoreset", 1))
    folder = f"{FOLDER}/embeddings/base/fraction-20-zcoreset/seed-1"
    assert row["embeddings"] == [f"{folder}/1-of-2.parquet", f"{folder}/2-of-2.parquet"]
    assert row["subset"] == f"{FOLDER}/subset/fraction-20-zcoreset/seed-1.parquet"
    assert {path for row in rows if row["embedding"] == "pretrained" for path in row["embeddings"]} == {
        f"{FOLDER}/embeddings/pretrained.parquet"
    }


def test_neighbourhoods_are_those_of_the_training_on_everything():
    experiment = study(("evaluation.neighborhoods", 20), ("seeds", [3]))
    assert neighborhood_rows(experiment) == [
        {
            "score": "du",
            "seed": 3,
            "truth": f"{FOLDER}/scores/fraction-100/seed-3/du.parquet",
            "neighbors": [f"{FOLDER}/neighbors/base/fraction-100/seed-3/all.parquet"],
        }
    ]
    assert experiment.largest_k("all", EVERYTHING) == 20
    assert neighborhood_rows(study()) == []
    assert neighborhood_rows(study(("evaluation.neighborhoods", 5), ("evaluation.full_data_scores", False))) == []


# Tables and figures


@pytest.mark.parametrize("line, found", [("", "None"), ('NEEDS = ("accuracy",)', r"\('accuracy',\)")])
def test_a_file_whose_needs_are_missing_or_unknown_is_named(line, found, tmp_path, monkeypatch):
    (tmp_path / "figure_9.py").write_text(line)
    monkeypatch.setattr(items, "FOLDER", tmp_path)
    with pytest.raises(TypeError, match=rf"figure_9\.py: NEEDS = {found} is no tuple of .*test, truth, .*robustness$"):
        missing_items(study())


def test_with_everything_configured_only_what_is_not_there_yet_is_missing():
    changes = [("subset.samplers", THREE), ("subset.fractions", [0.4, 0.2]), ("evaluation.coverage", ["pretrained"])]
    changes += [("evaluation.neighborhoods", 20), ("extrapolation", ["knn", "gnn"])]
    changes += [("retraining", {"paradigm": "adversarial"}), ("evaluation.robustness", {})]
    experiment = study(*changes, ("selection.extrapolators", ["knn-20"]))
    assert set(missing_items(experiment)) == {"table_3", "table_5"}
    unsupervised = [("training.paradigm", "unsupervised"), ("extrapolation", ["knn"])]
    assert "table_3" not in missing_items(study(*unsupervised, ("selection.extrapolators", ["knn-20"])))


@pytest.mark.parametrize(
    "changes, item, text",
    [
        ([], "table_11", "table_11 needs the graph network; add {name: gnn, k: [10, 20, 50]} to extrapolation; "),
        ([], "table_13", "table_13 needs distances; set evaluation.coverage: [pretrained]; "),
        ([("samples.test", None)], "figure_2", "figure_2 needs accuracy on test images; set samples.test; "),
        (
            [("evaluation.full_data_scores", False), ("selection.methods", ["random"])],
            "table_1",
            "table_1 needs full-data scores; set evaluation.full_data_scores: true, and pruning by the highest scores; "
            "add top to selection.methods; ",
        ),
        (
            [("selection.methods", ["random", {"name": "top", "full_data_scores": False}])],
            "table_1",
            "table_1 needs pruning by the highest full-data scores; leave full_data_scores out of top in "
            "selection.methods; ",
        ),
    ],
)
def test_a_missing_item_says_what_brings_it(changes, item, text):
    sentence = missing_items(study(*changes))[item]
    assert sentence == f"{text}config/digits_study.yaml and config/cifar10_study.yaml bring it"


def test_tables_say_of_what_experiment_and_network_they_are():
    model = ("training.model", {"name": "resnet9", "width": 24})
    assert describe_experiment(study(model)) == {
        "dataset": "digits",
        "model": "resnet9, width 24",
        "unsupervised": "",
    }


def test_what_a_table_of_a_pool_needs_is_said_and_by_what_it_is_brought():
    assert missing_items(study())["table_5"] == (
        "table_5 needs further images; set samples.pool: {dataset: npz, path: FILE}, and adversarial retraining; set "
        "retraining.paradigm: adversarial, and attacks on test images; set evaluation.robustness: {attacks: [pgd, "
        "autoattack]}; config/digits_pool.yaml and config/cifar10_pool.yaml bring it"
    )
