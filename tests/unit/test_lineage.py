"""What jobs noted of themselves: which led to a file, which stage each belongs to, and what a record holds."""

import json
import math
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pruning_workflow.job import Job
from pruning_workflow.lineage import Lineage, part_of, stage_of
from pruning_workflow.names import EVERYTHING, NOTHING, Part
from pruning_workflow.record import FOLDER, Record
from score_extrapolation.faults import InputFault


def record(writes, *reads, stage="training", **noted):
    """Return the record of a job that writes one file, or several in a list."""
    given = {"rule": "any", "wildcards": {}, "sources": (), "threads": 1, "seconds": 1.0, "memory_mb": 100.0} | noted
    return Record(stage=stage, reads=reads, writes=(writes,) if isinstance(writes, str) else tuple(writes), **given)


# Samples, two trainings on them of which each has scores, and two lists: one reads both scores, one the first.
SAMPLES = record(["samples/train.npy", "samples/train.parquet"], stage="samples")
FIRST, SECOND = (record([f"{name}/model", f"{name}/dynamics"], "samples/train.npy") for name in ("first", "second"))
SCORES = [record(f"{name}/scores", f"{name}/dynamics", stage="scores") for name in ("first", "second")]
BOTH = record("both", "samples/train.parquet", "first/scores", "second/scores", stage="selection")
ONE = record("one", "first/scores", stage="selection")
JOBS = [ONE, BOTH, *SCORES, SECOND, FIRST, SAMPLES]

# ------------------------------------------------------------- what led to a file


def test_every_job_that_led_to_a_file_is_found_once_and_no_other():
    lineage = Lineage(JOBS)
    assert lineage.leading_to("samples/train.npy") == [SAMPLES]
    assert lineage.leading_to("one") == [SAMPLES, FIRST, SCORES[0], ONE]
    # The samples are read by three of them, and are there once.
    assert lineage.leading_to("both") == [SAMPLES, FIRST, SCORES[0], SECOND, SCORES[1], BOTH]
    assert lineage.leading_to("first/model") == lineage.leading_to("first/dynamics") == [SAMPLES, FIRST]


@given(st.data())
def test_those_that_others_read_come_before_these_whatever_reads_what(data):
    n = data.draw(st.integers(1, 12))
    reads = [data.draw(st.sets(st.integers(0, i - 1))) if i else set() for i in range(n)]
    jobs = [record(str(i), *map(str, reads[i])) for i in range(n)]
    found = [int(job.writes[0]) for job in Lineage(data.draw(st.permutations(jobs))).leading_to(str(n - 1))]
    # The slow version: all that is read, by what is read, and so on.
    needed = {n - 1}
    while more := {read for i in needed for read in reads[i]} - needed:
        needed |= more
    assert sorted(found) == sorted(needed)
    for place, i in enumerate(found):
        assert reads[i] <= set(found[:place])


def test_a_missing_record_is_one_sentence_that_names_the_file():
    without = Lineage([job for job in JOBS if job is not FIRST])
    for path in ("one", "both", "first/model"):
        with pytest.raises(InputFault) as fault:
            without.leading_to(path)
        lost = "first/model" if path == "first/model" else "first/dynamics"
        assert str(fault.value) == (
            f"lineage: no record says how {lost} was made, so that its cost is not known; make it again: "
            f"snakemake --forcerun {lost}"
        )
    with pytest.raises(InputFault, match="how elsewhere was made"):
        without.leading_to("elsewhere")


def test_that_sentence_can_be_pasted_into_a_terminal(tmp_path):
    with pytest.raises(InputFault, match=f"make it again: snakemake --forcerun {re.escape(str(tmp_path))}/elsewhere$"):
        Lineage.of(tmp_path).leading_to("elsewhere")


def test_files_of_the_users_end_the_way():
    samples = record("samples/train.npy", stage="samples", sources=("photos",))
    assert Lineage([samples]).leading_to("samples/train.npy") == [samples]


