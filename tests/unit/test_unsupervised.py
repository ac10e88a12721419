"""Unsupervised trainings in an experiment: its config, what its jobs read, the classes that were found, and table 3."""

import math

import numpy as np
import pandas as pd
import pytest
from test_config import changed, faults_of

from pruning_workflow.config import read_config
from pruning_workflow.runs import found_label_rows
from pruning_workflow.study import table_2, table_3
from score_extrapolation.evaluation.found_labels import tabulate_labels, warn_of_classes
from score_extrapolation.io.tables import SUBSET, read_metadata, read_table, write_table, write_vectors
from score_extrapolation.turtle.spaces import share_embeddings
from study_tables import make_tables

KNN = [{"name": "knn", "k": 10}]
BASE = [
    ("training.paradigm", "unsupervised"),
    ("extrapolation", KNN),
    ("selection.extrapolators", ["knn-10"]),
]


def assert_begins(fault, text):
    assert fault.startswith(f"config: {text}"), fault


def study(*changes):
    return read_config(changed(*BASE, *changes))


# ---- The config


def test_of_its_recipe_it_keeps_what_it_reads():
    recipe = study().recipes()["base"]
    assert set(recipe) == {"paradigm", "epochs", "batch_size", "optimizer"}
    assert recipe["paradigm"]["spaces"] == ["pretrained"]
    # So that a changed network or augmentation, which it does not see, changes nothing.
    assert study(("training.model", "resnet9"), ("training.augmentation.flip", True)).recipes()["base"] == recipe


def test_a_selection_reads_labels_where_trainings_for_scores_do():
    assert read_config(changed()).reads_labels()
    assert not study().reads_labels()


def test_what_is_kept_is_retrained_on_images_all_the_same():
    assert study().retraining.paradigm == {"name": "supervised"}
    (fault,) = faults_of(changed(*BASE, ("retraining.paradigm", "unsupervised")))
    assert_begins(fault, "retraining.paradigm = unsupervised is a way to score, not to retrain; write one of ")


def test_spaces_must_be_networks_that_there_are():
    other = ("embeddings.others", {"clip": {"architecture": "resnet50", "weights": "hub"}})
    spaces = ("training.paradigm", {"name": "unsupervised", "spaces": ["pretrained", "clip"]})
    assert study(other, spaces).spaces("base") == ["pretrained", "clip"]
    (fault,) = faults_of(changed(*BASE, spaces))
    assert_begins(
        fault, 'training.paradigm.spaces[1] = "clip" is no frozen network; there are pretrained (embeddings.oth'
    )


@pytest.mark.parametrize(
    "change, sentence",
    [
        (
            ("extrapolation", [{"name": "held_out", "k": 5}]),
            "extrapolation[0] = held_out-5 reads what networks say of im",
        ),
        (
            ("extrapolation", [{"name": "knn", "same_label": True}]),
            "extrapolation[0] = knn-20-same_label reads labels, ",
        ),
        (
            ("extrapolation", ["gnn"]),
            "extrapolation[0] = gnn-10 reads labels, and the scores come of an unsupervised tr",
        ),
        (
            ("subset.samplers", ["random", "stratified"]),
            "subset.samplers[1] = stratified reads labels, and the scores c",
        ),
        (
            ("selection.methods", ["class_balanced"]),
            "selection.methods[0] = class_balanced reads labels, and the score",
        ),
    ],
)
def test_nothing_of_its_scores_reads_labels(change, sentence):
    faults = faults_of(changed(BASE[0], ("selection.extrapolators", ["auto"]), ("extrapolation", KNN), change))
    assert len(faults) == 1
    assert_begins(faults[0], sentence)


def test_a_graph_without_labels_and_scores_stepped_up_read_none():
    entries = [{"name": "gnn", "labels": False}, {"name": "knn", "k": 5, "step_up": True}]
    assert study(("extrapolation", entries), ("selection.extrapolators", ["auto"])).unsupervised() == ["base"]


def test_labels_that_are_found_need_a_training_that_finds_them():
    for change, sentence in (
        (("retraining.labels", "found"), 'retraining.labels = "found" is about labels that a training finds, and none'),
        (("evaluation.classes", [5]), "evaluation.classes = [5] is about labels that a training finds, and none does"),
    ):
        (fault,) = faults_of(changed(change))
        assert_begins(fault, sentence)


def test_classes_without_names_are_neither_attacked_nor_chosen_by():
    found = ("retraining.labels", "found")
    adversarial = ("retraining.paradigm", {"name": "adversarial", "best_of": 100})
    faults = faults_of(changed(*BASE, found, adversarial, ("samples.validation", 0.1), ("evaluation.robustness", {})))
    assert len(faults) == 2
    assert_begins(
        faults[0], "retraining.paradigm.best_of = 100 compares single images with their labels, and retraining"
    )
    assert_begins(
        faults[1], "evaluation.robustness compares single images with their labels, and retraining.labels is f"
    )


