"""One million samples on this machine: neighbours, KNN and GNN, each part's time beside its floor.

    python tests/benchmarks/million.py
    python tests/benchmarks/million.py --n 100000

Clustered embeddings, 512 wide, 100 classes, scores of a fifth of them. The parts run once, one after the other, as the
workflow's jobs would: the neighbours of the rest among the fifth (k = 20) and KNN, the neighbours of all among all
(k = 10) and the GNN. The floor of a part is the longer of two times: that of its operations at the rate of a large
float32 matrix product on the same threads, and that of the bytes it must move at the rate of a copy. An approximate
search has no floor of operations; printed is that of the exact one, which it goes below.
"""

import argparse
import os
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the workflow's jobs have it
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import numpy as np
import psutil
import threadpoolctl
import torch

from score_extrapolation.extrapolators import extrapolate
from score_extrapolation.neighbors import find_scope

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n", type=int, default=1_000_000, help="samples")
parser.add_argument("--width", type=int, default=512)
parser.add_argument("--classes", type=int, default=100)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--parts", nargs="+", default=["subset", "knn", "all", "gnn"])
arguments = parser.parse_args()

K_KNN, K_GNN = 20, 10


def synthetic(n: int, width: int, n_classes: int) -> tuple:
    """Return embeddings, samples, ids of the subset and its scores: a smooth function of the embedding, and noise."""
    rng = np.random.default_rng(0)
    # Nearest neighbours are at distances near 3, as in embeddings of CIFAR-10, so that the graph weighs them.
    centres = rng.normal(size=(n_classes, width)).astype(np.float32) / 5
    spread = rng.normal(size=(32, width)).astype(np.float32) / 30
    labels = rng.integers(0, n_classes, n)
    vectors = np.empty((n, width), np.float32)
    truth = np.empty(n)
    for start in range(0, n, 65_536):
        block = slice(start, min(start + 65_536, n))
        latent = rng.normal(size=(block.stop - start, 32)).astype(np.float32)
        vectors[block] = np.maximum(centres[labels[block]] + latent @ spread, 0)
        truth[block] = np.tanh(latent[:, :8]).sum(1)
    truth += rng.normal(size=n_classes)[labels]
    ids = np.arange(n)
    subset_ids = np.sort(rng.permutation(n)[: n // 5])
    scores = truth + truth.std() * rng.normal(size=n)
    samples = {"sample_id": ids, "label": labels}
    return {"sample_id": ids, "embedding": vectors}, samples, subset_ids, scores[subset_ids], truth


def machine() -> tuple[float, float]:
    """Return the operations a second of a large float32 matrix product, and the bytes a second of a copy."""
    a, flops, copied = np.random.default_rng(0).random((2048, 2048), np.float32), [], []
    source, target = np.ones((2, 2**27), np.float32)
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        flops.append(2 * 2048**3 / (time.perf_counter() - started))
        started = time.perf_counter()
        np.copyto(target, source)
        copied.append(2 * source.nbytes / (time.perf_counter() - started))
    return max(flops), max(copied)


class Part:
    """Time a block, watch the memory of the process, and print both beside the floor."""

    def __init__(self, name: str, operations: float, n_bytes: float, rates: tuple[float, float]):
        self.name = name
        self.floor = max(operations / rates[0], n_bytes / rates[1])
        self.peak, self.over = 0, threading.Event()

    def __enter__(self):
        def watch():
            while not self.over.wait(0.1):
                self.peak = max(self.peak, psutil.Process().memory_info().rss)

        self.watching = threading.Thread(target=watch)
        self.watching.start()
        self.started, self.processor = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *error):
        self.seconds, processor = time.perf_counter() - self.started, time.process_time() - self.processor
        self.over.set()
        self.watching.join()
        print(
            f"{self.name}: {self.seconds:.1f} s ({processor:.1f} of the processor), floor {self.floor:.1f} s, "
            f"{self.seconds / self.floor:.1f} times that; {self.peak / 1e9:.1f} GB at most",
            flush=True,
        )


def main() -> None:
    n, d, c = arguments.n, arguments.width, arguments.classes
    threadpoolctl.threadpool_limits(arguments.threads)
    torch.set_num_threads(arguments.threads)
    rates = machine()
    print(f"{rates[0] / 1e9:.0f} GFLOP/s, {rates[1] / 1e9:.1f} GB/s on {arguments.threads} threads")
    embeddings, samples, subset_ids, scores, truth = synthetic(n, d, c)
    m = len(subset_ids)
    tables, times = {"embeddings": embeddings, "samples": samples}, []
    for scope, k, q, among in (("subset", K_KNN, n - m, m), ("all", K_GNN, n, n)):
        if scope in arguments.parts:
            with Part(f"neighbors, {scope}, k = {k}", 2.0 * q * among * d, 4.0 * (q + among) * d, rates) as part:
                tables[f"neighbors/{scope}"], metrics = find_scope(
                    scope, embeddings, subset_ids, k, samples, "auto", "cpu", threads=arguments.threads
                )
            times.append(part)
            print(f"  {metrics['method']}, recall {metrics['recall']:.4f}")
    runs = {
        # Read k neighbours, their distances and scores; write a score and its spread.
        "knn": ({"name": "knn", "k": K_KNN}, 6.0 * (n - m) * K_KNN, (n - m) * (16.0 * K_KNN + 16)),
        # Inference alone: all layers over all samples. What training takes depends on how long it goes on improving.
        "gnn": ({"name": "gnn", "k": K_GNN}, 1024.0 * n * (d + c + 256), 8.0 * n * (d + c + 512 + 256)),
    }
    for name, (extrapolator, operations, n_bytes) in runs.items():
        if name in arguments.parts:
            with Part(name, operations, n_bytes, rates) as part:
                columns = extrapolate(extrapolator, subset_ids, scores, tables, device="cpu")
            times.append(part)
            left = ~columns["computed"]
            found = np.corrcoef(columns["score"][left], truth[columns["sample_id"][left]])[0, 1]
            print(f"  Pearson with the noiseless scores {found:.3f}")
    print(
        f"{n} samples in {sum(part.seconds for part in times):.0f} s, {max(part.peak for part in times) / 1e9:.1f} GB"
    )


if __name__ == "__main__":
    import logging

    logging.basicConfig(level=logging.INFO, format="  %(message)s")
    main()
