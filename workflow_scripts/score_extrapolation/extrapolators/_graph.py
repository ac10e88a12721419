"""Weighted graphs in compressed rows, in numpy: the neighbours' graph, its normalisation, and parts of it."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

# The lightest edge that float32 can tell beside a self loop's weight of 1; exp(-d) is lighter from d = 16.6 on.
LIGHTEST = 2.0**-24


class Graph(NamedTuple):
    """Weighted edges, row by row: those of row i are number ``starts[i]`` to ``starts[i + 1] - 1``.

    Attributes
    ----------
    starts : (r + 1,) int64
    columns : (e,) int64
        Increasing within a row.
    weights : (e,) float
    n_columns : int
    """

    starts: np.ndarray
    columns: np.ndarray
    weights: np.ndarray
    n_columns: int

    @property
    def n_rows(self) -> int:
        return len(self.starts) - 1

    @property
    def rows(self) -> np.ndarray:
        """The row of each edge, (e,) int64."""
        return np.repeat(np.arange(self.n_rows), np.diff(self.starts))


def from_edges(rows, columns, weights, n_rows: int, n_columns: int) -> Graph:
    """Order edges, (e,) each, by row and column; an edge that is given twice stays two. Cost: O(e log e)."""
    order = np.argsort(rows * n_columns + columns, kind="stable")
    return Graph(_starts(np.bincount(rows, minlength=n_rows)), columns[order], weights[order], n_columns)


def neighbor_graph(neighbor_rows: np.ndarray, distances: np.ndarray) -> Graph:
    """Return A + I: samples are joined where either is among the other's k nearest, by the weight exp(-d).

    Self loops weigh 1, so that the scale of the weights means something: exp(-d) is taken as it is, in float64. Where
    it is lighter than float32 can tell beside that 1 there is no edge, and a sample far from all others keeps its self
    loop alone: its row of the normalised matrix is that of the identity.

    Parameters
    ----------
    neighbor_rows : (n, k) int64
        In 0..n-1; a sample that is given as its own neighbour is no edge.
    distances : (n, k) float
        Euclidean, >= 0.

    Returns
    -------
    Graph
        (n, n), symmetric, with at most (2k + 1) n edges; weights float64.

    Notes
    -----
    Cost: O(n k log(n k)).
    """
    n = len(neighbor_rows)
    return neighbor_graph_rows([(np.arange(n), neighbor_rows, distances)], n, slice(0, n))


def neighbor_graph_rows(neighbors: Iterable[tuple], n: int, wanted: slice) -> Graph:
    """Return some rows of `neighbor_graph`, with no more in memory than their edges and a block of the neighbours.

    Parameters
    ----------
    neighbors : iterable of (rows, neighbor_rows, distances)
        (b,) int64, (b, k) int64 and (b, k) float, of blocks of all samples in order: whose neighbours, who, how far.
    n : int
        Samples.
    wanted : slice
        The rows, one after another.
    """
    pairs_of_blocks, weights_of_blocks = [np.empty(0, np.int64)], [np.empty(0)]
    for rows, neighbor_rows, distances in neighbors:
        rows, columns = np.repeat(rows, neighbor_rows.shape[1]), neighbor_rows.reshape(-1)
        of_block = np.exp(-distances.reshape(-1).astype(np.float64))
        edges = (rows != columns) & (of_block >= LIGHTEST) & (_within(rows, wanted) | _within(columns, wanted))
        pairs_of_blocks.append((np.minimum(rows, columns) * n + np.maximum(rows, columns))[edges])
        weights_of_blocks.append(of_block[edges])
    pairs, first = np.unique(np.concatenate(pairs_of_blocks), return_index=True)  # an edge from both sides is one
    (low, high), own = np.divmod(pairs, n), np.arange(n)[wanted]
    rows, columns = np.concatenate([low, high, own]), np.concatenate([high, low, own])
    weights = np.concatenate(weights_of_blocks)[first]
    weights = np.concatenate([weights, weights, np.ones(len(own))])
    edges = _within(rows, wanted)
    return from_edges(rows[edges] - wanted.start, columns[edges], weights[edges], len(own), n)


def _within(rows: np.ndarray, wanted: slice) -> np.ndarray:
    return (rows >= wanted.start) & (rows < wanted.stop)


def degrees(graph: Graph) -> np.ndarray:
    """Return the sum of each row, (r,) float64."""
    return np.bincount(graph.rows, graph.weights, minlength=graph.n_rows)


def normalise(graph: Graph, sums: np.ndarray | None = None, first: int = 0) -> Graph:
    """Return D^-1/2 (A + I) D^-1/2 of A + I, D the sums of its rows, none of which is below 1; weights float32.

    Parameters
    ----------
    graph : Graph
        (n, n), or some rows of it.
    sums : (n,) float64, optional
        `degrees` of all rows, given where the graph is some of them.
    first : int
        Which row of all the first one is.
    """
    scale = (degrees(graph) if sums is None else sums) ** -0.5
    weights = graph.weights * scale[graph.rows + first] * scale[graph.columns]
    return graph._replace(weights=weights.astype(np.float32))


def count_classes(graph: Graph, classes: np.ndarray, n_classes: int) -> Graph:
    """Return the product of a graph with one-hot classes, (r, C), sparse: neighbours of one class are one entry.

    Parameters
    ----------
    graph : Graph
        (r, n).
    classes : (n,) int64
        In 0..C-1.
    """
    keys, which = np.unique(graph.rows * n_classes + classes[graph.columns], return_inverse=True)
    weights = np.bincount(which, graph.weights).astype(np.float32)
    return from_edges(*np.divmod(keys, n_classes), weights, graph.n_rows, n_classes)


def take_rows(graph: Graph, rows: np.ndarray) -> Graph:
    """Return some rows with all their edges, (q, n); cost in proportion to these."""
    starts = _starts(np.diff(graph.starts)[rows])
    edges = np.arange(starts[-1]) + np.repeat(graph.starts[rows] - starts[:-1], np.diff(starts))
    return graph._replace(starts=starts, columns=graph.columns[edges], weights=graph.weights[edges])


def sample_rows(graph: Graph, rows: np.ndarray, fanout: int, rng: np.random.Generator) -> Graph:
    """Return some rows of a square graph, each with its self loop and at most `fanout` of its other edges.

    These are drawn without replacement and weigh degree/fanout of what they did, so that a product with the graph is
    on average that with all edges.
    """
    part = take_rows(graph, rows)
    of, other = part.rows, part.columns != np.repeat(rows, np.diff(part.starts))
    # Within each row the self loop first, the others in random order.
    order = np.lexsort((np.where(other, rng.random(len(of)), -1.0), of))
    kept = np.sort(order[np.arange(len(of)) - part.starts[of] <= fanout])
    n_others = np.diff(part.starts) - 1
    share = np.where(other, np.maximum(n_others / fanout, 1)[of], 1)
    starts = _starts(np.minimum(n_others, fanout) + 1)
    weights = (part.weights * share).astype(np.float32)
    return graph._replace(starts=starts, columns=part.columns[kept], weights=weights[kept])


def compact(graph: Graph) -> tuple[Graph, np.ndarray]:
    """Leave out columns that no edge reaches; return the graph and the columns, increasing, that are left."""
    reached, columns = np.unique(graph.columns, return_inverse=True)
    return graph._replace(columns=columns, n_columns=len(reached)), reached


def transpose(graph: Graph) -> Graph:
    """Return the graph with its edges turned round; cost O(e log e)."""
    return from_edges(graph.columns, graph.rows, graph.weights, graph.n_columns, graph.n_rows)


def _starts(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)])
