"""Predictions of a graph network for a shard of the samples at a time, layer after layer.

In the order of work: the network is trained and described by arrays (`state_of`); of each shard its rows of the graph
are found (`join`); and each layer of each shard reads what the layer before it made of the samples that its rows reach
(`infer`). With one shard that is `_gcn.predict`, whose functions do the work.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch

from ..io.tables import rows_of
from . import _gcn, _graph


def state_of(network: _gcn.GCN, standard: tuple, mean: float, deviation: float) -> dict[str, np.ndarray]:
    """Return all that `infer` reads of a trained network.

    Parameters
    ----------
    network : GCN
    standard : (mean, scale) of (d,) tensors
        Of `_gcn.Nodes`.
    mean, deviation : float
        Of the scores that it was trained on.
    """
    tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {"features.mean": standard[0], "features.scale": standard[1]}
    scores = {"scores.mean": np.array([mean], np.float64), "scores.deviation": np.array([deviation], np.float64)}
    return {name: tensor.cpu().numpy() for name, tensor in tensors.items()} | scores


def join(k: int, neighbors: Iterable[dict], sample_ids: np.ndarray, rows: slice) -> dict[str, np.ndarray]:
    """Return a shard's rows of A + I: the arrays of a `Graph`, and their sums, ``degrees``.

    Parameters
    ----------
    k : int
        Neighbours that a sample is joined with.
    neighbors : iterable of dict
        Blocks of the table of neighbours of the scope ``all``, in order.
    sample_ids : (n,) int64
        Of all samples, increasing.
    rows : slice
        The shard's.
    """

    def as_rows(block):
        ids = block["neighbor_ids"][:, :k]
        of_ids = rows_of(sample_ids, ids.reshape(-1)).reshape(ids.shape)
        return rows_of(sample_ids, block["sample_id"]), of_ids, block["neighbor_distances"][:, :k]

    graph = _graph.neighbor_graph_rows(map(as_rows, neighbors), len(sample_ids), rows)
    arrays = {"starts": graph.starts, "columns": graph.columns, "weights": graph.weights}
    return {**arrays, "degrees": _graph.degrees(graph)}


def infer(
    layer: int,
    state: dict[str, np.ndarray],
    graph: dict[str, np.ndarray],
    degrees: np.ndarray,
    rows: slice,
    labels: np.ndarray | None,
    read: Callable[[np.ndarray], np.ndarray],
    device: torch.device,
) -> np.ndarray:
    """Return what a layer makes of a shard: (r, w) float32 that the next one reads; of the last, (r, 1) float64 scores.

    Parameters
    ----------
    layer : int
        From 1.
    state, graph : dict
        As of `state_of` and `join`.
    degrees : (n,) float64
        Of all samples.
    rows : slice
        The shard's.
    labels : (n,) int array, or None
        Of all samples, where the network reads them.
    read : callable
        (q,) rows of samples -> (q, w) float: their embeddings, or what the layer before made of them.
    device : torch.device

    Notes
    -----
    Cost: that of the shard's share of `_gcn.predict`. Memory: what `read` returns, and numbers of the shard.
    """
    parameters = {
        name.removeprefix("network."): torch.from_numpy(array)
        for name, array in state.items()
        if name.startswith("network.")
    }
    network = _gcn.GCN(len(parameters["weights.0"]), 0, 0, device)
    network.load_state_dict(parameters)
    part = _graph.Graph(graph["starts"], graph["columns"], graph["weights"], len(degrees))
    part, reached = _graph.compact(_graph.normalise(part, degrees, rows.start))
    if not part.n_rows:
        return np.empty((0, (*_gcn.HIDDEN, 1, 1)[layer]), np.float32)
    if layer == 1:
        classes = n_classes = None
        if labels is not None:
            known, classes = np.unique(labels, return_inverse=True)
            classes, n_classes = classes[reached], len(known)
        standard = tuple(torch.from_numpy(state[f"features.{name}"]).to(device) for name in ("mean", "scale"))
        nodes = _gcn.Nodes(part, read(reached), classes, _gcn.Hop, device, n_classes, standard)
        return _gcn.first_layer(network, nodes, np.arange(part.n_rows)).cpu().numpy()
    before = torch.from_numpy(read(reached)).to(device)
    made = _gcn.next_layer(network, layer, part, before, _gcn.Hop).cpu().numpy()
    if layer <= len(_gcn.HIDDEN):
        return made
    return state["scores.mean"] + state["scores.deviation"] * made.astype(np.float64)