def test_a_variant_can_be_unsupervised_by_itself():
    variants = {"turtle": {"paradigm": "unsupervised", "epochs": 50}}
    scores = ["tdds", {"name": "du", "training": "turtle"}]
    experiment = read_config(
        changed(*BASE[1:], ("training.variants", variants), ("scores", scores), ("retraining.labels", "found"))
    )
    assert experiment.unsupervised() == ["turtle"]
    assert experiment.recipes()["base"]["model"]["name"] == "convnet"
    # A score's own labels where its training finds any, else those of the training that does.
    assert [experiment.labels_found_by(score) for score in ("du", "tdds", None, "ssp")] == ["turtle"] * 4


# ---- What its jobs read


def test_labels_are_described_of_all_runs_and_other_numbers_of_classes_once():
    experiment = study(("seeds", [3, 4]), ("subset.fractions", [0.4, 0.2]), ("evaluation.classes", [5]))
    rows = found_label_rows(experiment)
    folder = "results/digits/training/base"
    assert [row["labels"] for row in rows if row["seed"] == 3] == [
        f"{folder}/fraction-40/seed-3/labels.parquet",
        f"{folder}/fraction-20/seed-3/labels.parquet",
        f"{folder}/fraction-100/seed-3/labels.parquet",
        f"{folder}/fraction-100/seed-3/classes-5/labels.parquet",
    ]
    assert [row["tried"] for row in rows if row["seed"] == 3] == [False, False, False, True]
    without_truth = read_config(changed(*BASE, ("evaluation.classes", [5]), ("evaluation.full_data_scores", False)))
    assert [row["tried"] for row in found_label_rows(without_truth) if row["seed"] == 0] == [False, True]
    assert {tuple(row["embeddings"]) for row in rows} == {("results/digits/embeddings/pretrained.parquet",)}
    assert found_label_rows(read_config(changed())) == []


# ---- Embeddings that are shared


def test_one_space_is_linked_and_a_part_of_it_copied(tmp_path):
    ids, vectors = np.arange(5), np.random.default_rng(0).normal(size=(5, 3)).astype(np.float16)
    write_vectors(tmp_path / "space.parquet", {}, sample_id=ids, embedding=vectors)
    share_embeddings([tmp_path / "space.parquet"], ids, tmp_path / "all.parquet", {})
    assert (tmp_path / "all.parquet").stat().st_ino == (tmp_path / "space.parquet").stat().st_ino
    share_embeddings([tmp_path / "space.parquet"], ids[1:4], tmp_path / "part.parquet", {"stage": "embeddings"})
    part = read_table(tmp_path / "part.parquet")
    np.testing.assert_array_equal(part["sample_id"], [1, 2, 3])
    np.testing.assert_array_equal(part["embedding"], vectors[1:4])
    assert read_metadata(tmp_path / "part.parquet") == {"stage": "embeddings"}


def test_of_several_spaces_each_has_the_same_say(tmp_path):
    rng = np.random.default_rng(1)
    spaces = [rng.normal(size=(200, 4)).astype(np.float32), 1000 * rng.normal(size=(200, 2)).astype(np.float32) + 7]
    for i, space in enumerate(spaces):
        write_vectors(tmp_path / f"{i}.parquet", {}, sample_id=np.arange(200), embedding=space)
    share_embeddings([tmp_path / "0.parquet", tmp_path / "1.parquet"], np.arange(200), tmp_path / "both.parquet", {})
    both = read_table(tmp_path / "both.parquet")["embedding"]
    assert both.shape == (200, 6)
    for part, space in zip(np.split(both, [4], axis=1), spaces, strict=True):
        assert ((part - part.mean(axis=0)) ** 2).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)
        ratio = np.linalg.norm(part[0] - part[1]) / np.linalg.norm(space[0] - space[1])
        np.testing.assert_allclose(np.linalg.norm(part[2] - part[3]), ratio * np.linalg.norm(space[2] - space[3]), 1e-4)


def test_a_space_where_all_are_the_same_is_no_fault(tmp_path):
    for i in range(2):
        write_vectors(tmp_path / f"{i}.parquet", {}, sample_id=np.arange(3), embedding=np.ones((3, 2), np.float32))
    share_embeddings([tmp_path / "0.parquet", tmp_path / "1.parquet"], np.arange(3), tmp_path / "both.parquet", {})
    np.testing.assert_array_equal(read_table(tmp_path / "both.parquet")["embedding"], np.ones((3, 4)))


# ---- The classes


def blobs(n_classes=4, each=30, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(n_classes), each)
    return labels, (8 * rng.normal(size=(n_classes, 16))[labels] + rng.normal(size=(len(labels), 16))).astype(
        np.float32
    )


def write_run(folder, name, found, n_classes):
    path = folder / f"{name}.parquet"
    write_table(path, SUBSET, {"n_classes": n_classes}, sample_id=np.arange(len(found)), label=found)
    return str(path)


