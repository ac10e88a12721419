"""Selection from tables: streamed, as the workflow does it, and of whole arrays in memory; time and peak of memory.

    python tests/benchmarks/selection.py
    python tests/benchmarks/selection.py --n 100000000 --ways streamed

Synthetic samples of 1,000 classes with sources such as train/0123/000000123.jpg, normal scores; half is kept. Each
selection is a process of its own, whose largest resident memory is printed. The floor reads every column that is needed
once, by the same library, and writes as many samples, without selecting any. Both ways must write the same bytes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--n", type=int, default=10_000_000, help="samples")
parser.add_argument("--classes", type=int, default=1000)
parser.add_argument("--rate", type=float, default=0.5, help="fraction removed")
parser.add_argument("--methods", nargs="+", default=["top", "class_balanced", "random"])
parser.add_argument("--ways", nargs="+", default=["whole", "streamed"])
parser.add_argument("--threads", type=int, default=1, help="as the workflow's job has")
parser.add_argument("--folder", help="where the tables are written and removed again; by default a temporary one")
parser.add_argument("--job", nargs=2, help=argparse.SUPPRESS)  # what a process of its own does: way and method
arguments = parser.parse_args()


# In a process of its own: the libraries are imported here, so that the one that starts them stays small.


def make(folder: Path) -> None:
    """Write the tables of the samples and of their scores."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from score_extrapolation.io.tables import SAMPLES, SCORES, write_blocks

    rng = np.random.default_rng(0)

    def ids():
        for start in range(0, arguments.n, 2**18):
            yield np.arange(start, min(start + 2**18, arguments.n))

    def samples():
        for sample_id in ids():
            label = rng.integers(0, arguments.classes, len(sample_id))
            folders = pc.utf8_lpad(pa.array(label).cast(pa.string()), 4, "0")
            names = pc.utf8_lpad(pa.array(sample_id).cast(pa.string()), 9, "0")
            sources = pc.binary_join_element_wise("train/", folders, "/", names, ".jpg", "")
            yield {"sample_id": sample_id, "label": label, "source": sources}

    def scores():
        for sample_id in ids():
            yield {"sample_id": sample_id, "score": rng.normal(size=len(sample_id))}

    write_blocks(folder / "samples.parquet", SAMPLES, {}, samples())
    write_blocks(folder / "scores.parquet", SCORES, {}, scores())


def select_streamed(folder: Path, method: str) -> None:
    from score_extrapolation.io.tables import KEPT, write_blocks
    from score_extrapolation.selection import select_tables

    scores = folder / "scores.parquet" if method != "random" else None
    blocks = select_tables(folder / "samples.parquet", scores, {"rate": arguments.rate}, {"name": method}, 0)
    write_blocks(folder / "streamed.parquet", KEPT, {}, blocks)


def select_whole(folder: Path, method: str) -> None:
    """Select by sorting all scores."""
    import numpy as np

    from score_extrapolation.io.tables import KEPT, read_table, write_table
    from score_extrapolation.rng import derive_seed
    from score_extrapolation.selection import count_kept

    samples, n_kept = read_table(folder / "samples.parquet"), count_kept(arguments.n, arguments.rate)
    if method == "random":
        rng = np.random.default_rng(derive_seed(0, "selection/random"))
        rows, scores = rng.permutation(arguments.n)[:n_kept], np.full(arguments.n, np.nan, np.float32)
    else:
        scores = read_table(folder / "scores.parquet", ["score"])["score"]
    if method == "top":
        rows = np.argsort(-scores, kind="stable")[:n_kept]
    if method == "class_balanced":
        sizes = np.bincount(samples["label"])
        order = np.lexsort((-scores, samples["label"]))
        before, of_order = np.empty(arguments.n), samples["label"][order]
        before[order] = (np.arange(arguments.n) - (np.cumsum(sizes) - sizes)[of_order]) / sizes[of_order]
        rows = np.lexsort((-scores, before))[:n_kept]
    rows.sort()
    kept = {name: values[rows] for name, values in samples.items()}
    write_table(folder / "whole.parquet", KEPT, {}, **kept, score=scores[rows])


def pass_once(folder: Path, method: str) -> None:
    """Read what a method needs once and write the first samples."""
    from score_extrapolation.io.tables import KEPT, write_blocks
    from score_extrapolation.selection import count_kept
    from score_extrapolation.selection._samples import SampleTables

    def blocks():
        left = count_kept(arguments.n, arguments.rate)
        scores = folder / "scores.parquet" if method != "random" else None
        for block in SampleTables(folder / "samples.parquet", scores).blocks():
            part = block.slice(0, left)
            left -= len(part)
            yield dict(zip(part.schema.names, part.columns, strict=True))

    write_blocks(folder / "floor.parquet", KEPT, {}, blocks())


JOBS = {"streamed": select_streamed, "whole": select_whole, "floor": pass_once}


def run_job(folder: Path, way: str, method: str) -> None:
    import pyarrow.parquet  # noqa: F401, so that importing does not count

    started, processor = time.perf_counter(), time.process_time()
    make(folder) if way == "make" else JOBS[way](folder, method)
    found = {
        "seconds": time.perf_counter() - started,
        "processor": time.process_time() - processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(found))


# In the process that starts them.


def start(folder: Path, way: str, method: str = "") -> dict:
    """Run one job in a process of its own; return its seconds, processor seconds and peak of memory in bytes."""
    threads = {name: str(arguments.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    command = [sys.executable, __file__, *sys.argv[1:], "--folder", str(folder), "--job", way, method]
    done = subprocess.run(command, env=os.environ | threads, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        start(folder, "make")
        sizes = [(folder / f"{table}.parquet").stat().st_size for table in ("samples", "scores")]
        per_sample = " and ".join(f"{size / arguments.n:.1f}" for size in sizes)
        print(f"{arguments.n} samples, {arguments.classes} classes; tables of {per_sample} bytes a sample", flush=True)
        for method in arguments.methods:
            floor = start(folder, "floor", method)
            print(f"{method}: floor {floor['seconds']:.1f} s, {floor['peak'] / 1e6:.0f} MB")
            for way in arguments.ways:
                found = start(folder, way, method)
                times = found["processor"] / floor["processor"]
                print(
                    f"  {way}: {found['seconds']:.1f} s ({found['processor']:.1f} of the processor, {times:.1f} times "
                    f"the floor's), {found['peak'] / 1e6:.0f} MB",
                    flush=True,
                )
            if {"whole", "streamed"} <= set(arguments.ways):
                same = (folder / "whole.parquet").read_bytes() == (folder / "streamed.parquet").read_bytes()
                assert same, f"{method}: the two ways keep different samples"


if __name__ == "__main__":
    run_job(Path(arguments.folder), *arguments.job) if arguments.job else main()
