"""The README's section on formats: its line of config, its command, and every snippet that reads what is written."""

import itertools
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from .conftest import CHECKOUT, README, copy_checkout, environment

SECTION = README.split("## The lists in the format of your trainer\n")[1].split("\n## ")[0]
SNIPPETS = re.findall(r"```python\n(.*?)```", SECTION, re.S)
ARM = "chance/du/held_out-10-step_up/fraction-20/seed-0/rate-50"

# torchvision without its C++ operators, as beside a torch for CPUs alone, asks for two of them when it is imported.
IMPORTED = "from score_extrapolation.torchvision_import import torchvision\n"


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A copy of the checkout with photos, in which the README's command for formats has run."""
    workflow = copy_checkout(tmp_path_factory.mktemp("exported"))
    rng = np.random.default_rng(0)
    for label, name in enumerate(("birds", "cats", "dogs")):
        (workflow.folder / "photos" / name).mkdir(parents=True)
        for i in range(60):
            height, width = rng.integers(24, 48, 2)
            pixels = rng.normal(80 * label + 40, 30, (height, width, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(workflow.folder / "photos" / name / f"{i}.{('png', 'jpg')[i % 2]}")
    (config,) = re.findall(r"```yaml\n(experiment: my_images.*?)```", README, re.S)
    (formats,) = re.findall(r"```yaml\n(.*?)```", SECTION, re.S)
    (workflow.folder / "my.yaml").write_text(config + formats)
    (command,) = re.findall(r"```bash\nsnakemake (.*?)\n```", SECTION)
    run_short(workflow.folder, *command.split())
    return workflow


def run_short(folder, *arguments: str) -> str:
    """Run Snakemake with a training as short as DU can be computed from; return what it printed."""
    started = [sys.executable, "-m", "snakemake", *arguments, "--config", "training={epochs: 11, model: convnet}"]
    done = subprocess.run(started, cwd=folder, capture_output=True, text=True, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def read(workflow, snippet: str, check: str, before: str = "") -> None:
    """Run a snippet of the README and then a check, which knows the kept list as `rows`."""
    kept = workflow.folder / "results/my_images/selection" / f"{ARM}.parquet"
    rows = f"\nimport pyarrow.parquet\nrows = pyarrow.parquet.read_table({str(kept)!r}).to_pylist()\n"
    path = os.pathsep.join([str(CHECKOUT / "workflow_scripts"), os.environ.get("PYTHONPATH", "")])
    started = [sys.executable, "-c", before + snippet + rows + check]
    done = subprocess.run(
        started, cwd=workflow.folder, capture_output=True, text=True, env=environment() | {"PYTHONPATH": path}
    )
    assert done.returncode == 0, done.stderr


def snippet_with(word: str) -> str:
    (snippet,) = (snippet for snippet in SNIPPETS if word in snippet)
    return snippet


def test_every_list_is_written_in_every_format_of_the_config(exported):
    folder = exported.folder / "results/my_images/export"
    formats = {"csv": ".csv", "links": "", "torch": ".npy", "weights": ".npy", "huggingface": "", "webdataset": ""}
    assert {path.name for path in folder.iterdir()} == set(formats)
    for name, suffix in formats.items():
        for method, extrapolator in itertools.product(("chance", "top"), ("knn-10", "held_out-10-step_up")):
            for rate in (30, 50):
                run = folder / name / method / "du" / extrapolator / "fraction-20/seed-0"
                assert (run / f"rate-{rate}{suffix}").exists()
    assert "results/my_images/export/<format>/`, in the folders that it has under\n`selection/`" in SECTION


def test_torch_reads_the_images_that_are_kept(exported):
    check = """
paths = [row["source"] for row in rows]
assert [photos.samples[i][0] for i in kept.indices] == paths and len(paths) == round(0.5 * 162)
assert [photos.samples[i][1] for i in kept.indices] == [row["label"] for row in rows]
assert sorted(photos.samples[i][0] for i in sampler) == sorted(paths)
assert sum(len(labels) for _, labels in loader) == sum(len(labels) for _, labels in sampling_loader) == len(rows)
import os
assert [os.path.relpath(os.readlink(path)) for path, _ in linked.samples] == paths
assert linked[0][0].shape == (3, 32, 32)
"""
    read(exported, snippet_with("Subset"), check, IMPORTED)


def test_hugging_face_reads_the_images_that_are_kept(exported):
    check = """
assert kept["source"][:] == [row["source"] for row in rows]
assert kept["score"][:] == [row["score"] for row in rows] and score == rows[0]["score"]
assert label == rows[0]["source"].split("/")[1]
from PIL import Image
assert image.tobytes() == Image.open(rows[0]["source"]).tobytes()
"""
    read(exported, snippet_with("load_from_disk"), check)


def test_webdataset_reads_the_images_that_are_kept(exported):
    check = """
from PIL import Image
found = {known["source"]: (image, label) for image, label, known in kept}
assert found.keys() == {row["source"] for row in rows}
for row in rows:
    image, label = found[row["source"]]
    assert label == row["label"] and image.tobytes() == Image.open(row["source"]).convert("RGB").tobytes()
"""
    read(exported, snippet_with("WebDataset"), check)


def test_fiftyone_reads_the_images_that_are_kept(exported):
    snippet = snippet_with("fiftyone")
    # What it reads is the layout that it documents: an image's class is the name of the folder below this one.
    folder = exported.folder / re.search(r'"(results/\S+)"', snippet)[1]
    links = {path: path.parent for path in folder.rglob("*") if path.is_symlink()}
    rows = pq.read_table(exported.folder / "results/my_images/selection" / f"{ARM}.parquet").to_pylist()
    expected = {str(exported.folder / row["source"]): row["source"].split("/")[1] for row in rows}
    assert {os.readlink(link): parent.name for link, parent in links.items()} == expected
    assert {parent.parent for parent in links.values()} == {folder}
    importable = subprocess.run([sys.executable, "-c", "import fiftyone"], capture_output=True, env=environment())
    if importable.returncode:
        pytest.skip("the layout is right, but FiftyOne, which needs a MongoDB, is not here to read it")
    check = """
import os
found = {os.path.basename(sample.filepath): sample.ground_truth.label for sample in kept}
assert found == {os.path.basename(path): os.path.basename(os.path.dirname(path)) for path in map(str, LINKS)}
""".replace("LINKS", repr([str(link) for link in links]))
    read(exported, snippet, check)


def test_a_list_that_the_config_does_not_name_can_be_asked_for(exported):
    (path,) = re.findall(r"`(results/my_images/export/paths/\S+)`", SECTION)
    run_short(exported.folder, path, "--configfile", "my.yaml")
    lines = (exported.folder / path).read_text().splitlines()
    assert len(lines) == len(set(lines)) == round(0.7 * 162)
    assert all((exported.folder / line).is_file() for line in lines)


def test_what_is_no_export_is_told_in_a_sentence(fresh):
    for arguments, sentence in (
        (["export"], "config: export.formats is empty; write some of csv, huggingface, links, parquet, paths, "),
        (["results/digits/export/csv/random/seed-0/rate-50.txt"], "export: csv is written as a .csv file, not .txt"),
    ):
        printed = fresh.run("--dry-run", *arguments, fails=True)
        assert sentence in printed
        assert "Traceback" not in printed


def test_only_the_export_is_made_again_where_its_options_change(exported, tmp_path):
    shutil.copytree(exported.folder, tmp_path / "copy", symlinks=True)
    config = (tmp_path / "copy/my.yaml").read_text().replace("shuffle_seed: 0", "shuffle_seed: 1")
    (tmp_path / "copy/my.yaml").write_text(config)
    printed = run_short(tmp_path / "copy", "export", "--configfile", "my.yaml", "--dry-run", "--nocolor")
    assert re.findall(r"^rule (\w+):", printed, re.M) == [*["export_folder"] * 8, "export"]
