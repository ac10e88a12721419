"""What it costs to split samples into shards, and that the results are the same: neighbours, KNN and the graph network.

    python tests/benchmarks/shards.py --shards 8 --embeddings embeddings.parquet --labels samples/train.parquet

Embeddings are those of a table of the workflow, or clustered ones; a fifth of the samples, drawn, is the subset. Each
job reads its tables, does its work and writes its table, as the workflow's do, one after another in one process.
Printed are the seconds of one job for everything, and of the shards their sum, the longest (the time on as many
machines) and each; and whether the tables are the same. Subset and label: 100 neighbours of the other samples, and KNN
by them; all: 10 of every sample; then, after one training, whose time is by itself, the graph of these and the three
layers. What starting a process and importing takes is not in it.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the workflow's jobs have it
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import faiss
import numpy as np
import torch

from score_extrapolation.extrapolators import extrapolate, infer, join, train
from score_extrapolation.extrapolators.gnn import LAYERS, Options
from score_extrapolation.io.named_arrays import read_arrays, write_arrays
from score_extrapolation.io.tables import EXTRAPOLATED, read_blocks, read_rows, read_table, write_table, write_vectors
from score_extrapolation.neighbors import Base, find_scope
from score_extrapolation.neighbors.exact import mean_of
from score_extrapolation.shards import shard_rows

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--embeddings", help="table of the workflow; without it, clustered ones")
parser.add_argument("--labels", help="table of samples that has their labels; without it, the clusters")
parser.add_argument("--n", type=int, default=50_000, help="samples, of clustered ones")
parser.add_argument("--width", type=int, default=512, help="of clustered ones")
parser.add_argument("--shards", type=int, default=8)
parser.add_argument("--k", type=int, default=100, help="neighbours in the subset")
parser.add_argument("--epochs", type=int, default=1, help="of the graph network's training, which is no part of this")
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

KNN = {"name": "knn", "k": arguments.k}
GNN = {"name": "gnn", **Options(k=10, epochs=arguments.epochs).model_dump()}
WHOLE = (None,)  # the one shard that is everything
SHARDS = [(number, arguments.shards) for number in range(1, arguments.shards + 1)]


def samples_and_embeddings() -> tuple[dict, np.ndarray]:
    """Return columns sample_id and label, and embeddings, (n, d)."""
    rng = np.random.default_rng(0)
    if not arguments.embeddings:
        clusters = rng.integers(0, 10, arguments.n)
        vectors = rng.normal(size=(10, arguments.width))[clusters] + rng.normal(size=(arguments.n, arguments.width))
        return {"sample_id": np.arange(arguments.n), "label": clusters}, vectors.astype(np.float32)
    table = read_table(arguments.embeddings)
    known = read_table(arguments.labels, ["sample_id", "label"])
    labels = known["label"][np.searchsorted(known["sample_id"], table["sample_id"])]
    return {"sample_id": table["sample_id"], "label": labels}, table["embedding"]


class Jobs:
    """The jobs of one split: what they read and write, and the seconds of each by its step."""

    def __init__(self, folder: Path, shards, samples: dict, embeddings: np.ndarray, subset_ids: np.ndarray, scores):
        self.folder, self.shards, self.samples = folder, shards, samples
        self.subset_ids, self.scores, self.seconds = subset_ids, scores, {}
        for shard in shards:
            rows = self.rows(shard)
            write_vectors(
                self.path("embeddings", shard), {}, sample_id=samples["sample_id"][rows], embedding=embeddings[rows]
            )

    def rows(self, shard) -> slice:
        return shard_rows(shard, len(self.samples["sample_id"]))

    def path(self, step: str, shard=None, kind: str = "parquet") -> Path:
        name = "{}-of-{}".format(*shard) if shard else "whole"
        return self.folder / f"{step}/{name}.{kind}"

    def paths(self, step: str, kind: str = "parquet") -> list[Path]:
        return [self.path(step, shard, kind) for shard in self.shards]

    def run(self, step: str, job) -> None:
        """Do a step's job for every shard."""
        for shard in self.shards:
            started = time.perf_counter()
            job(shard)
            self.seconds.setdefault(step, []).append(time.perf_counter() - started)

    def gather(self) -> None:
        """Gather what searches read, as gather_embeddings.py does."""
        started, paths = time.perf_counter(), self.paths("embeddings")
        vectors = read_rows(paths, "embedding", self.subset_ids)
        write_vectors(self.path("subset"), {}, sample_id=self.subset_ids, embedding=vectors)
        mean = mean_of(block["embedding"] for block in read_blocks(paths, ["embedding"]))
        write_arrays(self.path("mean", kind="safetensors"), {}, mean=mean)
        self.seconds["gather"] = [time.perf_counter() - started]

    def search(self, scope: str, k: int):
        """Return the job that searches neighbours of a scope."""

        def job(shard):
            base = None
            if shard:
                base = Base(len(self.subset_ids), map(read_table, [self.path("subset")]))
            if shard and scope == "all":
                centre = read_arrays(self.path("mean", kind="safetensors"))["mean"]
                base = Base(len(self.samples["sample_id"]), map(read_table, self.paths("embeddings")), centre)
            of_shard = read_table(self.path("embeddings", shard))
            columns, _ = find_scope(scope, of_shard, self.subset_ids, k, self.samples, base=base)
            write_vectors(self.path(scope, shard), {}, **columns)

        return job

    def average(self, scope: str):
        """Return the job that extrapolates by the neighbours of a scope."""
        chosen, name = KNN | {"same_label": scope == "label"}, f"neighbors/{scope}"

        def job(shard):
            tables, ids = {name: read_table(self.path(scope, shard))}, self.samples["sample_id"][self.rows(shard)]
            columns = extrapolate(chosen, self.subset_ids, self.scores, tables, shard_ids=ids)
            write_table(self.path(f"knn {scope}", shard), EXTRAPOLATED, {}, **columns)

        return job

    def train(self) -> dict[str, np.ndarray]:
        """Return the state of a network that is trained once."""
        tables = {"neighbors/all": read_table(self.paths("all")), "embeddings": read_table(self.paths("embeddings"))}
        tables["samples"] = self.samples
        return train(GNN, self.subset_ids, self.scores, tables)

    def join(self, shard) -> None:
        neighbors, rows = read_blocks(self.paths("all")), self.rows(shard)
        graph = join(GNN, neighbors, self.samples["sample_id"], rows)
        write_arrays(self.path("graph", shard, "safetensors"), {}, **graph)

    def layer(self, layer: int, state: dict):
        """Return the job that computes a layer."""
        step, column = (f"layer {layer - 1}", "hidden") if layer > 1 else ("embeddings", "embedding")
        ids = self.samples["sample_id"]

        def job(shard):
            graphs = self.paths("graph", "safetensors")
            columns = infer(
                *(GNN, layer, state, read_arrays(self.path("graph", shard, "safetensors"))),
                degrees=np.concatenate([read_arrays(path, ["degrees"])["degrees"] for path in graphs]),
                samples=self.samples,
                rows=self.rows(shard),
                read=lambda rows: read_rows(self.paths(step), column, ids[rows]),
            )
            path = self.path(f"layer {layer}", shard)
            if layer < LAYERS:
                write_vectors(path, {}, **columns)
            else:
                write_table(path, EXTRAPOLATED, {}, **columns)

        return job


