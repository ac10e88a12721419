"""Images without labels: what the store has of them, what of a config would read a label, what reports say."""

import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from test_config import changed, faults_of
from test_unsupervised import blobs, write_run

from formats import SMALL, encoded, random_images, write_arrow
from preparing import prepare_samples
from pruning_workflow.config import read_config
from pruning_workflow.names import EVERYTHING, Part
from pruning_workflow.report.contact_sheets import caption
from score_extrapolation.datasets import Split, name_labels
from score_extrapolation.datasets.store.labels import draw_fraction, draw_unused, map_labels
from score_extrapolation.evaluation.found_labels import tabulate_labels
from score_extrapolation.faults import InputFault
from score_extrapolation.io import tables
from score_extrapolation.io.tables import write_vectors

# ---- the store ------------------------------------------------------------------------------------------------------


def write_folder(folder, names):
    for image, name in zip(encoded(len(names)), names, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image)


def prepare(dataset, paths, folder, test=None, options=None, **more):
    paths = [str(path) for path in paths]
    return prepare_samples(dataset, paths, test, None, options or {}, folder, labelled=False, **more)


def stored(folder, name="train"):
    table = tables.read_table(folder / f"{name}.parquet")
    return np.load(folder / f"{name}.npy"), table["label"].tolist(), table["source"].tolist()


def test_any_image_below_a_folder_is_read(tmp_path):
    write_folder(tmp_path / "in", ["b.png", "a.png", "deep/er/c.png"])
    (tmp_path / "in" / "notes.txt").write_text("no image")
    summary = prepare("imagefolder", [tmp_path / "in"], tmp_path / "out")
    assert (summary["classes"], summary["n"]) == ([], {"train": 3})
    images, labels, sources = stored(tmp_path / "out")
    assert labels == [-1] * 3
    assert sources == [f"{tmp_path}/in/{name}" for name in ("a.png", "b.png", "deep/er/c.png")]
    np.testing.assert_array_equal(images[0], np.asarray(Image.open(sources[0])))
    (tmp_path / "empty").mkdir()
    for path, sentence in (
        (tmp_path / "empty", "has no image (jpg jpeg png bmp gif tif tiff webp ppm pgm) anywhere below it; give a "),
        (tmp_path / "in" / "a.png", "is a file; give a folder of images"),
    ):
        with pytest.raises(InputFault) as fault:
            prepare("imagefolder", [path], tmp_path / "none")
        assert str(fault.value).startswith(f"samples.train: {path} {sentence}")


def write_without_labels(dataset, folder):
    """Write six images in a format, without what labels are read from."""
    if dataset == "table":
        write_folder(folder, [f"{row}.png" for row in range(6)])
        (folder / "x.csv").write_text("path\n" + "".join(f"{row}.png\n" for row in range(6)))
        return folder / "x.csv"
    if dataset == "huggingface":
        write_arrow(folder, encoded(), None)
    elif dataset == "parquet":
        folder.mkdir()
        pq.write_table(pa.table({"image": [{"bytes": image} for image in encoded()]}), folder / "x.parquet")
    else:
        folder.mkdir()
        with tarfile.open(folder / "x.tar", "w") as tar:
            for row, image in enumerate(encoded()):
                info = tarfile.TarInfo(f"{row}.png")
                info.size = len(image)
                tar.addfile(info, io.BytesIO(image))
    return folder


@pytest.mark.parametrize("dataset", ["table", "huggingface", "parquet", "webdataset"])
def test_formats_need_no_labels(dataset, tmp_path):
    path = write_without_labels(dataset, tmp_path / "in")
    assert prepare(dataset, [path], tmp_path / "out")["classes"] == []
    images, labels, sources = stored(tmp_path / "out")
    np.testing.assert_array_equal(images, random_images(6, 8, 8, 3))
    assert (labels, len(set(sources))) == ([-1] * 6, 6)
    with pytest.raises(InputFault, match="label"):
        prepare_samples(dataset, [str(path)], None, None, {}, tmp_path / "none")


@pytest.mark.parametrize("dataset", sorted(SMALL))
def test_labels_that_are_there_are_left_out(dataset, tmp_path):
    paths = SMALL[dataset](tmp_path / "in")
    summary = prepare(dataset, paths, tmp_path / "out", image_size=8)
    prepare_samples(dataset, [str(path) for path in paths], None, None, {}, tmp_path / "labelled", image_size=8)
    assert summary["classes"] == []
    images, labels, sources = stored(tmp_path / "out")
    expected, _, of_labelled = stored(tmp_path / "labelled")
    np.testing.assert_array_equal(images, expected)
    assert (set(labels), sources) == ({-1}, of_labelled)
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary


