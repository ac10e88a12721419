"""The graph convolutional network in torch: layers, training on some nodes, prediction of all.

A layer is ``A_hat (H W) + b``, then ReLU, then dropout, but for the last, which has neither: dropout is between layers,
as in DGL's example of GraphConv. A_hat = D^-1/2 (A + I) D^-1/2. Of the first layer A_hat H is A_hat X, without
parameters: it is computed once, and training begins there.
"""

import copy
import itertools
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn.functional import embedding_bag, mse_loss

from ..progress import LOGGER, Progress
from ..rng import derive_seed
from ..training.devices import autocast
from ..training.optimizers import without_compiler
from ._graph import Graph, compact, count_classes, sample_rows, take_rows, transpose

HIDDEN = (512, 256)
DENSE_CLASSES = 64  # up to here their counts are columns of the first matrix product, beyond it rows are looked up
BLOCK = 65_536  # nodes whose widest layer is held at a time when all are predicted
EPOCH_SAMPLES = 32_768  # trained on in an epoch, at most
EVALUATE_EVERY = 5  # updates, where an epoch is one
WARM_UP = 0.7  # share of the updates in which the learning rate rises, where an epoch is one update


class Hop:
    """The product with a graph, (r, n): callable on (n, w) features of any float type, differentiable.

    Rows are gathered and summed by `embedding_bag`, which has bfloat16 and is three times as fast there; the gradient
    is that with the transposed graph, so that nothing is added atomically and the same bytes come each time.
    """

    def __init__(self, graph: Graph, device: torch.device):
        self.graph, self.device = graph, device

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        return _Product.apply(features, self)

    @cached_property
    def forward(self) -> tuple[torch.Tensor, ...]:
        return self._tensors(self.graph)

    @cached_property
    def backward(self) -> tuple[torch.Tensor, ...]:
        return self._tensors(transpose(self.graph))

    def _tensors(self, graph: Graph):
        return tuple(torch.from_numpy(array).to(self.device) for array in graph[:3])


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features, hop):
        ctx.hop = hop
        starts, columns, weights = hop.forward
        return _sum_neighbors(starts, columns, weights, features)

    @staticmethod
    def backward(ctx, gradient):
        starts, columns, weights = ctx.hop.backward
        return _sum_neighbors(starts, columns, weights, gradient.contiguous()), None


def _sum_neighbors(starts, columns, weights, features):
    weights = weights.to(features.dtype)
    return embedding_bag(columns, features, starts, mode="sum", per_sample_weights=weights, include_last_offset=True)