# ---------------------------------------------------------------- to whom it belongs


def of_part(part, stage="training", name="part"):
    return record("any", stage=stage, wildcards={name: part, "seed": "0"})


@pytest.mark.parametrize(
    "job, part, stage",
    [
        (of_part("20"), Part("20"), "training"),
        (of_part("20", name="fraction"), Part("20"), "training"),
        # A training on half of the subset, and what is asked within the subset, are the nested task.
        (of_part("10", name="fraction"), Part("20"), "nested"),
        (of_part("10-within-20", "predictions"), Part("20"), "nested"),
        (of_part("5-within-10", "extrapolation"), Part("20"), "nested"),
        # For who prunes by the smaller subset the same job is its own.
        (of_part("10", name="fraction"), Part("10"), "training"),
        (of_part("20-zcoreset"), Part("20", sampler="zcoreset"), "training"),
        (of_part("10-within-20-zcoreset", "neighbors"), Part("20", sampler="zcoreset"), "nested"),
        # What draws a subset is of no part, and no smaller task.
        (of_part("0", "training_free"), Part("20"), "training_free"),
        (of_part("20", "trials", "fraction"), Part("20"), "trials"),
        (of_part("100", "scores", "fraction"), EVERYTHING, "scores"),
        (record("any", stage="samples"), Part("20"), "samples"),
        (record("any", stage="embeddings", wildcards={"network": "pretrained"}), Part("20"), "embeddings"),
        # Whoever reads no scores may learn labels that a training on a part found.
        (of_part("40", name="fraction"), None, "training"),
    ],
)
def test_the_stage_of_a_cost(job, part, stage):
    assert stage_of(job, part) == stage


def test_the_part_of_a_job():
    assert part_of(of_part("10-within-20")) == Part("10", "20")
    assert part_of(of_part("0", name="fraction")) == NOTHING
    assert part_of(record("any")) is None
    assert part_of(record("any", wildcards={"arm": "top/du/knn-5/fraction-20", "amount": "rate-50"})) is None


# --------------------------------------------------------------------------- images


def test_images_are_those_trained_on_and_a_third_of_those_predicted():
    assert record("any").images == 0
    assert record("any", images_trained=300, images_predicted=60).images == 320
    assert math.isnan(record("any", images_trained=None, images_predicted=60).images)


# -------------------------------------------------------------------------- records

TEXT = st.text(max_size=9)
FILES = st.lists(TEXT, max_size=3).map(tuple)
NUMBERS = st.floats(0, 1e12)
RECORDS = st.builds(
    Record,
    *(TEXT, TEXT, st.dictionaries(TEXT, TEXT, max_size=3), FILES, FILES, FILES, st.integers(1, 99), NUMBERS, NUMBERS),
    images_trained=st.none() | NUMBERS,
    images_predicted=NUMBERS,
)


@given(RECORDS)
def test_a_record_comes_back_from_json_as_it_was(noted):
    assert Record.from_json(json.loads(json.dumps(noted.to_json()))) == noted


def test_records_of_an_experiment_are_found_in_all_folders(tmp_path):
    for i, job in enumerate(JOBS):
        path = Path(tmp_path, FOLDER, *["deeper"] * (i % 3), f"{i}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(job.to_json()))
    assert Lineage.of(tmp_path).leading_to("both") == Lineage(JOBS).leading_to("both")
    assert Lineage.of(tmp_path / "elsewhere").writer == {}


def test_a_record_may_go_while_others_are_read(tmp_path, monkeypatch):
    """Snakemake removes what a job wrote before it runs the job again, beside the one that reads the records."""
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "here.json").write_text(json.dumps(SAMPLES.to_json()))
    found = [tmp_path / FOLDER / name for name in ("gone.json", "here.json")]
    monkeypatch.setattr(Path, "rglob", lambda *_: iter(found))
    assert Lineage.of(tmp_path).leading_to("samples/train.npy") == [SAMPLES]


