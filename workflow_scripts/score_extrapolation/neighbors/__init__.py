"""Nearest neighbours in embedding space, of three scopes.

- ``subset``: of each residual sample, among the subset,
- ``label``: the same among the subset's samples of its own label; where there are fewer than k, all of them, and then
  the nearest of other labels,
- ``all``: of each sample, among all others; duplicates are neighbours at distance 0, a sample is never its own.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..cuda import has_cuda
from ..faults import InputFault
from ..io.tables import rows_of
from ..progress import LOGGER, Progress
from ..rng import derive_seed
from .exact import ExactIndex, check_k, share_found, without_itself

# The time of an exact search grows with the pairs: on two cores 19 s for all pairs of 50,000 samples 512 wide, where
# cells take 4 s and find 99.98 %, and 270 s for those of 200,000.
APPROXIMATE_FROM = 10**10
# pynndescent takes half a minute to compile, and then its time grows with the samples, that of cells with their power
# of 1.5: all pairs of 200,000 samples 128 wide take it 8 s after compiling (98 %), and cells 11 s (99.99 %). Queries
# that are not in its graph take it four times as long as cells, at 200,000.
PYNNDESCENT_FROM = 10**11
RECALL_QUERIES = 1000
LOW_RECALL = 0.9
FAR_QUANTILE = 0.99  # of the distances from the subset's samples to their nearest other: beyond is far
FAR_QUERIES = 10_000
# 0.01 are far by chance, and more where a network knows its subset by heart: 0.012 of CIFAR-10 (4,000 of 20,000 images,
# training accuracy 73 %), 0.04 and 0.15 of the digits (269 of 1,347; two seeds). Of CIFAR-10 under noise of 20 and 60
# (of 255) it is 0.10 and 0.46, of noise alone 0.998; of black images 0.
MANY_FAR = 0.2


class Base(NamedTuple):
    """What neighbours are chosen from, where it is not among the samples whose neighbours are searched.

    Attributes
    ----------
    n : int
        How many samples.
    tables : iterable of dict
        Columns sample_id and embedding; one after another their ids are increasing. One is in memory at a time; of
        ``subset`` and ``label`` there is one.
    centre : (d,) float32 array
        `exact.mean_of` all of them.
    """

    n: int
    tables: Iterable[dict]
    centre: np.ndarray | None = None


def find_scope(
    scope: str,
    embeddings: dict,
    subset_ids: np.ndarray,
    k: int,
    samples: dict | None = None,
    method: str = "exact",
    device: str = "cpu",
    seed: int = 0,
    threads: int = 1,
    base: Base | None = None,
) -> tuple[dict[str, np.ndarray], dict]:
    """Find the k nearest neighbours of every sample that a scope has, or of those of a shard.

    Parameters
    ----------
    scope : {"subset", "label", "all"}
    embeddings : dict
        Columns sample_id (n,), increasing, and embedding (n, d); given a `base`, of the shard alone.
    subset_ids : (m,) int64
        Increasing.
    k : int
        1..m; of ``all`` 1..n - 1.
    samples : dict
        Columns sample_id, increasing, and label; read by ``label`` alone.
    method : {"auto", "exact", "pynndescent", "ivf"}
        ``pynndescent`` walks along a graph, ``ivf`` looks into the cells nearest to a query. ``auto`` is exact
        below 10^10 pairs, such as those of 100,000 samples among all, and on a GPU; above it is ivf, but for ``all``
        from 10^11 on pynndescent. ``label`` is always exact.
    device : {"auto", "cpu", "cuda"}
        Of the exact search; the others are the CPU's.
    seed, threads : int
        Of an approximate search, which finds the same with the same of both.
    base : Base, optional
        Given to search the neighbours of a shard, exactly; else taken from `embeddings`.

    Returns
    -------
    columns : dict
        sample_id (q,), neighbor_ids (q, k) int64, neighbor_distances (q, k) float32, Euclidean; q is n of ``all``, else
        n - m. In the order of (distance, id); of ``label``, first those of the own label, then the others.
    metrics : dict
        method, k, n (the q above), recall (the share of the k nearest that was found) and recall_queries (how many
        samples were searched exactly to measure it; 0 where all were, and it is 1); but of ``all`` also far_distance
        and far_share, as of `measure_far`.

    Raises
    ------
    InputFault
        There are fewer than k to choose from, or embeddings are not finite.
    """
    if k < 1:
        raise InputFault(f"neighbors: no extrapolator of this config reads those of the scope {scope}")
    sample_ids, vectors = embeddings["sample_id"], embeddings["embedding"]
    itself = scope == "all"  # is among the candidates
    queries = np.flatnonzero(itself | ~np.isin(sample_ids, subset_ids))
    base = base or _own_base(embeddings, None if itself else subset_ids)
    check_k(k, base.n - itself, "other" if itself else "subset")
    device, recall, recall_queries = _search_device(device), 1.0, 0
    method = _method(method, scope, len(queries) * base.n, device)
    if not itself:
        (table,) = base.tables
        base = base._replace(tables=[table])
    base_labels = None
    if scope == "label":
        from .label import find_label_neighbors

        assert samples is not None, "the scope label reads labels"
        labels, base_labels = (
            samples["label"][rows_of(samples["sample_id"], ids)] for ids in (sample_ids, table["sample_id"])
        )
        rows, distances = find_label_neighbors(table["embedding"], base_labels, vectors, labels, queries, k, device)
        ids = table["sample_id"][rows]
    elif method != "exact":
        from .approximate import find_approximately

        (table,) = base.tables
        index = ExactIndex(table["embedding"], device)
        of_queries, drawn = None if itself else queries, derive_seed(seed, "neighbors")
        rows, distances = find_approximately(method, index, vectors, of_queries, k + itself, drawn, threads)
        ids = table["sample_id"][rows]
    else:
        ids, distances = _find_exactly(vectors, queries, base, k + itself, device)
    if itself:
        ids, distances = without_itself(sample_ids[queries], ids, distances)
    if method != "exact":
        recall, recall_queries = measure_recall(index, vectors, queries, distances, itself, seed)
    metrics: dict = {
        "method": method,
        "k": k,
        "n": len(queries),
        "recall": recall,
        "recall_queries": recall_queries,
    }
    if not itself:
        metrics |= measure_far(table["embedding"], base_labels, distances[:, 0], device, seed)
    LOGGER.info("neighbors: %s", ", ".join(f"{key} {value}" for key, value in metrics.items()))
    if recall < LOW_RECALL:
        LOGGER.warning(
            "neighbors: %s found %.3g %% of the %d nearest of each sample; neighbors.method: exact finds all",
            *(method, 100 * recall, k),
        )
    if (metrics.get("far_share") or 0) > MANY_FAR:
        LOGGER.warning(
            "neighbors: %d of %d samples are farther from the subset than %d %% of its samples are from each other; "
            "scores that are extrapolated to them are guesses",
            *(round(metrics["far_share"] * len(queries)), len(queries), 100 * FAR_QUANTILE),
        )
    return {
        "sample_id": sample_ids[queries],
        "neighbor_ids": ids,
        "neighbor_distances": distances,
    }, metrics


def _own_base(embeddings: dict, subset_ids: np.ndarray | None) -> Base:
    """Return a table's samples of the subset; all of them where it is None."""
    if subset_ids is None:
        return Base(len(embeddings["sample_id"]), [embeddings])
    rows = rows_of(embeddings["sample_id"], subset_ids)
    return Base(len(rows), [{"sample_id": subset_ids, "embedding": embeddings["embedding"][rows]}])


