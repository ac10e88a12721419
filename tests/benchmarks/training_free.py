"""Training-free scores: zcoreset against the plain numpy loop and its floor, and ssp.

    python tests/benchmarks/training_free.py
    python tests/benchmarks/training_free.py --n 1281167 --draws 100000 --threads 8

Synthetic embeddings in clusters. The numpy loop sorts all distances of a draw; it runs on a part of the draws on one
core, must find what ours finds of them, and its time for all is extrapolated, as is the floor's: of each draw both
passes over the two columns, with their distances and the sum of these, on all threads. Ours runs in full, compiled.
Times are of the clock, and of the processor, all threads together, which other work on the machine disturbs less.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))
sys.path.insert(0, str(Path(__file__).parents[1]))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n", type=int, default=50_000, help="samples")
parser.add_argument("--width", type=int, default=512, help="of an embedding")
parser.add_argument("--draws", type=int, default=1_000_000)
parser.add_argument("--penalized", type=int, default=1000)
parser.add_argument("--clusters", type=int, default=100, help="of ssp, and of the embeddings")
parser.add_argument("--loop-draws", type=int, default=200, help="of the numpy loop")
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = str(arguments.threads)

import numba  # noqa: E402
import numpy as np  # noqa: E402

import oracles  # noqa: E402
from score_extrapolation.training_free import score_embeddings, zcoreset  # noqa: E402
from score_extrapolation.training_free._scale import within_one  # noqa: E402


@numba.njit(nogil=True, fastmath=True)
def pass_twice(columns, dimensions, points):
    total = np.float32(0)
    for draw in range(len(points)):
        a, b = columns[dimensions[draw, 0]], columns[dimensions[draw, 1]]
        for x, y in ((points[draw, 0], points[draw, 1]), (a[0], b[0])):
            for row in range(len(a)):
                total += abs(a[row] - x) + abs(b[row] - y)
    return total


def seconds_of(function, *given) -> np.ndarray:
    """Return the seconds of the clock and of the processor, (2,)."""
    started = np.array([time.perf_counter(), time.process_time()])
    function(*given)
    return np.array([time.perf_counter(), time.process_time()]) - started


def main() -> None:
    n, draws, rng = arguments.n, arguments.draws, np.random.default_rng(0)
    centres = rng.normal(size=(arguments.clusters, arguments.width)).astype(np.float32)
    embeddings = rng.standard_normal((n, arguments.width), np.float32)
    embeddings += centres[rng.integers(0, arguments.clusters, n)]
    print(f"{n} samples, {arguments.width} wide, {draws} draws, {arguments.threads} threads", flush=True)

    scaled = within_one(embeddings)
    triangles = np.stack([scaled.min(axis=0), np.median(scaled, axis=0), scaled.max(axis=0)], axis=1)
    few = tuple(drawn[: arguments.loop_draws] for drawn in zcoreset.draw_points(triangles, arguments.loop_draws, 0))
    grouped = zcoreset.group_columns(scaled)
    compiling, _ = seconds_of(zcoreset.score_points, grouped, n, few[0][:1], few[1][:1], arguments.penalized)
    print(f"zcoreset: compiling, or loading what was compiled: {compiling:.1f} s", flush=True)

    expected, by_column = [], np.asfortranarray(scaled)
    loop = seconds_of(lambda: expected.append(oracles.zcoreset(by_column, *few, arguments.penalized)))
    loop *= draws / arguments.loop_draws
    found = zcoreset.score_points(grouped, n, *few, arguments.penalized)
    np.testing.assert_allclose(found, expected[0], atol=1e-9)
    print(f"  numpy loop: {shown(loop)}, extrapolated from {arguments.loop_draws} draws, on one core", flush=True)

    columns = np.ascontiguousarray(scaled.T)
    blocks = [zcoreset.draw_points(triangles, 5 * arguments.loop_draws, seed) for seed in range(2 * arguments.threads)]
    pass_twice(columns, *few)
    with ThreadPoolExecutor(arguments.threads) as pool:
        floor = seconds_of(lambda: list(pool.map(lambda block: pass_twice(columns, *block), blocks)))
    floor *= draws / (5 * arguments.loop_draws * len(blocks))
    print(f"  floor: {shown(floor)}, extrapolated", flush=True)

    method = {"name": "zcoreset", "draws": draws, "penalized": arguments.penalized}
    ours = seconds_of(score_embeddings, method, embeddings, arguments.clusters, 0)
    print(f"  ours: {shown(ours)}; the loop takes {loop[1] / ours[1]:.0f} times as much of the processor, ", end="")
    print(f"the floor {ours[1] / floor[1]:.1f} times less", flush=True)

    ssp = seconds_of(score_embeddings, {"name": "ssp"}, embeddings, arguments.clusters, 0)
    print(f"ssp, {arguments.clusters} clusters: {shown(ssp)}")


def shown(seconds: np.ndarray) -> str:
    return f"{seconds[0]:.0f} s ({seconds[1]:.0f} s of the processor)"


if __name__ == "__main__":
    main()
