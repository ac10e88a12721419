"""How long the graph neural network trains to the validation Pearson that plain neighbour sampling reaches.

    python tests/benchmarks/gnn.py --embeddings EMBEDDINGS.parquet --samples SAMPLES.parquet --scores SCORES.parquet
    python tests/benchmarks/gnn.py --n 50000

The files are the stages' of one run; with --n the data are synthetic: clusters, and noisy scores of a fifth of them.
Plain is what one would write with DGL, or without: batches of 128, ten neighbours sampled in each of three hops, the
features as they are. Both have one graph, one split, layers 512-256-1, dropout 0.5, Adam 1e-3, 25 epochs and one number
of threads, and are validated exactly after each epoch: the time of that counts in ours and not in plain's. The search
for neighbours, the building of the graph and ours' first hop (a third of a second) count in neither. They run one after
the other: where other work runs too, take the time of the processor.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the workflow's jobs have it; the same for both sides
sys.path.insert(0, str(Path(__file__).parents[2] / "workflow_scripts"))

import numpy as np
import torch
from torch.nn.functional import dropout, mse_loss, one_hot

from score_extrapolation import GNNExtrapolator
from score_extrapolation.extrapolators import _gcn, _graph
from score_extrapolation.io.tables import read_table, rows_of
from score_extrapolation.neighbors.exact import find_neighbors, without_itself

BATCH, FANOUT, TOLERANCE = 128, 10, 0.005
CPU = torch.device("cpu")


def read_data(arguments) -> tuple:
    """Return embeddings (n, d), labels (n,), rows of the subset (m,) and their scores."""
    if arguments.embeddings is None:
        return synthetic_data(arguments.n, arguments.seed)
    embeddings, samples, scores = (read_table(getattr(arguments, n)) for n in ("embeddings", "samples", "scores"))
    ids = embeddings["sample_id"]
    labels = samples["label"][rows_of(samples["sample_id"], ids)]
    return embeddings["embedding"].astype(np.float32), labels, rows_of(ids, scores["sample_id"]), scores["score"]


def synthetic_data(n: int, seed: int, d: int = 96, n_classes: int = 10) -> tuple:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    # Neighbours at distances near 4, as those of CIFAR-10 in a network of that width.
    embeddings = (rng.normal(size=(n_classes, d))[labels] + 0.33 * rng.normal(size=(n, d))).astype(np.float32)
    truth = np.tanh(embeddings @ rng.normal(size=(d, 32)) * 3 / d**0.5).sum(axis=1) + rng.normal(size=n_classes)[labels]
    rows = np.sort(rng.permutation(n)[: n // 5])
    return embeddings, labels, rows, (truth + truth.std() * rng.normal(size=n))[rows].astype(np.float32)


def train_ours(arguments, data, graph_data) -> list[tuple]:
    """Return (seconds, processor's seconds, validation Pearson) of each epoch, and the rows that validated."""
    embeddings, labels, rows, scores = data
    curve, pearson, train = [], _gcn.pearson, _gcn.train
    started = []

    def start(*given):
        started.extend((time.perf_counter(), time.process_time()))
        return train(*given)

    def note(*given):
        value = pearson(*given)
        curve.append((time.perf_counter() - started[0], time.process_time() - started[1], value))
        return value

    _gcn.train, _gcn.pearson = start, note
    extrapolator = GNNExtrapolator(
        k=arguments.k, seed=arguments.seed, device="cpu", batch=arguments.batch, epochs=arguments.epochs
    )
    extrapolator.fit_graph(embeddings, *graph_data, rows, scores, labels)
    _gcn.train, _gcn.pearson = train, pearson
    return curve, extrapolator.validation_rows_


def train_plain(arguments, data, graph_data, held_out) -> list[tuple]:
    """Return the same of plain neighbour sampling, validated on the same samples."""
    embeddings, labels, rows, scores = data
    graph = _graph.normalise(_graph.neighbor_graph(*graph_data))
    classes = torch.from_numpy(np.unique(labels, return_inverse=True)[1])
    features = torch.cat([torch.from_numpy(embeddings), one_hot(classes).float()], dim=1)
    sample, rng = sampler(arguments.plain, graph), np.random.default_rng(arguments.seed)
    network = _gcn.GCN(features.shape[1], 0.5, arguments.seed, CPU)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    validates = np.isin(rows, held_out)
    trained, truth = rows[~validates], scores[validates]
    mean, deviation = scores[~validates].mean(), scores[~validates].std()
    targets = torch.from_numpy((scores[~validates] - mean) / deviation)
    everything = [_gcn.Hop(graph, CPU)] * 3
    curve, seconds, processor = [], 0.0, 0.0
    for _ in range(arguments.epochs or 25):
        started = time.perf_counter(), time.process_time()
        for batch in np.split(rng.permutation(len(trained)), range(BATCH, len(trained), BATCH)):
            reached, hops = sample(trained[batch], rng)
            loss = mse_loss(convolve(network, hops, features[reached], True), targets[torch.from_numpy(batch)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds, processor = seconds + time.perf_counter() - started[0], processor + time.process_time() - started[1]
        with torch.no_grad():
            predicted = convolve(network, everything, features, False)[torch.from_numpy(rows[validates])].numpy()
        curve.append((seconds, processor, _gcn.pearson(predicted, truth)))
        print(f"plain: epoch {len(curve)}, {seconds:.1f} s, validation Pearson {curve[-1][2]:.4f}", flush=True)
    return curve


def convolve(network, hops, hidden, training: bool) -> torch.Tensor:
    """Return the output of three graph convolutions in GraphConv's order: the narrower product with A_hat."""
    for layer, (hop, weight, bias) in enumerate(zip(hops, network.weights, network.biases, strict=True)):
        if layer:
            hidden = dropout(torch.relu(hidden), 0.5, training)
        wide = weight.shape[0] > weight.shape[1]
        hidden = (hop(hidden @ weight) if wide else hop(hidden) @ weight) + bias
    return hidden.squeeze(1)


def sampler(name: str, graph: _graph.Graph):
    """Return a function of rows that samples three hops: the rows reached, and the hops from these, as callables."""
    if name == "torch":

        def sample(rows, rng):
            hops = []
            for _ in range(3):
                part, rows = _graph.compact(_graph.sample_rows(graph, rows, FANOUT, rng))
                hops.insert(0, _gcn.Hop(part, CPU))
            return torch.from_numpy(rows), hops

        return sample

    from score_extrapolation.extrapolators._gcn_dgl import GraphConv, dgl

    whole = dgl.graph((torch.from_numpy(graph.columns), torch.from_numpy(graph.rows)), num_nodes=graph.n_rows)
    weights = torch.from_numpy(graph.weights)
    neighbors = dgl.dataloading.NeighborSampler([FANOUT] * 3)
    convolution = GraphConv(0, 0, norm="none", weight=False, bias=False, allow_zero_in_degree=True)

    def sample(rows, rng):
        reached, _, blocks = neighbors.sample(whole, torch.from_numpy(rows))
        return reached, [
            lambda hidden, block=block: convolution(block, hidden, edge_weight=weights[block.edata[dgl.EID]])
            for block in blocks
        ]

    return sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("embeddings", "samples", "scores"):
        parser.add_argument(f"--{name}", help="Parquet file")
    parser.add_argument("--n", type=int, default=50_000, help="samples of synthetic data")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--batch", default="auto", help="ours: auto, full or a number")
    parser.add_argument("--epochs", type=int, help="of both; left out, 25, or ours' own with --batch full")
    parser.add_argument("--plain", choices=("dgl", "torch"), default="dgl")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    arguments.batch = int(arguments.batch) if arguments.batch.isdigit() else arguments.batch
    torch.set_num_threads(arguments.threads)

    data = read_data(arguments)
    rows, distances = find_neighbors(data[0], data[0], arguments.k + 1)
    graph_data = without_itself(np.arange(len(rows)), rows, distances)
    ours, held_out = train_ours(arguments, data, graph_data)
    plain = train_plain(arguments, data, graph_data, held_out)

    best = {name: max(pearson for *_, pearson in curve) for name, curve in (("ours", ours), ("plain", plain))}
    target = best["plain"] - TOLERANCE
    print(f"{len(data[0])} samples, {len(data[2])} labelled, {arguments.threads} threads; plain's best Pearson less")
    print(f"{TOLERANCE} is {target:.4f}; seconds on the clock (and of the processor)")
    there = {}
    for name, curve in (("ours", ours), ("plain", plain)):
        there[name] = next((point for point in curve if point[2] >= target), (float("nan"),) * 3)
        print(
            f"{name}: there after {there[name][0]:.1f} ({there[name][1]:.1f}), all epochs {curve[-1][0]:.1f} "
            f"({curve[-1][1]:.1f}), best Pearson {best[name]:.4f}"
        )
    for label, (a, b) in {"to there": there.values(), "of all epochs": (ours[-1], plain[-1])}.items():
        print(f"plain / ours {label}: {b[0] / a[0]:.1f} ({b[1] / a[1]:.1f})")


if __name__ == "__main__":
    main()