def _find_exactly(vectors: np.ndarray, queries: np.ndarray, base: Base, k: int, device):
    """Return ids and distances, (q, k), of the nearest in each table in turn, merged in the order of (distance, id)."""
    ids, distances = np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
    for table in base.tables:
        n = min(k, len(table["sample_id"]))
        if not n:
            continue
        with Progress(len(queries), "neighbors", "queries") as progress:
            index = ExactIndex(table["embedding"], device, base.centre)
            rows, of_table = index.query(vectors, queries, n, progress)
        ids = np.concatenate([ids, table["sample_id"][rows]], axis=1)
        distances = np.concatenate([distances, of_table], axis=1)
        del table, index  # before the next is read
        if ids.shape[1] > n:
            order = np.lexsort((ids, distances), axis=-1)[:, :k]
            ids, distances = np.take_along_axis(ids, order, 1), np.take_along_axis(distances, order, 1)
    return ids, distances


def measure_recall(index: ExactIndex, vectors, queries, distances, itself: bool, seed: int) -> tuple[float, int]:
    """Search some of the queries exactly; return the share of their nearest that was found, and how many they are.

    Parameters
    ----------
    index : ExactIndex
        Of what the neighbours were chosen from.
    vectors : (n, d) float array
    queries : (q,) int64
        Rows of `vectors`.
    distances : (q, k) float32
        Those found. Found are those no farther than the k-th nearest: which of several duplicates does not matter.
    itself : bool
        The queries are the rows of the index.
    seed : int
        Of the draw.
    """
    rng = np.random.default_rng(derive_seed(seed, "neighbors/recall"))
    drawn = np.sort(rng.permutation(len(queries))[:RECALL_QUERIES])
    with Progress(len(drawn), "neighbors: recall", "queries") as progress:
        rows, nearest = index.query(vectors, queries[drawn], distances.shape[1] + itself, progress)
    if itself:
        _, nearest = without_itself(queries[drawn], rows, nearest)
    return share_found(distances[drawn], nearest), len(drawn)


