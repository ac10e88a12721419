"""Every benchmark runs on toy sizes, as the README calls it, and prints numbers; how fast, no test says."""

import io
import re
import shlex
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from .conftest import CHECKOUT, README, environment

pytestmark = pytest.mark.slow

COMMANDS = re.findall(r"^python (tests/benchmarks/.+)$", README, re.M)
TOY = {
    "chances": "--n 200 --seeds 5",
    "gnn": "--n 600 --epochs 2 --plain torch",
    "ingestion": "--n 400 --side 16 --image-size 8 --repetitions 1",
    "jobs": f"--jobs 100 --repetitions 1 --configs '{CHECKOUT}/config/cifar10_small.yaml'",
    "million": "--n 3000 --width 32 --classes 5",
    # Not by pynndescent, which compiles for a minute.
    "neighbors": "--n 600 --width 32 --repetitions 1 --methods ours faiss ivf scikit-learn",
    "selection": "--n 3000 --classes 5 --ways whole streamed",
    "shards": "--n 3000 --width 16 --shards 2 --k 20",
    "training_free": "--n 600 --width 16 --draws 3000",
    "training_speed": """--n 300 --repetitions 1 --model '{"name": "resnet9", "width": 2}' --samples 2000""",
    "turtle": "--rounds 1 --width 8 --classes 3 --batch 100",
}
# test_plan.py runs plan.py, where there is a plan.
NAMES = sorted(path.stem for path in (CHECKOUT / "tests/benchmarks").glob("*.py") if path.stem != "plan")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with 300 images of noise, where the README has CIFAR-10."""
    folder, rng, images = tmp_path_factory.mktemp("benchmarks"), np.random.default_rng(0), []
    for _ in range(300):
        image = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(image, "png")
        images.append({"bytes": image.getvalue(), "path": None})
    pq.write_table(pa.table({"img": images, "label": rng.integers(0, 10, 300)}), folder / "cifar10-train.parquet")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_benchmark_runs_on_toy_sizes_and_prints_numbers(name, folder):
    commands = [shlex.split(command) for command in COMMANDS if f"/{name}.py" in command]
    assert commands, f"the README calls no {name}.py"
    for script, *words in commands:
        started = [sys.executable, CHECKOUT / script, *words, *shlex.split(TOY[name])]
        run = subprocess.run(started, cwd=folder, capture_output=True, text=True, env=environment())
        assert run.returncode == 0, run.stderr
        assert re.search(r"\d", run.stdout)