def test_a_job_that_is_run_again_replaces_its_record(tmp_path):
    """As --forceall runs all of them: a sum is of the last run, not of both."""
    for seconds in (100.0, 7.0):
        for i, job in enumerate(JOBS):
            (tmp_path / FOLDER).mkdir(exist_ok=True)
            again = Record.from_json(job.to_json() | {"seconds": seconds})
            (tmp_path / FOLDER / f"{i}.json").write_text(json.dumps(again.to_json()))
    assert [job.seconds for job in Lineage.of(tmp_path).leading_to("one")] == [7.0] * 4


# ------------------------------------------------------------------ what a job writes


class Files(list):
    """Files of a rule, as Snakemake gives them to a script: a list, of which some have names."""

    def __init__(self, *paths, **named):
        super().__init__([*paths, *named.values()])
        self.named = named

    def get(self, name):
        return self.named.get(name)


@pytest.fixture
def snakemake(tmp_path):
    """What a script of the rule train_subset is given."""
    folder = f"{tmp_path}/results/digits"
    return SimpleNamespace(
        config={"results": f"{tmp_path}/results/", "experiment": "digits"},
        rule="train_subset",
        threads=2,
        wildcards={"fraction": "20", "seed": "0"},
        params=SimpleNamespace(stage="training", items=dict(stage="training").items),
        input=Files(f"{folder}/samples/train.npy", "photos/cats", f"{folder}/samples/train.npy"),
        output=Files(
            f"{folder}/training/model",
            f"{folder}/training/snapshots",
            lineage=f"{folder}/{FOLDER}/training/fraction-20.json",
        ),
    )


def written_by(job, snakemake):
    job.write_record(snakemake)
    with open(snakemake.output.get("lineage"), encoding="utf-8") as file:
        return Record.from_json(json.load(file))


def test_a_job_notes_what_it_read_wrote_and_cost(snakemake):
    job = Job(snakemake)
    before = written_by(job, snakemake)
    job.note_images(1200.0, 40)
    job.note_seconds_before(1000.0)
    noted = written_by(job, snakemake)
    assert (noted.rule, noted.stage, noted.threads) == ("train_subset", "training", 2)
    assert (noted.wildcards, part_of(noted)) == ({"fraction": "20", "seed": "0"}, Part("20"))
    assert noted.reads == ("samples/train.npy",) and noted.sources == ("photos/cats",)
    assert noted.writes == ("training/model", "training/snapshots")
    assert (before.images_trained, before.images_predicted) == (0, 0)
    assert (noted.images_trained, noted.images_predicted) == (1200.0, 40)
    assert before.seconds > 0 and 1000 <= noted.seconds - before.seconds < 1100
    assert noted.memory_mb > 10


def test_files_of_the_users_are_sources_below_the_folder_of_results_too(snakemake, tmp_path):
    photos = f"{tmp_path}/results/digits/photos"
    snakemake.input = Files(f"{tmp_path}/results/digits/a", photos)
    snakemake.input.named["sources"] = [photos]
    noted = written_by(Job(snakemake), snakemake)
    assert (noted.reads, noted.sources) == (("a",), (photos,))


def test_seconds_are_those_of_the_process():
    code = "from pruning_workflow.job import seconds_of_process; print(seconds_of_process())"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "workflow_scripts")}
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert 0 < float(done.stdout) <= time.monotonic() - began + 0.02  # the system counts hundredths


def test_records_that_a_job_reads_are_no_results(snakemake, tmp_path):
    """The report is given all that rules write, their records too."""
    snakemake.input = Files(f"{tmp_path}/results/digits/{FOLDER}/study/table_1.json", f"{tmp_path}/results/digits/a")
    assert written_by(Job(snakemake), snakemake).reads == ("a",)


def test_a_job_without_results_has_no_record(snakemake, tmp_path):
    snakemake.output = Files()
    Job(snakemake).write_record(snakemake)
    assert not list(tmp_path.rglob("*.json"))
