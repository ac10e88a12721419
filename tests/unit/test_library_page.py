"""The loops of README.md and docs/library.md, run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from score_extrapolation import ScoreRecorder

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "library.md").read_text()
THREE_LINES, *EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def loop(n=40, epochs=12):
    """What stands around the three lines: all names of a training loop."""
    torch.manual_seed(0)
    data = TensorDataset(torch.arange(n), torch.randn(n, 5), torch.randint(0, 3, (n,)))
    network = torch.nn.Linear(5, 3)
    return {
        "ScoreRecorder": ScoreRecorder,
        "cross_entropy": cross_entropy,
        "data": data,
        "loader": DataLoader(data, batch_size=7, shuffle=True),
        "network": network,
        "optimizer": torch.optim.SGD(network.parameters(), 0.1),
        "epochs": epochs,
    }


def test_the_loop_of_the_page_runs():
    names = loop()
    exec(THREE_LINES, names)
    assert names["scores"].shape == (40,)
    assert np.ptp(names["scores"]) > 0


def test_the_three_lines_of_the_readme_are_those_of_the_page():
    (block,) = re.findall(r"```python\n(recorder = .*?)```", (CHECKOUT / "README.md").read_text(), re.S)
    short = [line.split("  #")[0] for line in block.strip().splitlines()]
    page = [line.split("  #")[0].strip() for line in THREE_LINES.splitlines()]
    assert len(short) == 3
    assert [line for line in page if "record" in line] == short


def test_the_other_ways_to_record_that_the_page_names():
    names = loop()
    several, part = re.findall(r"`(ScoreRecorder\(.*?\))`", PAGE, re.S)[:2]
    recorder = eval(several, names | {"n": 40})
    subset = eval(part, names | {"ids": np.arange(40)[::-1]})
    for _ in range(12):
        for indices, images, labels in names["loader"]:
            recorder.record(indices, names["network"](images), labels)
            subset.record(indices, names["network"](images), labels)
    assert recorder.scores().keys() == {"du", "aum", "tdds"}
    assert (subset.scores() == recorder.scores()["du"][::-1]).all()


@pytest.mark.slow
def test_the_example_runs_and_prints_what_the_page_says():
    (printed,) = re.findall(r"```\n(kept.*?)```", PAGE, re.S)
    path = os.pathsep.join([str(CHECKOUT / "workflow_scripts"), os.environ.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(EXAMPLE)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found, expected = (re.findall(r"(\w+): (\d+) images, accuracy ([\d.]+)", text) for text in (run.stdout, printed))
    assert [(name, n) for name, n, _ in found] == [(name, n) for name, n, _ in expected]
    # Rounding is another on other processors.
    np.testing.assert_allclose([float(a) for *_, a in found], [float(a) for *_, a in expected], atol=1)
