"""Samples split into shards, each a job of its own: the results of one machine, and one job again where one is lost."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pruning_workflow.lineage import Lineage
from pruning_workflow.names import Shard
from score_extrapolation.io.tables import read_metadata, read_table

from .conftest import Workflow, assert_lineage_is_the_dag, copy_checkout

SPLIT = {
    "training": {"epochs": 14, "batch_size": 32},
    "extrapolation": [
        {"name": "knn", "k": 5},
        {"name": "knn", "k": 5, "same_label": True, "step_up": True},
        {"name": "gnn", "k": 5},
        {"name": "held_out", "k": 5, "step_up": True},
        {"name": "unsplit", "k": 5},
    ],
    "selection": {"rates": [0.5], "methods": ["chance", "random"], "extrapolators": ["knn-5", "gnn-5"]},
    "evaluation": {"full_data_scores": False, "estimates": ["cross_validation"]},
}
OF_SAMPLES = ("knn-5", "knn-5-same_label-step_up", "held_out-5-step_up")
LABELS = (*OF_SAMPLES, "gnn-5", "unsplit-5")
# All lists and scores, and the tables of estimates and of times: a study but for its figures.
TARGETS = (
    "kept",
    *(f"results/digits/extrapolation/fraction-20/seed-0/du/{label}.parquet" for label in LABELS),
    *(f"results/digits/evaluation/{name}.csv" for name in ("estimates", "retraining")),
)
# The 1,347 samples are nine batches, and the 269 of the subset two, so that one of three shards is empty.
BATCH = 150
SHARDS = Shard.all(3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished study in one part, with an extrapolator that does not say how it is split: KNN by another name."""
    workflow = copy_checkout(tmp_path_factory.mktemp("whole"))
    library = workflow.folder / "workflow_scripts/score_extrapolation"
    edit(library / "shards.py", library / "shards.py", "BATCH = 1000 ", f"BATCH = {BATCH} ")
    edit(library / "extrapolators/knn.py", library / "extrapolators/unsplit.py", 'SHARDS = "samples"\n', "")
    workflow.write_config(**SPLIT)
    workflow.run("--cores", "2", *TARGETS)
    return workflow


def edit(source, target, old, new):
    """Write a file with something in it replaced."""
    text = source.read_text()
    assert text.count(old) == 1
    target.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def split(whole, tmp_path_factory):
    """The same trainings, and all that follows from them in three shards."""
    folder = tmp_path_factory.mktemp("split") / "copy"
    shutil.copytree(whole.folder, folder, symlinks=True)
    workflow = Workflow(folder)
    workflow.write_config(**SPLIT, shards=3)
    workflow.before = workflow.planned(*TARGETS)
    workflow.run("--cores", "2", *TARGETS)
    return workflow


def tables(workflow, pattern):
    """Return the tables whose paths fit, by their paths, but for shards."""
    paths = sorted(workflow.results.glob(pattern))
    found = {str(path.relative_to(workflow.results)): path for path in paths if "-of-" not in path.name}
    assert found
    return found


def test_every_stage_is_split_and_no_training_is_repeated(split):
    planned = split.before
    assert planned["embed_samples"] == planned["predict_samples"] == 3 * 2  # of 20, and of 10 within 20 percent
    assert planned["gather_embeddings"] == 2
    # All scopes, and within the subset that which held_out learns from.
    assert planned["find_neighbors"] == 3 * (3 + 1)
    assert planned["extrapolate_shard"] == 3 * len(OF_SAMPLES)
    assert planned["join_neighbors"] == planned["infer_layer"] / 3 == 3
    assert planned["train_extrapolator"] == 1
    assert planned["gather_scores"] == len(OF_SAMPLES) + 1
    assert planned["extrapolate_scores"] == 1
    assert not planned.keys() & {"prepare_samples", "draw_subset", "train_subset", "score_subset"}


def test_its_lineage_is_the_dag_of_snakemake(whole, split):
    assert_lineage_is_the_dag(split, TARGETS)
    # The records of the run in one part, which it was copied from, lie beside those of the shards.
    (record,) = Lineage.of(split.results).leading_to("samples/train.npy")
    assert record == Lineage.of(whole.results).writer["samples/train.npy"]


def test_the_scores_are_those_of_one_part(whole, split):
    compared = []
    for name, path in tables(whole, "extrapolation/*/*/*/*.parquet").items():
        one, of_shards = read_table(path), read_table(split.results / name)
        label = path.stem
        compared.append(label)
        for column in ("sample_id", "computed"):
            np.testing.assert_array_equal(of_shards[column], one[column])
        np.testing.assert_array_equal(of_shards["spread"], one["spread"])
        if label == "gnn-5":
            for column in ("score", "draws"):
                np.testing.assert_allclose(of_shards[column], one[column], rtol=0, atol=1e-6 * one["score"].std())
        else:
            for column in ("score", "draws"):
                np.testing.assert_array_equal(of_shards[column], one[column])
        # They were made anew, by another rule.
        digests = {read_metadata(run.results / name)["config_digest"] for run in (whole, split)}
        assert len(digests) == (1 if label == "unsplit-5" else 2)
    assert sorted(compared) == sorted(LABELS)