def test_a_test_set_of_its_own_has_labels_and_a_pool_has_none(tmp_path):
    write_folder(tmp_path / "in", ["x.png", "deep/y.png"])
    tests = [str(path) for path in SMALL["imagefolder"](tmp_path / "test")]
    pool = {"dataset": "imagefolder", "path": [str(tmp_path / "in")], "split": "train", "options": {}}
    summary = prepare("imagefolder", [tmp_path / "in"], tmp_path / "out", test=tests, pool=pool)
    assert summary["classes"] == ["0", "1", "2"]
    assert (summary["n"], summary["n_pool"]) == ({"train": 4, "test": 6}, 2)
    assert stored(tmp_path / "out")[1] == [-1] * 4
    assert stored(tmp_path / "out", "test")[1] == [0, 0, 1, 1, 2, 2]


def test_where_training_has_no_labels_the_first_that_has_defines_the_classes():
    train, test, validation = (
        Split(labels, [f"s{i}" for i in range(3)], lambda start, stop: [])
        for labels in (None, [7, 5, 7], ["a", "b", "a"])
    )
    classes, labels = map_labels({"train": train, "test": test})
    assert (classes, labels["test"].tolist(), labels["train"].tolist()) == (["5", "7"], [1, 0, 1], [-1] * 3)
    with pytest.raises(InputFault) as fault:
        map_labels({"train": train, "test": test, "validation": validation})
    assert str(fault.value) == (
        "samples.validation: its labels are strings, but samples.test has integers; give one kind"
    )


def test_what_is_drawn_without_labels_is_drawn_of_all():
    labels, free = np.full(1000, -1), np.arange(1000) % 2 == 0
    rows = draw_fraction(labels, free, 0.2, 0, "samples.test")
    assert len(rows) == 200
    assert free[rows].all()
    np.testing.assert_array_equal(rows, draw_fraction(np.zeros(1000, int), free, 0.2, 0, "samples.test"))
    assert len(draw_unused(labels, 0.3, 0)) == 700


# ---- the config -----------------------------------------------------------------------------------------------------

FOUND = [
    ("samples.labelled", False),
    ("samples.test", None),
    ("training.paradigm", {"name": "unsupervised", "classes": 10}),
    ("extrapolation", [{"name": "knn", "k": 10}]),
    ("selection.extrapolators", ["knn-10"]),
    ("retraining.labels", "found"),
]


def test_what_reads_no_label_is_taken():
    test = {"dataset": "imagefolder", "path": "photos"}
    own = [("samples.dataset", "imagefolder"), ("samples.train", "photos"), ("samples.test", "tests")]
    for more in ([], own, [("samples.test", test)], [("samples.share", 0.5)]):
        assert read_config(changed(*FOUND, *more)).samples.labelled is False


def test_chance_asks_for_no_tables_where_there_are_no_labels_or_no_other_samples_to_choose_a_start_by():
    methods = ("selection.methods", ["chance", "d2", "random"])
    assert read_config(changed(methods)).selection_needs("chance", Part("20")) == ("embeddings", "subset", "samples")
    assert read_config(changed(methods)).selection_needs("chance", EVERYTHING) == ()  # the network has seen all
    for changes in (FOUND, [one for one in FOUND if not one[0].startswith("samples")]):  # or none that may be read
        experiment = read_config(changed(*changes, methods))
        assert experiment.selection_needs("chance", Part("20")) == ()
        assert [experiment.selection_needs("d2", part) for part in (Part("20"), EVERYTHING)] == [("neighbors/all",)] * 2