def test_found_classes_are_compared_with_labels_with_k_means_and_with_one_another(tmp_path):
    labels, vectors = blobs()
    write_vectors(tmp_path / "space.parquet", {}, sample_id=np.arange(len(labels)), embedding=vectors)
    renamed = np.array([2, 0, 3, 1])[labels]
    wrong = np.where(np.arange(len(labels)) < 30, renamed[-1], renamed)  # the first class lies in the last
    run = {"training": "base", "fraction": "20", "sampler": "random", "embeddings": [str(tmp_path / "space.parquet")]}
    rows = [
        run | {"seed": 0, "tried": False, "labels": write_run(tmp_path, "right", renamed, 4)},
        run | {"seed": 1, "tried": False, "labels": write_run(tmp_path, "wrong", wrong, 4)},
        run | {"seed": 0, "tried": True, "labels": write_run(tmp_path, "two", labels // 2, 2)},
    ]
    samples = {"sample_id": np.arange(len(labels)), "label": labels}
    table = tabulate_labels(rows, samples)
    assert table["accuracy"].tolist() == [1.0, 0.75, 0.5]
    assert table["kmeans_accuracy"].tolist() == [1.0, 1.0, 0.5]
    assert table["classes"].tolist() == [4, 4, 2]
    assert table["classes_found"].tolist() == [4, 3, 2]
    np.testing.assert_allclose(table["probe_kappa"], 1, atol=0.02)
    # Of the adjusted Rand index of a class that lies in another, by hand: pairs of 30, 120 and both.
    pairs = {n: n * (n - 1) / 2 for n in (30, 60, 120)}
    together, expected = 4 * pairs[30], 4 * pairs[30] * (2 * pairs[30] + pairs[60]) / pairs[120]
    ari = (together - expected) / ((4 * pairs[30] + 2 * pairs[30] + pairs[60]) / 2 - expected)
    np.testing.assert_allclose(table["agreement"][:2], ari)
    assert math.isnan(table["agreement"][2])


def test_labels_of_other_samples_are_refused(tmp_path):
    labels, vectors = blobs(2, 5)
    write_vectors(tmp_path / "space.parquet", {}, sample_id=np.arange(10), embedding=vectors)
    run = {"training": "base", "fraction": "20", "sampler": "random", "seed": 0, "tried": False}
    run |= {"embeddings": [str(tmp_path / "space.parquet")], "labels": write_run(tmp_path, "a", labels[:9], 2)}
    with pytest.raises(ValueError, match="not the labels of all samples"):
        tabulate_labels([run], {"sample_id": np.arange(10), "label": labels})


def rows_of_tries(agreements):
    own = {"training": "base", "fraction": "20", "sampler": "random", "seed": 0}
    return pd.DataFrame(
        [own | {"classes": n, "tried": n != 10, "agreement": value} for n, value in agreements.items()]
        + [own | {"fraction": "100", "classes": 10, "tried": False, "agreement": 0.99}]
    )


@pytest.mark.parametrize(
    "agreements, said",
    [
        (
            {5: 0.9, 10: 0.4},
            "training.paradigm.classes: of 5 and 10 classes, 5 are the most that are found again with an",
        ),
        (
            {5: 0.4, 10: 0.5},
            "training.paradigm.classes: none of 5 and 10 classes are found again with another seed (adju",
        ),
        ({5: 0.9, 10: 0.9}, None),
        ({5: 0.3, 10: 0.9}, None),
        ({5: math.nan, 10: math.nan}, None),  # of one seed nothing is known
        ({10: 0.4}, None),  # nothing was tried
    ],
)
def test_another_number_of_classes_that_suits_the_data_better_is_told(agreements, said, caplog):
    warn_of_classes(rows_of_tries(agreements))
    assert len(caplog.messages) == (said is not None)
    assert not said or caplog.messages[0].startswith(said), caplog.messages


# ---- Table 3


def test_table_3_is_of_the_scores_without_labels_at_the_k_that_could_be_known():
    tables = make_tables()
    table = table_3.tabulate(tables)
    assert set(table["score"]) == {"tdds"}
    assert set(table["chosen_by"]) <= {table_2.NESTED, table_2.FIRST, table_2.ONE}
    assert not table.duplicated(["score", "fraction_percent", "family"]).any()
    shown = table_3.format_table(table)
    assert shown.columns.get_level_values(1).unique().tolist() == ["k", "Pearson", "Spearman"]
    assert "KNN" in shown.columns.get_level_values(0)
    assert len(shown) == 2
    nothing = table_3.tabulate(tables | {"experiment": tables["experiment"].assign(unsupervised="")})
    assert len(nothing) == 0
    assert isinstance(table_3.format_table(nothing), pd.DataFrame)


def test_equal_embeddings_are_no_fault(tmp_path):
    ids, labels = np.arange(40), np.repeat([0, 1], 20)
    write_vectors(tmp_path / "space.parquet", {}, sample_id=ids, embedding=np.ones((40, 3), np.float32))
    run = {"training": "base", "fraction": "20", "sampler": "random", "seed": 0, "tried": False}
    paths = {"labels": write_run(tmp_path, "a", labels, 2), "embeddings": [str(tmp_path / "space.parquet")]}
    table = tabulate_labels([run | paths], {"sample_id": ids, "label": labels})
    assert table[["accuracy", "kmeans_accuracy"]].values.tolist() == [[1.0, 0.5]]
