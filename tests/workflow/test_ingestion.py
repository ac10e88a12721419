"""The store in a workflow: a run that is killed while it decodes, and the target that verifies it."""

import json
import os
import signal
import subprocess
import time

from PIL import Image

from .conftest import environment


def write_photos(folder, n):
    """Write images that take long to decode, some 20 ms, and little space."""
    for i in range(n):
        path = folder / ("cat", "dog")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (1200, 1200), (i % 256, i // 4, i % 7)).save(path, compress_level=1)


def test_a_run_that_is_killed_while_it_decodes_goes_on(fresh):
    write_photos(fresh.folder / "photos", 800)
    samples = {"dataset": "imagefolder", "train": "photos", "test": None, "image_size": 48}
    fresh.write_config(samples=samples, evaluation={"estimates": [], "full_data_scores": False})
    store, state = fresh.results / "samples", fresh.results / "samples.unfinished/state.json"
    target = "results/digits/samples/summary.json"
    fresh.run("--cores", "2", target)
    undisturbed = {path.name: path.read_bytes() for path in store.iterdir()}
    assert len(undisturbed) == 5 and not state.parent.exists()
    subprocess.run(["rm", "-r", fresh.folder / "results"], check=True)
    command = {"cwd": fresh.folder, "env": environment(), "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen(fresh.command("--cores", "2", target), **command, start_new_session=True)
    images = state.parent / "store/train.npy"
    while not images.exists() or images.stat().st_size < 100 * 48 * 48 * 3:
        assert run.poll() is None, "the run ended before it was killed"
        time.sleep(0.02)
    os.kill(run.pid, signal.SIGKILL)  # the job notices, saves how far it is, and ends
    run.wait()
    for _ in range(600):
        if state.exists():
            break
        time.sleep(0.05)
    assert 0 < json.loads(state.read_text())["read"]["train"] < 800
    fresh.run("--cores", "2", target)
    assert "going on after" in (fresh.results / "logs/samples.log").read_text()
    assert {path.name: path.read_bytes() for path in store.iterdir()} == undisturbed
    assert not state.parent.exists()


def test_verify_reads_everything_each_time_and_names_what_is_damaged(fresh):
    for _ in range(2):
        assert "Verified: results/digits/samples is as it was written" in fresh.run("--cores", "1", "verify")
    images = fresh.results / "samples/train.npy"
    before, content = images.stat(), bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    os.utime(images, ns=(before.st_atime_ns, before.st_mtime_ns))  # a disk that rots tells nobody
    printed = fresh.run("--cores", "1", "verify", fails=True)
    said = (
        "samples: results/digits/samples/train.npy: of the images 1024 to 1347 one or more are not as they were written"
    )
    assert f"{said}; remove results/digits/samples to have it made again from the data, and check the disk" in printed
    assert "Traceback" not in printed
