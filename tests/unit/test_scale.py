"""docs/scale.md: the page is what its script computes, and what the script takes as measured is what there is."""

import re
import runpy

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from score_extrapolation.io.tables import DRAWS, EXTRAPOLATED, SAMPLES, SCORES, write_table, write_vectors
from score_extrapolation.models import build_model
from score_extrapolation.training.dynamics import DynamicsWriter
from workflow.conftest import CHECKOUT

SCALE = runpy.run_path(str(CHECKOUT / "docs/scale.py"))
USUAL = SCALE["parse"]([])
N = 100_000


def stage(name, size, *options):
    (found,) = [stage for stage in SCALE["stages"](size, SCALE["parse"](list(options))) if stage.name == name]
    return found


def hours(name, size, *options):
    return SCALE["gpu_hours"](stage(name, size, *options), SCALE["parse"](list(options)))


def test_the_page_is_what_the_script_writes():
    page = (CHECKOUT / "docs/scale.md").read_text()
    assert SCALE["written"](page, USUAL) == page, "run python docs/scale.py --write"


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_operations_are_those_that_the_profiler_counts(name):
    model = {"name": "timm", "architecture": name}
    network = build_model(model, [224, 224, 3], 1000, [0.5] * 3, [0.25] * 3).eval()
    images = torch.zeros((1, 224, 224, 3), dtype=torch.uint8)
    with FlopCounterMode(display=False) as counted:
        network(images)
    assert counted.get_total_flops() == SCALE["FORWARD"][name]
    with FlopCounterMode(display=False) as counted:
        network(images).sum().backward()
    assert counted.get_total_flops() == SCALE["STEP"][name]


def bytes_a_sample(path):
    return path.stat().st_size / N


def test_bytes_are_those_of_files(tmp_path):
    rng, ids, path = np.random.default_rng(0), np.arange(N), tmp_path / "table.parquet"
    labels, scores = rng.integers(0, 1000, N), rng.gamma(4, 0.02, N).astype(np.float32)
    sources = np.array([f"train/{label:04d}/{i:09d}.jpg" for i, label in enumerate(labels)], object)
    write_table(path, SAMPLES, {}, sample_id=ids, label=labels, source=sources)
    assert bytes_a_sample(path) == pytest.approx(SCALE["SAMPLE"], rel=0.15)
    write_table(path, SCORES, {}, sample_id=ids, score=scores)
    assert bytes_a_sample(path) == pytest.approx(SCALE["SCORE"], rel=0.15)
    spread = np.where(ids % 5 == 0, np.nan, scores)
    columns = {"sample_id": ids, "score": scores, "computed": ids % 5 == 0, "spread": spread}
    write_table(path, EXTRAPOLATED, {}, **columns, draws=rng.choice(scores[:10_000], (N, DRAWS)))
    assert bytes_a_sample(path) == pytest.approx(SCALE["EXTRAPOLATED"], rel=0.25)
    distances = np.sort(rng.gamma(50, 0.1, (N, 20)).astype(np.float32), axis=1)
    for m in (10_000, 10_000_000):  # ids of as many take two and three bytes
        write_vectors(path, {}, sample_id=ids, neighbor_ids=rng.integers(0, m, (N, 20)), neighbor_distances=distances)
        of_one = SCALE["DISTANCE"] + (2 if m == 10_000 else 3)
        assert bytes_a_sample(path) == pytest.approx(20 * of_one, rel=0.15)
    with DynamicsWriter(path, np.sort(rng.permutation(5 * N)[:N]), ["probability"]) as writer:
        for _ in range(5):
            writer.write_epoch({"probability": rng.random(N).astype(np.float32)})
    assert bytes_a_sample(path) / 5 == pytest.approx(SCALE["RECORD"], rel=0.15)


def test_a_stage_by_hand():
    size = SCALE["Size"](1_000_000, 0.1, 20, 10)
    options = ("--peak", "1e15", "--share", "0.1", "--read", "1e9", "--resident", "1e9")
    computing = 100_000 * 20 * 10_648_412_160 / 1e14 / 3600
    assert hours("training", size, *options) == (pytest.approx(100_000 * 20 * 150_528 / 1e9 / 3600), True)
    assert hours("training", size, *options, "--read", "1e12") == (pytest.approx(computing), False)
    assert hours("training", size, *options, "--resident", "2e10") == (pytest.approx(computing), False)
    assert hours("retraining", size, *options, "--rate", "0.8", "--read", "1e12")[0] == pytest.approx(
        200_000 * 10 * 24_299_077_632 / 1e14 / 3600
    )
    assert stage("neighbors of subset (KNN)", size).flops == 2 * 900_000 * 100_000 * 512
    assert stage("neighbors of all (GNN)", size).flops == 2 * 1_000_000**2 * 512
    assert stage("samples", size).disk == pytest.approx(1_000_000 * 150_534.6)
    given = SCALE["parse"](["--gpu-hour", "5", "--core-hour", "0.1"])
    assert SCALE["dollars"](2, 7200, given) == pytest.approx(10.2)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.004, "< 0.01"), (0.0496, "0.050"), (0.96, "0.96"), (9.96, "10"), (12.4, "12"), (14_321, "14,000")],
)
def test_numbers_have_two_digits_that_count(value, shown):
    assert SCALE["shown"](value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(5, "5.0 B"), (1.5e9, "1.5 GB"), (1.5e14, "150 TB"), (3e18, "3,000,000 TB")]
)
def test_bytes_have_a_unit(value, shown):
    assert SCALE["shown_bytes"](value) == shown


def test_another_price_changes_the_page():
    page = (CHECKOUT / "docs/scale.md").read_text()
    other = SCALE["written"](page, SCALE["parse"](["--gpu-hour", "6"]))
    assert other != page
    assert "$6 for an hour of a GPU" in other
    assert SCALE["written"](other, USUAL) == page


COMPARED = {"training_free", "evaluation", "study", "report"}


def test_the_page_names_each_stage():
    page = (CHECKOUT / "docs/scale.md").read_text()
    stages = re.findall(r'^include: "rules/(\w+)\.smk"', (CHECKOUT / "Snakefile").read_text(), re.M)
    told = page.split("## Every stage")[1]
    # What a list costs; not what it is compared with, what follows or comes before, nor what only auto asks for.
    for name in set(stages) - {*COMPARED, "common", "extrapolation", "export", "plan", "trials"}:
        assert re.search(rf"^\| {name}\b", told, re.M), name