class Nodes:
    """All n samples, or a shard: what the first layer reads of each, and the graph between them.

    Parameters
    ----------
    graph : Graph
        A_hat, (n, n); of a shard, its rows and the columns that they reach.
    embeddings : (n, d) float array
        Of the graph's columns.
    classes : (n,) int64 array of 0..C-1, or None
    hop : type
        `Hop`, or DGL's.
    device : torch.device
    n_classes : int, optional
        C, where some classes may be missing.
    standard : (mean, scale), optional
        Of the columns of A_hat X over all samples, (d,) each, where these are a shard of them.

    Attributes
    ----------
    features : (n, d) or (n, d + C) float32 tensor
        A_hat X, its columns standardised over all n. That is an affine change of the first layer's parameters: the
        network can be the same functions, and where all nodes make one update it takes half as many. Up to 64 classes,
        A_hat Y follows, times sqrt(C), which gives the columns of classes of one size a variance near 1.
    counts : Graph or None
        A_hat Y sqrt(C), (n, C), of more classes: never dense. Their weights are looked up.
    width : int
        d + C, or d.
    standard : (mean, scale) of (d,) float32 tensors

    Notes
    -----
    Cost: O(e (d + log e)) for e edges. Memory: n d float32 numbers beside the embeddings.
    """

    def __init__(
        self,
        graph: Graph,
        embeddings: np.ndarray,
        classes: np.ndarray | None,
        hop: type,
        device,
        n_classes: int | None = None,
        standard: tuple | None = None,
    ):
        self.graph, self.hop, self.device, self.counts = graph, hop, device, None
        with torch.no_grad():
            embeddings = torch.tensor(embeddings, dtype=torch.float32, device=device)
            self.features = hop(graph, device)(embeddings)
            if standard is None:
                deviation, mean = torch.std_mean(self.features, dim=0, correction=0)
                # What rounding makes of a constant column is not stretched.
                standard = mean, torch.where(deviation > 1e-6 * mean.abs(), deviation, 1)
            self.standard = standard
            self.features.sub_(standard[0]).div_(standard[1])
        self.width = self.features.shape[1]
        if classes is None:
            return
        n_classes = n_classes or int(classes.max()) + 1
        self.width += n_classes
        counts = count_classes(graph, classes, n_classes)
        self.counts = counts._replace(weights=counts.weights * np.float32(n_classes**0.5))
        if n_classes <= DENSE_CLASSES:
            one_hot = torch.eye(n_classes, device=device)
            self.features = torch.cat([self.features, hop(self.counts, device)(one_hot)], dim=1)
            self.counts = None

    def inputs(self, rows: np.ndarray) -> tuple:
        """Return what the first layer reads of some nodes: their features, and their counts' `Hop` or None."""
        features = self.features[torch.from_numpy(rows).to(self.device)]
        counts = None if self.counts is None else self.hop(take_rows(self.counts, rows), self.device)
        return features, counts

    def parts(self, rows: np.ndarray, fanout: int | None = None, rng: np.random.Generator | None = None) -> tuple:
        """Return the rows that some nodes read behind the first hop, and the part of the graph of each hop from there.

        With a `fanout`, a node has no more neighbours than that in each hop, drawn from `rng`; else it has all.
        """
        parts: list[Graph] = []
        for _ in HIDDEN:
            if fanout is None:
                part = take_rows(self.graph, rows)
            else:
                assert rng is not None, "neighbours are drawn from an rng"
                part = sample_rows(self.graph, rows, fanout, rng)
            part, rows = compact(part)
            parts.insert(0, part)
        return rows, parts

    def around(self, rows: np.ndarray, fanout: int | None = None, rng: np.random.Generator | None = None) -> tuple:
        """Return what the network reads to predict some nodes at once: inputs, and the hops from these; as `parts`."""
        rows, parts = self.parts(rows, fanout, rng)
        return self.inputs(rows), [self.hop(part, self.device) for part in parts]