@pytest.mark.parametrize(
    "change, sentence",
    [
        (
            ("samples.test", 0.25),
            "samples.test = 0.25 splits off images without labels, whose accuracy nothing can tell, as "
            "samples.labelled is false; write the path of a set with labels, or null",
        ),
        (("samples.validation", 0.1), "samples.validation = 0.1 splits off images without labels, whose accuracy "),
        (
            ("training.paradigm", "unsupervised"),
            "training.paradigm.classes is null, as many as there are labels, and samples.labelled is false; write how "
            "many to look for, such as 10",
        ),
        (("retraining.labels", "given"), "retraining.labels = given, and samples.labelled is false; write found"),
        (
            ("evaluation.neighborhoods", 20),
            "evaluation.neighborhoods = 20 compares the labels of neighbours, and samples.labelled is false; write nu",
        ),
        (
            ("training_free.methods", ["ssp"]),
            "training_free.methods[0].clusters is null, as many as there are classes, and samples.labelled is false; "
            "write a number, such as 10",
        ),
        (
            ("extrapolation", [{"name": "knn", "k": 10}, {"name": "knn", "k": 5, "same_label": True}]),
            "extrapolation[1] = knn-5-same_label reads labels, and samples.labelled is false; leave out same_label, ",
        ),
        (
            ("extrapolation", [{"name": "knn", "k": 10}, "gnn"]),
            "extrapolation[1] = gnn-10 reads labels, and samples.labelled is false; ",
        ),
        (
            ("extrapolation", [{"name": "knn", "k": 10}, {"name": "held_out", "k": 5}]),
            "extrapolation[1] = held_out-5 reads what networks say of images, and samples.labelled is false; take knn ",
        ),
        (
            ("selection.methods", ["top", "class_balanced"]),
            "selection.methods[1] = class_balanced reads labels, and samples.labelled is false; take another of ",
        ),
        (
            ("selection.methods", ["top", {"name": "window", "start": "auto"}]),
            "selection.methods[1] = window reads labels, and samples.labelled is false; write a number ",
        ),
        (
            ("samples.wrong_labels", 0.1),
            "samples.wrong_labels = 0.1 replaces labels by wrong ones, and samples.labelled is false; write null",
        ),
        (
            ("subset.samplers", ["random", "stratified"]),
            "subset.samplers[1] = stratified reads labels, and samples.labelled is false; take another of ",
        ),
    ],
)
def test_whatever_reads_a_label_is_refused(change, sentence):
    (fault,) = faults_of(changed(*FOUND, change))
    assert fault.startswith(f"config: {sentence}"), fault


def test_all_that_is_to_be_changed_is_told_at_once():
    faults = faults_of(changed(("samples.labelled", False)))
    assert [fault.split()[1] for fault in faults] == [
        "samples.test",
        "training.paradigm",
        "retraining.labels",
        "extrapolation[3]",
    ]
    assert faults_of(changed(*FOUND, ("training.paradigm", "supervised"))) == [
        "config: training.paradigm = supervised learns labels, and samples.labelled is false; write {name: "
        "unsupervised, classes: 10}"
    ]


def test_a_training_that_no_score_is_of_may_learn_labels():
    variants = {"turtle": {"paradigm": {"name": "unsupervised", "classes": 10}, "epochs": 50}}
    scores = [{"name": "du", "training": "turtle"}]
    changes = [*FOUND, ("training.paradigm", "supervised"), ("training.variants", variants), ("scores", scores)]
    assert read_config(changed(*changes)).unsupervised() == ["turtle"]


# ---- what is said of them -------------------------------------------------------------------------------------------


def test_no_accuracy_is_told_of_classes_that_nobody_knows(tmp_path):
    labels, vectors = blobs()
    write_vectors(tmp_path / "space.parquet", {}, sample_id=np.arange(len(labels)), embedding=vectors)
    run = {"training": "base", "fraction": "20", "sampler": "random", "embeddings": [str(tmp_path / "space.parquet")]}
    run |= {"seed": 0, "tried": False, "labels": write_run(tmp_path, "right", labels, 4)}
    known = {"sample_id": np.arange(len(labels)), "label": labels}
    unknown = known | {"label": np.full(len(labels), -1)}
    of_known, of_unknown = (tabulate_labels([run], samples) for samples in (known, unknown))
    assert set(of_known) - set(of_unknown) == {"accuracy", "kmeans_accuracy"}
    assert of_unknown.equals(of_known[list(of_unknown)])


def test_an_image_without_a_label_has_no_name_of_one():
    named = name_labels({"classes": ["cat", "dog"]}, np.array([1, 0, 1]))
    assert named.tolist() == ["dog", "cat", "dog"]
    assert name_labels({"classes": []}, np.array([-1, -1])).tolist() == ["", ""]
    assert name_labels({"classes": ["cat", "dog"]}, np.array([-1])).tolist() == [""]
    assert caption({"label": "", "score": 0.5, "sample_id": 7}) == ["score 0.500", "id 7"]
    assert caption({"label": "cat", "score": 0.5, "sample_id": 7}) == ["cat", "score 0.500", "id 7"]