def test_the_tables_of_every_stage_are_those_of_one_part_row_by_row(whole, split):
    patterns = ("embeddings/*/*/*.parquet", "predictions/*/*/*.parquet", "neighbors/*/*/*/*.parquet")
    n_empty = 0
    for pattern in patterns:
        for name, path in tables(whole, pattern).items():
            folder = (split.results / name).with_suffix("")
            shards = [folder / f"{shard}.parquet" for shard in SHARDS]
            one, of_shards = read_table(path), read_table(shards)
            for column, values in one.items():
                np.testing.assert_array_equal(of_shards[column], values)
            sizes = [len(read_table(shard, ["sample_id"])["sample_id"]) for shard in shards]
            assert max(sizes) < sum(sizes)
            n_empty += sizes.count(0)
    assert n_empty > 0


def test_the_same_samples_are_kept_and_the_estimates_are_the_same(whole, split):
    for name, path in tables(whole, "selection/**/*.parquet").items():
        np.testing.assert_array_equal(read_table(split.results / name)["sample_id"], read_table(path)["sample_id"])
    one, of_shards = (pd.read_csv(run.results / "evaluation/estimates.csv") for run in (whole, split))
    pd.testing.assert_frame_equal(of_shards, one, rtol=1e-5)
    assert set(one["extrapolator"]) == {"knn-5", "gnn-5", "unsplit-5"}


def test_the_time_of_every_shard_is_counted(split):
    runs = pd.read_csv(split.results / "evaluation/retraining.csv").set_index("arm")

    def seconds(*patterns):
        """Of the jobs whose records lie in these places."""
        paths = {path for pattern in patterns for path in (split.results / "lineage").glob(pattern)}
        assert len(paths) >= len(SHARDS)
        return sum(json.loads(path.read_text())["seconds"] for path in paths)

    run = "fraction-20/seed-0"
    knn, gnn = runs.loc["chance/du/knn-5/fraction-20"], runs.loc["chance/du/gnn-5/fraction-20"]
    assert knn["embeddings_s"] == pytest.approx(seconds(f"embeddings/base/{run}/*.json"))
    assert knn["neighbors_s"] == pytest.approx(seconds(f"neighbors/base/{run}/subset/*.json"))
    assert gnn["neighbors_s"] == pytest.approx(seconds(f"neighbors/base/{run}/all/*.json"))
    folder = f"extrapolation/{run}/du"
    assert knn["extrapolation_s"] == pytest.approx(seconds(f"{folder}/knn-5/*.json", f"{folder}/knn-5.json"))
    assert gnn["extrapolation_s"] == pytest.approx(seconds(f"{folder}/gnn-5/**/*.json", f"{folder}/gnn-5.json"))


def test_a_second_run_does_nothing(split):
    assert split.planned(*TARGETS) == {}


@pytest.mark.parametrize(
    "shard, rule",
    [
        ("knn-5/2-of-3", "extrapolate_shard"),
        ("gnn-5/layer-3/2-of-3", "infer_layer"),
    ],
)
def test_a_shard_that_is_lost_is_one_job_and_what_follows_from_it(split, shard, rule):
    folder = split.results / "extrapolation/fraction-20/seed-0/du"
    gathered = folder / f"{shard.split('/')[0]}.parquet"
    lost = [folder / f"{shard}.parquet", gathered]
    before = [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    target = str(gathered.relative_to(split.folder))
    assert split.planned(target) == {rule: 1, "gather_scores": 1}
    split.run("--cores", "1", target)
    assert [path.read_bytes() for path in lost] == before


def test_embeddings_of_a_shard_that_are_lost_are_one_job(split):
    lost = split.results / "embeddings/base/fraction-20/seed-0/3-of-3.parquet"
    before = lost.read_bytes()
    lost.unlink()
    target = str(lost.relative_to(split.folder))
    assert split.planned(target) == {"embed_samples": 1}
    split.run("--cores", "1", target)
    assert lost.read_bytes() == before
    # Its bytes are the same, so that nothing but the table of times follows.
    assert split.planned(*TARGETS).keys() <= {"tabulate_retraining"}


def test_an_approximate_search_has_no_shards(fresh):
    fresh.write_config(shards=3, neighbors={"method": "ivf"})
    printed = fresh.run("--dry-run", fails=True)
    assert "small.yaml: neighbors.method = ivf has one index of all samples, in one job, and shards is 3" in printed