def measure_far(base: np.ndarray, labels: np.ndarray | None, nearest: np.ndarray, device, seed: int) -> dict:
    """Measure how many samples lie farther from the subset than it reaches.

    Parameters
    ----------
    base : (m, d) float array
        The subset's embeddings.
    labels : (m,) int, optional
        Given where neighbours are those of the own label.
    nearest : (q,) float32
        From each sample to its nearest in the subset.
    device : "cpu" or torch.device
    seed : int
        Of the draw.

    Returns
    -------
    dict
        far_distance: the 0.99 quantile of the distances from the subset's samples, 10,000 of them where there are more,
        to their nearest other, one of these distances; null of a single sample. far_share: the share of `nearest` that
        is greater; null where there is none, or no such distance.

    Notes
    -----
    Were the samples and the subset of one distribution and the network new to both, far_share would be 0.01 but for the
    draw. Cost: 2 m d operations for each of the 10,000; 1.8 s beside the 10.9 in which 40,000 find their 100 nearest of
    10,000, 512 wide, on one core.
    """
    m = len(base)
    if m < 2:
        return {"far_distance": None, "far_share": None}
    drawn = np.sort(np.random.default_rng(derive_seed(seed, "neighbors/far")).permutation(m)[:FAR_QUERIES])
    if labels is None:
        with Progress(len(drawn), "neighbors: reach", "queries") as progress:
            found = ExactIndex(base, device).query(base, drawn, 2, progress)
    else:
        from .label import find_label_neighbors

        found = find_label_neighbors(base, labels, base, labels, drawn, 2, device)
    _, distances = without_itself(drawn, *found)
    reach = np.quantile(distances[:, 0], FAR_QUANTILE, method="inverted_cdf")
    return {"far_distance": float(reach), "far_share": float((nearest > reach).mean()) if len(nearest) else None}


def _method(method: str, scope: str, n_pairs: int, device) -> str:
    """Return how a scope is searched; a GPU is there for the products of an exact search, the others do not use it."""
    if scope == "label" or (method == "auto" and (n_pairs < APPROXIMATE_FROM or str(device) != "cpu")):
        return "exact"
    if method == "auto":
        return "pynndescent" if scope == "all" and n_pairs >= PYNNDESCENT_FROM else "ivf"
    return method


def _search_device(device: str):
    """Return the device of the exact search; torch is imported only where there is a GPU that it might find."""
    if device == "cpu" or (device == "auto" and not has_cuda()):
        return "cpu"
    from ..training.devices import resolve_device

    return resolve_device(device)
