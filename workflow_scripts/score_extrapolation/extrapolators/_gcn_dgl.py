"""All of DGL: the normalisation and the sums over neighbours that `_graph` and `_gcn` have without it.

DGL 1.1.3 is the newest release that runs with a present torch. It imports ``setuptools.extern.packaging``, which
setuptools no longer has: it was `packaging`, which takes its name here. The registry's DGL is for the CPU alone.
"""

import importlib.util
import os
import sys
import types

import numpy as np
import packaging.version
import torch

from ._graph import Graph

if importlib.util.find_spec("setuptools") and not importlib.util.find_spec("setuptools.extern"):
    sys.modules["setuptools.extern"] = types.ModuleType("setuptools.extern")
    sys.modules["setuptools.extern.packaging"] = packaging
os.environ.setdefault("DGLBACKEND", "pytorch")  # else it writes a file into the user's home and says so

import dgl  # noqa: E402
from dgl.nn import EdgeWeightNorm, GraphConv  # noqa: E402


def normalise(graph: Graph) -> Graph:
    """Return D^-1/2 (A + I) D^-1/2 of a symmetric A + I, as `_graph.normalise` does."""
    ends = torch.from_numpy(graph.columns), torch.from_numpy(graph.rows)
    weights = torch.from_numpy(graph.weights.astype(np.float32))
    weights = EdgeWeightNorm("both")(dgl.graph(ends, num_nodes=graph.n_rows), weights)
    return graph._replace(weights=weights.numpy())


class Hop:
    """The product with a graph, (r, n): callable on (n, w) features, differentiable, as `_gcn.Hop` is."""

    def __init__(self, graph: Graph, device: torch.device):
        self.graph = graph
        ends = torch.from_numpy(graph.columns), torch.from_numpy(graph.rows)
        self.block = dgl.create_block(ends, graph.n_columns, graph.n_rows, device=device)
        self.weights = torch.from_numpy(graph.weights).to(device)
        # The weights are normalised: norm="both" would do it a second time. The product with W is the network's.
        self.convolution = GraphConv(0, 0, norm="none", weight=False, bias=False, allow_zero_in_degree=True)

    def __call__(self, features: torch.Tensor) -> torch.Tensor:
        exact = features if features.dtype == torch.float64 else features.float()
        with torch.autocast(features.device.type, enabled=False):
            return self.convolution(self.block, exact, edge_weight=self.weights.to(exact.dtype)).to(features.dtype)