def differences(whole: Jobs, split: Jobs, step: str) -> str:
    """Say whether a step's tables are the same to the bit, and if not by how much of its deviation a score differs."""
    one, parts = read_table(whole.paths(step)), read_table(split.paths(step))
    assert (one["sample_id"] == parts["sample_id"]).all()
    if all(np.array_equal(one[name], parts[name], equal_nan=name == "spread") for name in one):
        return "the same bits"
    return f"differ by {np.abs(one['score'] - parts['score']).max() / one['score'].std():.1e} of the deviation"


def show(step: str, whole: Jobs, split: Jobs, same: str) -> None:
    each = split.seconds[step]
    print(
        f"{step:12} {sum(whole.seconds[step]):8.2f} {sum(each):8.2f} {max(each):8.2f}   {same}; "
        f"{' '.join(f'{seconds:.2f}' for seconds in each)}",
        flush=True,
    )


if __name__ == "__main__":
    faiss.omp_set_num_threads(arguments.threads)
    torch.set_num_threads(arguments.threads)
    samples, embeddings = samples_and_embeddings()
    ids, rng = samples["sample_id"], np.random.default_rng(1)
    subset_ids = np.sort(rng.permutation(ids)[: len(ids) // 5])
    scores = rng.random(len(subset_ids))
    print(f"{embeddings.shape} embeddings, {len(subset_ids)} in the subset, {arguments.threads} threads")
    print(f"{'seconds':12} {'one job':>8} {'sum of':>8} {'longest':>8}   {arguments.shards} shards")
    with tempfile.TemporaryDirectory() as folder:
        whole, split = (
            Jobs(Path(folder) / name, shards, samples, embeddings, subset_ids, scores)
            for name, shards in (("whole", WHOLE), ("split", SHARDS))
        )
        split.gather()
        print(f"{'gather':12} {'':8} {split.seconds['gather'][0]:8.2f} {split.seconds['gather'][0]:8.2f}")
        for scope, k in (("subset", arguments.k), ("label", arguments.k), ("all", 10)):
            for jobs in (whole, split):
                jobs.run(scope, jobs.search(scope, k))
            show(scope, whole, split, differences(whole, split, scope))
            for jobs in (whole, split) if scope != "all" else ():
                jobs.run(f"knn {scope}", jobs.average(scope))
            if scope != "all":
                show(f"knn {scope}", whole, split, differences(whole, split, f"knn {scope}"))
        started = time.perf_counter()
        state = whole.train()
        print(f"{'training':12} {time.perf_counter() - started:8.2f} (once, in either)")
        for jobs in (whole, split):
            jobs.run("graph", jobs.join)
        show("graph", whole, split, "as the layers are")
        for layer in range(1, LAYERS + 1):
            for jobs in (whole, split):
                jobs.run(f"layer {layer}", jobs.layer(layer, state))
            same = differences(whole, split, f"layer {layer}") if layer == LAYERS else "as the last is"
            show(f"layer {layer}", whole, split, same)
