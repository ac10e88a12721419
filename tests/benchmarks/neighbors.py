"""How long nearest neighbours take: exactly, approximately, by faiss's flat index and by scikit-learn's brute force.

    python tests/benchmarks/neighbors.py --n 50000
    python tests/benchmarks/neighbors.py --n 200000 --width 128

Clustered embeddings, of two scopes: 100 neighbours of 80 % of the samples among the other 20 %, and 10 of
every sample among all others; the methods take turns. Printed of each are the median of the repetitions, its spread,
the recall against our exact search (which tests compare with the full matrix of distances), and by how much the process
grew at most, and what the 2 q m d operations of the distances would take as one float32 matrix product on the same
threads: the floor of an exact search. The times of pynndescent and of ivf, faiss's cells, are with that of measuring
their recall, as in the workflow; pynndescent's is without that of its compiling, which is timed before.
"""

import argparse
import os
import statistics
import sys
import threading
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the workflow's jobs have it; the same for all
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import faiss
import numpy as np
import psutil
import threadpoolctl

from score_extrapolation.neighbors import find_scope

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n", type=int, default=50_000, help="samples")
parser.add_argument("--width", type=int, default=512)
parser.add_argument("--repetitions", type=int, default=3)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--scopes", nargs="+", default=["subset", "all"])
parser.add_argument("--device", default="cpu", help="of our exact search: cpu, cuda or auto")
parser.add_argument("--methods", nargs="+", default=["ours", "faiss", "pynndescent", "ivf", "scikit-learn"])
arguments = parser.parse_args()

K = {"subset": 100, "all": 10}


def clustered(n: int, width: int) -> tuple[dict, np.ndarray]:
    """Return embeddings of n samples in 100 clusters, of 32 dimensions each, and the ids of a subset of 20 %."""
    rng = np.random.default_rng(0)
    centres, spread = rng.normal(size=(100, width)), rng.normal(size=(32, width)) / 6
    vectors = centres[rng.integers(0, 100, n)] + rng.normal(size=(n, 32)) @ spread
    subset_ids = np.sort(rng.permutation(n)[: n // 5])
    return {"sample_id": np.arange(n), "embedding": np.maximum(vectors, 0).astype(np.float32)}, subset_ids


def find_ours(scope: str, embeddings: dict, subset_ids: np.ndarray, method: str = "exact") -> np.ndarray:
    found, _ = find_scope(
        scope, embeddings, subset_ids, K[scope], method=method, device=arguments.device, threads=arguments.threads
    )
    return found["neighbor_ids"]


def find_by_pynndescent(scope, embeddings, subset_ids) -> np.ndarray:
    return find_ours(scope, embeddings, subset_ids, "pynndescent")


def find_by_ivf(scope, embeddings, subset_ids) -> np.ndarray:
    return find_ours(scope, embeddings, subset_ids, "ivf")


def find_by_faiss(scope, embeddings, subset_ids) -> np.ndarray:
    """Find with IndexFlatL2 as it is: squares of distances as |a|^2 - 2ab + |b|^2 in float32, ties in any order."""
    vectors = embeddings["embedding"]
    base_ids = subset_ids if scope == "subset" else embeddings["sample_id"]
    index = faiss.IndexFlatL2(vectors.shape[1])
    index.add(vectors[base_ids])
    if scope == "subset":
        return base_ids[index.search(np.delete(vectors, subset_ids, axis=0), K[scope])[1]]
    found = index.search(vectors, K[scope] + 1)[1]
    itself = found == embeddings["sample_id"][:, None]
    itself[~itself.any(axis=1), -1] = True  # among duplicates it may not have found itself
    return found[~itself].reshape(len(found), -1)


def find_by_scikit_learn(scope, embeddings, subset_ids) -> np.ndarray:
    from sklearn.neighbors import NearestNeighbors

    vectors = embeddings["embedding"]
    base_ids = subset_ids if scope == "subset" else embeddings["sample_id"]
    index = NearestNeighbors(n_neighbors=K[scope], algorithm="brute").fit(vectors[base_ids])
    if scope == "all":
        return index.kneighbors(return_distance=False)  # of the base itself, each without itself
    queries = np.delete(embeddings["sample_id"], subset_ids)
    return base_ids[index.kneighbors(vectors[queries], return_distance=False)]


METHODS = {
    "ours": find_ours,
    "faiss": find_by_faiss,
    "pynndescent": find_by_pynndescent,
    "ivf": find_by_ivf,
    "scikit-learn": find_by_scikit_learn,
}


def measure(find, *case) -> tuple[np.ndarray, float, float]:
    """Return what is found, the seconds that it takes, and by how many bytes the process grows at most meanwhile."""
    process, over = psutil.Process(), threading.Event()
    before = peak = process.memory_info().rss

    def watch():
        nonlocal peak
        while not over.wait(0.05):
            peak = max(peak, process.memory_info().rss)

    watching = threading.Thread(target=watch)
    watching.start()
    started = time.perf_counter()
    found = find(*case)
    seconds = time.perf_counter() - started
    over.set()
    watching.join()
    return found, seconds, max(peak, process.memory_info().rss) - before


def product_flops() -> float:
    """Return the floating-point operations a second of a large float32 matrix product."""
    a, rates = np.random.default_rng(0).random((2048, 2048), np.float32), []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        rates.append(2 * 2048**3 / (time.perf_counter() - started))
    return max(rates)


def recall(found: np.ndarray, nearest: np.ndarray) -> float:
    """Return the share of the nearest that was found, of a thousand rows."""
    drawn = np.random.default_rng(0).permutation(len(found))[:1000]
    return float(np.mean([len(np.intersect1d(found[i], nearest[i])) / nearest.shape[1] for i in drawn]))


def compare(scope: str, embeddings: dict, subset_ids: np.ndarray) -> None:
    """Print the line of each method for one scope."""
    n, m = len(embeddings["sample_id"]), len(subset_ids)
    q, m = (n - m, m) if scope == "subset" else (n, n)
    floor = 2 * q * m * arguments.width / product_flops()
    print(f"{scope}: {q} queries among {m}, {arguments.width} wide, k = {K[scope]}; floor {floor:.2f} s")
    times, found, grown = ({name: [] for name in arguments.methods} for _ in range(3))
    for _ in range(arguments.repetitions):
        for name in arguments.methods:
            found[name], seconds, n_bytes = measure(METHODS[name], scope, embeddings, subset_ids)
            times[name].append(seconds)
            grown[name].append(n_bytes)
    nearest = found["ours"] if "ours" in found else find_ours(scope, embeddings, subset_ids)
    for name, seconds in times.items():
        median, spread = statistics.median(seconds), f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(
            f"  {name}: {median:.2f} s ({spread}), {median / floor:.1f} times the floor, "
            f"recall {recall(found[name], nearest):.4f}, {max(grown[name]) / 1e6:.0f} MB more"
        )


if __name__ == "__main__":
    threadpoolctl.threadpool_limits(arguments.threads)
    if "pynndescent" in arguments.methods:
        small = clustered(2000, arguments.width)
        started = time.perf_counter()
        for scope in arguments.scopes:
            find_by_pynndescent(scope, *small)
        print(f"pynndescent imports and compiles in {time.perf_counter() - started:.0f} s")
    case = clustered(arguments.n, arguments.width)
    for scope in arguments.scopes:
        compare(scope, *case)