class GCN(nn.Module):
    """Three graph convolutions, width -> 512 -> 256 -> 1; weights as GraphConv draws them, biases 0.

    Parameters
    ----------
    width : int
        Of `Nodes`.
    dropout : float
        Share of the hidden units set to 0 while training, in steps of 1/256.
    seed : int
        Of weights and dropout.
    device : torch.device
    """

    def __init__(self, width: int, dropout: float, seed: int, device: torch.device):
        super().__init__()
        widths = (width, *HIDDEN, 1)
        generator = torch.Generator().manual_seed(derive_seed(seed, "extrapolation/gnn/weights"))
        weights = [torch.empty(shape) for shape in itertools.pairwise(widths)]
        self.weights = nn.ParameterList(nn.init.xavier_uniform_(weight, generator=generator) for weight in weights)
        self.biases = nn.ParameterList(torch.zeros(size) for size in widths[1:])
        self.dropped = round(256 * dropout)
        self.to(device)
        self.generator = torch.Generator(device).manual_seed(derive_seed(seed, "extrapolation/gnn/dropout"))

    def forward(self, inputs: tuple, hops: list) -> torch.Tensor:
        """Return the output of the nodes that the last hop leads to, (q,); standardised scores."""
        hidden = self.first(inputs)
        for layer, hop in enumerate(hops, 1):
            units, weight = self.units(hidden), self.weights[layer] * self.gain
            # The same either way: wider sums are cheaper than the product where that has far fewer rows after them.
            sums_first = 2 * hop.graph.n_rows < hop.graph.n_columns
            hidden = hop(units) @ weight if sums_first else hop(units @ weight)
            hidden = hidden + self.biases[layer].to(hidden.dtype)
        return hidden.squeeze(1)

    def first(self, inputs: tuple) -> torch.Tensor:
        """Return the first layer's output before ReLU, (q, 512), from A_hat X and A_hat Y."""
        features, counts = inputs
        width = features.shape[1]
        hidden = torch.addmm(self.biases[0], features, self.weights[0][:width])
        return hidden if counts is None else hidden + counts(self.weights[0][width:].to(hidden.dtype))

    def project(self, hidden: torch.Tensor, layer: int) -> torch.Tensor:
        """Return what the layer after the `layer`-th, counted from 1, sums over neighbours; of the last, the output."""
        return self.units(hidden) @ self.weights[layer] if layer < len(self.weights) else hidden

    def units(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return a layer's output after ReLU and dropout, but for the gain of what is not dropped."""
        hidden = torch.relu(hidden)
        if not self.training or not self.dropped:
            return hidden
        # One random byte a unit, and a product: torch's own dropout takes as long as all else does on one core.
        words = torch.empty(-(-hidden.numel() // 8), dtype=torch.int64, device=hidden.device)
        words.random_(torch.iinfo(torch.int64).min, None, generator=self.generator)
        kept = words.view(torch.uint8)[: hidden.numel()].view(hidden.shape) >= self.dropped
        return hidden * kept.to(hidden.dtype)

    @property
    def gain(self) -> float:
        """What keeps the mean of a unit while some are dropped; the next layer's weights, which are fewer, take it."""
        return 256 / (256 - self.dropped) if self.training else 1.0


class Training(NamedTuple):
    """How to train: on all labelled nodes at once (`batch` is None), or on batches of them with sampled neighbours.

    On batches training ends when the validation Pearson has not risen for `patience` epochs; None: not for that reason.
    """

    epochs: int
    learning_rate: float
    batch: int | None
    fanout: int
    precision: str
    patience: int | None = None


def train(network: GCN, nodes: Nodes, training: Training, seed: int, rows, targets, held_out, held_out_targets):
    """Train in place, and leave the parameters of the epoch with the best validation Pearson.

    On batches the learning rate is constant, and neighbours are sampled anew each time in as many hops as there are
    layers, of which the first, A_hat X, has all. An epoch is a pass over the samples to train on, or over 32,768 of
    them, drawn anew for each, where they are more: what is learned does not take longer because there are more.

    On all nodes at once an epoch is one update, and the rate rises linearly over the first 70 % of them and falls to 0
    over the rest: high from the start, it would switch most units off for good.

    Parameters
    ----------
    network : GCN
    nodes : Nodes
    training : Training
    seed : int
        Of the batches and of the neighbours that are sampled.
    rows, targets : (q,) int64 array, (q,) float32 array
        Nodes to train on, q >= 1, and their standardised scores.
    held_out, held_out_targets : (v,) int64 array, (v,) float array
        Nodes to validate on: predicted from all neighbours, in float32, as all nodes will be.

    Returns
    -------
    history : list of dict
        Of each epoch that was validated, which is each, or each fifth and the last where an epoch is one update: epoch,
        loss (mean squared error of standardised scores, with dropout), validation_pearson (NaN where undefined).
    best : dict
        That of the best epoch; of the last where no Pearson is defined.
    """
    rng = np.random.default_rng(derive_seed(seed, "extrapolation/gnn/batches"))
    optimizer = without_compiler(torch.optim.Adam)(network.parameters(), lr=training.learning_rate, fused=True)
    validation = nodes.parts(held_out)
    at_once = training.batch is None
    everything = nodes.around(rows) if at_once else None
    targets = torch.from_numpy(targets).to(nodes.device)
    history: list[dict] = []
    best: tuple[float, dict, dict] = (-np.inf, {}, {})
    with Progress(training.epochs, "gnn", "epochs") as progress:
        for epoch in range(1, training.epochs + 1):
            network.train()
            if training.batch is None:
                done = epoch / (training.epochs + 1)
                optimizer.param_groups[0]["lr"] = training.learning_rate * np.interp(done, [0, WARM_UP, 1], [0, 1, 0])
                loss = _update(network, optimizer, everything, targets, training.precision)
            else:
                total, drawn = 0.0, rng.permutation(len(rows))[:EPOCH_SAMPLES]
                for batch in np.split(drawn, range(training.batch, len(drawn), training.batch)):
                    around = nodes.around(rows[batch], training.fanout, rng)
                    of_batch = targets[torch.from_numpy(batch).to(nodes.device)]
                    total += len(batch) * _update(network, optimizer, around, of_batch, training.precision)
                loss = total / len(drawn)
            if not at_once or epoch % EVALUATE_EVERY == 0 or epoch == training.epochs:
                correlation = pearson(predict(network, nodes, validation), held_out_targets)
                history.append({"epoch": epoch, "loss": float(loss), "validation_pearson": correlation})
                progress.note = f"loss {loss:.4f}, validation Pearson {correlation:.4f}"
                LOGGER.info("gnn: epoch %d of %d, %s", epoch, training.epochs, progress.note)
                reached = -1.0 if np.isnan(correlation) else correlation
                if reached >= best[0]:
                    best = reached, history[-1], copy.deepcopy(network.state_dict())
            progress.update(1)
            if not at_once and training.patience and epoch - best[1]["epoch"] >= training.patience:
                LOGGER.info("gnn: no better for %d epochs, ended", training.patience)
                break
    network.load_state_dict(best[2])
    return history, best[1]


def _update(network, optimizer, around, targets, precision) -> torch.Tensor:
    """Take one step; return the loss before it."""
    with autocast(targets.device, precision):
        predicted = network(*around)
    loss = mse_loss(predicted.float(), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Return the linear correlation of two arrays; NaN where there are fewer than two values or one is constant."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a.astype(np.float64), b.astype(np.float64))[0, 1])


@torch.no_grad()
def predict(network: GCN, nodes: Nodes, parts: tuple | None = None) -> np.ndarray:
    """Return the output of all nodes, or of those whose `parts` are given; (n,) float32, standardised scores.

    Each layer runs once over all that the next one reads, in blocks. Products with A_hat come after those with the
    weights, which are narrower: beside one block, two arrays of n x 256 numbers are all that is held.
    """
    rows, graphs = parts or (np.arange(nodes.graph.n_rows), [nodes.graph] * len(HIDDEN))
    projected = first_layer(network, nodes, rows)
    for layer, graph in enumerate(graphs, 2):
        projected = next_layer(network, layer, graph, projected, nodes.hop)
    return projected.squeeze(1).cpu().numpy()


@torch.no_grad()
def first_layer(network: GCN, nodes: Nodes, rows: np.ndarray) -> torch.Tensor:
    """Return what the second layer sums, (q, 256), of some nodes."""
    network.eval()
    blocks = (rows[block] for block in _blocks(len(rows)))
    return torch.cat([network.project(network.first(nodes.inputs(block)), 1) for block in blocks])


@torch.no_grad()
def next_layer(network: GCN, layer: int, graph: Graph, projected: torch.Tensor, hop: type) -> torch.Tensor:
    """Return what the `layer`-th makes, for the next to sum or as output, of what the one before made."""
    network.eval()
    hops = (hop(take_rows(graph, block), projected.device) for block in _blocks(graph.n_rows))
    return torch.cat([network.project(sums(projected) + network.biases[layer - 1], layer) for sums in hops])


def _blocks(n: int) -> list[np.ndarray]:
    """Split 0..n-1; no rows are one block of none."""
    return [np.arange(start, min(start + BLOCK, n)) for start in range(0, max(n, 1), BLOCK)]
