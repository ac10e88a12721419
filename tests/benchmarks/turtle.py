"""How long one outer step of training without labels takes, beside plain autograd and beside its matrix products.

    python tests/benchmarks/turtle.py
    python tests/benchmarks/turtle.py --n 1000000 --width 1024 --classes 1000 --steps 3

Without --n, in turn and median of --rounds, a step on one batch in memory by us and by the slow version of the tests
(torch's autograd and Adam), after both were seen to do the same. The floor is the time of the step's 2 M + 3 products
of (C, d) and (d, b) at the rate of a large square matrix product on the same threads, measured in the same rounds.

With --n the training reads its batches from a file of that many rows, as the workflow does: random numbers in --folder,
4 n d bytes, removed at the end. Of interest is the peak of memory, which is to be that of batches, not of the file; the
same process writes the numbers and measures their moments, in blocks.
"""

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the workflow's jobs have it; the same for both sides
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

import oracles
from score_extrapolation.training.checkpoints import Checkpoints
from score_extrapolation.training.optimizers import make_optimizer
from score_extrapolation.training.recipe import Optimizer
from score_extrapolation.turtle.encoder import TaskEncoder
from score_extrapolation.turtle.features import load_features, measure_moments
from score_extrapolation.turtle.history import History
from score_extrapolation.turtle.steps import take_step
from score_extrapolation.turtle.trainer import TaskRecipe, TaskTrainer

OPTIONS = {"inner_steps": 10, "inner_learning_rate": 1e-3, "entropy_weight": 10.0}
ADAM = {"name": "adam", "learning_rate": 1e-3, "weight_decay": 0.0}
SQUARE = 2048
EPOCHS = 3  # of which records are made, with --n


def seconds(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def compare(b: int, d: int, n_classes: int, rounds: int) -> None:
    """Print the times of a step by us and by autograd, and the floor."""
    phi = torch.randn((b, d), generator=torch.Generator().manual_seed(0))
    encoder = TaskEncoder([d], n_classes, torch.Generator().manual_seed(1))
    before = [
        (space.direction.detach().clone(), space.length.detach().clone(), space.bias.detach().clone())
        for space in encoder.spaces
    ]
    optimizer = make_optimizer(encoder, Optimizer(**ADAM))
    rows = slice(None)

    def plain():
        # One step and, as the oracle returns it, tau after it: one of 24 products.
        return oracles.turtle([phi], before, [rows], *OPTIONS.values(), ADAM["learning_rate"])

    taus, losses = plain()
    loss, _ = take_step(encoder, optimizer, [phi], **OPTIONS)
    assert abs(float(loss) - losses[0]) < 1e-4
    assert float((encoder.log_tau([phi]).exp() - taus[0]).abs().max()) < 1e-3
    square = torch.randn((SQUARE, SQUARE))
    times = {"ours": [], "plain": [], "square": []}
    for _ in range(rounds):
        times["ours"].append(seconds(lambda: take_step(encoder, optimizer, [phi], **OPTIONS)))
        times["plain"].append(seconds(plain))
        times["square"].append(seconds(lambda: square @ square))
    peak = 2 * SQUARE**3 / min(times["square"])
    n_products = 2 * OPTIONS["inner_steps"] + 3
    floor = n_products * 2 * b * d * n_classes / peak
    ours, of_plain = (statistics.median(times[name]) for name in ("ours", "plain"))
    ratios = [p / o for o, p in zip(times["ours"], times["plain"], strict=True)]
    print(
        f"b = {b}, d = {d}, C = {n_classes}: ours {1e3 * ours:.1f} ms, autograd {1e3 * of_plain:.1f} ms, ratio "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), floor {1e3 * floor:.1f} ms at "
        f"{peak / 1e9:.0f} GFLOP/s, ours {ours / floor:.2f} times that",
        flush=True,
    )


def write_features(folder: Path, n: int, d: int) -> None:
    """Write (n, d) random float32 as `features.gather_features` leaves them, in blocks."""
    rng, block = np.random.default_rng(0), 16_384
    with open(folder / "space-0.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (n, d)})
        for start in range(0, n, block):
            rng.standard_normal((min(block, n - start), d), dtype=np.float32).tofile(file)


def train_from_disk(arguments) -> None:
    """Print the time of a step that reads its batch from a file, and the peak of memory."""
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        write_features(folder, arguments.n, arguments.width)
        features = load_features(folder, 1)
        encoder = TaskEncoder([arguments.width], arguments.classes, torch.Generator().manual_seed(0))
        took = {"moments": seconds(lambda: encoder.set_moments([measure_moments(features[0])]))}
        history, saved = History(folder / "history"), Checkpoints(folder / "checkpoint", "")
        recipe = TaskRecipe(EPOCHS, arguments.batch, ADAM, OPTIONS)
        trainer = TaskTrainer(encoder, features, recipe, 0, history, saved)
        took["reading"] = statistics.median(seconds(trainer._read_batch) for _ in range(arguments.steps))
        took["step"] = statistics.median(seconds(trainer._step) for _ in range(arguments.steps))
        for epoch in range(EPOCHS):
            history.keep(epoch, encoder)
        ids, labels = np.arange(arguments.n), np.zeros(arguments.n, np.int64)
        replayed = (EPOCHS, features, ids, labels, ["probability"], folder / "dynamics.parquet", torch.device("cpu"))
        took["records"] = seconds(lambda: history.replay(*replayed))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"n = {arguments.n}, d = {arguments.width}, C = {arguments.classes}, batches of {arguments.batch}: file of "
            f"{4 * arguments.n * arguments.width / 2**20:.0f} MiB, moments {took['moments']:.1f} s, step "
            f"{took['step']:.2f} s, {took['reading']:.2f} s of it reading, records of {EPOCHS} epochs "
            f"{took['records']:.1f} s; peak memory {peak_mb:.0f} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, help="rows of a file to train from")
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=3, help="outer steps, with --n")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", help="of the file, with --n; the system's folder of temporary files if left out")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.n:
        train_from_disk(arguments)
    else:
        for n_classes in sorted({10, arguments.classes}):
            compare(arguments.batch, arguments.width, n_classes, arguments.rounds)


if __name__ == "__main__":
    main()
