"""Graph neural network: learns the scores of the subset on the graph of all samples (paper, section 3)."""

from types import ModuleType
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from ..faults import InputFault
from ..io.tables import rows_of
from ..neighbors.exact import check_k, find_neighbors, without_itself
from ..plugins import Section
from ..progress import LOGGER
from ..rng import derive_seed
from ..training.devices import resolve_device
from . import _gcn, _graph, _layers
from ._draws import draws_from_residuals

SHARDS = "layers"
LAYERS = 3

DRAWN = "extrapolation/gnn/draws"

VALIDATION, VALIDATION_MOST = 0.1, 5000  # share of the subset; samples
BATCH = 128  # the paper's

# On batches the paper's; on all labelled samples at once, where an epoch is one update, those that come as far.
EPOCHS = {"batches": 25, "at once": 100}
LEARNING_RATE = {"batches": 1e-3, "at once": 1e-2}


class Options(Section):
    """What the graph is, how its network is trained, and what computes it.

    `patience`: where an epoch is many updates; null is never, the paper's. Of a subset of 200,000 the best epoch is
    among the first.
    `backend`: ``auto`` is ``torch``, for the CPU and GPUs; ``dgl`` has DGL normalise the graph and sum over neighbours,
    on the CPU, for comparison: it is no faster, no longer developed, and has no wheels beyond Python 3.11.
    """

    k: int = Field(10, ge=1, description="neighbours that a sample is joined with")
    labels: bool = Field(True, description="whether the one-hot label is a feature beside the embedding")
    dropout: float = Field(0.5, ge=0, lt=0.998, description="share of hidden units, rounded to 1/256")
    epochs: int | None = Field(
        None, ge=1, description="null: 25, the paper's, or 100 with batch full, where an epoch is one update"
    )
    patience: int | None = Field(5, ge=1, description="epochs without a better validation Pearson that end training")
    learning_rate: float | None = Field(
        None, gt=0, description="of Adam; null: 0.001, the paper's, or a peak of 0.01 with batch full"
    )
    batch: int | Literal["auto", "full"] = Field(
        "auto", description="labelled samples of an update; auto: the paper's 128; full: all, with all their neighbours"
    )
    fanout: int = Field(2, ge=1, description="neighbours that are sampled of each sample and hop of a batch")
    backend: Literal["auto", "torch", "dgl"] = Field(
        "auto", description="what computes the graph; auto is torch; dgl is for comparison, on the CPU"
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="of training; predictions are float32"
    )

    @model_validator(mode="after")
    def _batch_has_samples(self):
        if isinstance(self.batch, int) and self.batch < 1:
            raise ValueError(f"batch = {self.batch} is not a number of samples >= 1; write that, full or auto")
        return self

    def needs(self) -> tuple[str, ...]:
        """The graph and what its nodes are; labels are in the table of samples."""
        return ("neighbors/all", "embeddings", *(["samples"] if self.labels else []))


def extrapolate(options: Options, subset_ids, subset_scores, tables, seed: int = 0, device: str = "auto"):
    """Score the residual set; see the package's docstring. The network has no spread: it is NaN.

    Draws are predictions, each plus what one was short of on a sample that validated. `seed` is the experiment's,
    `device` where the network runs: ``auto`` (a GPU if there is one), ``cpu`` or ``cuda``.
    """
    extrapolator, sample_ids, subset_rows = _fit(options, subset_ids, subset_scores, tables, seed, device)
    residual = np.delete(np.arange(len(sample_ids)), subset_rows)
    ids, scores = sample_ids[residual], extrapolator.predict()[residual]
    residuals = _residuals(extrapolator, subset_rows, tables)
    draws = draws_from_residuals(ids, scores, residuals, derive_seed(seed, DRAWN))
    return ids, scores, np.full(len(residual), np.nan), draws


def train(options: Options, subset_ids, subset_scores, tables, seed: int = 0, device: str = "auto"):
    """Train the network that `infer` reads, as `extrapolate` does, and note what its draws are made of."""
    extrapolator, _, subset_rows = _fit(options, subset_ids, subset_scores, tables, seed, device)
    residuals, drawn_by = _residuals(extrapolator, subset_rows, tables), np.array([derive_seed(seed, DRAWN)])
    return {**extrapolator.state(), "draws.residuals": residuals, "draws.seed": drawn_by}


def join(options: Options, blocks, sample_ids: np.ndarray, rows: slice) -> dict[str, np.ndarray]:
    """Return a shard's rows of the graph, and of each the sum of its weights."""
    return _layers.join(options.k, blocks, sample_ids, rows)


def infer(options: Options, layer: int, state, graph, degrees, samples, rows: slice, read, device: str = "auto"):
    """Return what a layer makes of a shard; of the last, scores and their draws."""
    labels = samples["label"] if options.labels else None
    made = _layers.infer(layer, state, graph, degrees, rows, labels, read, resolve_device(device))
    if layer < LAYERS:
        return made
    scores = _finite(made[:, 0])
    seed = int(state["draws.seed"][0])
    return scores, draws_from_residuals(samples["sample_id"][rows], scores, state["draws.residuals"], seed)


def _fit(options: Options, subset_ids, subset_scores, tables, seed: int, device: str):
    """Return what was trained, the ids of all samples and the rows of the subset."""
    sample_ids, neighbors = tables["embeddings"]["sample_id"], tables["neighbors/all"]
    if options.k > neighbors["neighbor_ids"].shape[1]:
        raise ValueError(f"k = {options.k}, but {neighbors['neighbor_ids'].shape[1]} neighbours are stored")
    of = rows_of(neighbors["sample_id"], sample_ids)
    ids = neighbors["neighbor_ids"][of, : options.k]
    labels = None
    if options.labels:
        labels = tables["samples"]["label"][rows_of(tables["samples"]["sample_id"], sample_ids)]
    subset_rows = rows_of(sample_ids, subset_ids)
    extrapolator = GNNExtrapolator(seed=seed, device=device, **options.model_dump()).fit_graph(
        tables["embeddings"]["embedding"],
        rows_of(sample_ids, ids.reshape(-1)).reshape(ids.shape),
        neighbors["neighbor_distances"][of, : options.k],
        *(subset_rows, subset_scores, labels),
    )
    return extrapolator, sample_ids, subset_rows


def _residuals(extrapolator: "GNNExtrapolator", subset_rows: np.ndarray, tables: dict) -> np.ndarray:
    """Return what the scores that the validating samples may have are above the network's, (DRAWS v,) float64."""
    validation = rows_of(subset_rows, extrapolator.validation_rows_)
    draws = tables["scores"]["draws"][validation].astype(np.float64)
    return (draws - extrapolator.validation_predictions_[:, None]).reshape(-1)


class GNNExtrapolator:
    """Predict the scores of all samples from those of a subset, by a graph convolutional network on their neighbours.

    The graph joins two samples where either is among the other's k nearest; an edge weighs exp(-d), a self loop 1; the
    matrix is normalised symmetrically. Features are the embedding and the one-hot label. Layers: 512, 256, 1 wide. The
    loss is the squared error of scores, standardised inside. 10 % of the subset, 1 to 5,000, validate: the epoch with
    the best Pearson correlation there is the one that counts.

    Where the paper is silent: dropout is between layers, not on the features; 2 neighbours are sampled of each sample
    and hop, weighing more so that their sum is right on average: with 10 an epoch took five times as long and taught no
    more. Departures: training ends early, by `patience`; the first hop has no parameters before it, so that it is
    computed once, of all neighbours, and standardised; and prediction samples nothing.

    Parameters
    ----------
    k : int
        10 by default.
    seed : int
        Of the split, the initial weights, dropout and the batches: the same seed gives the same bytes on the same CPU
        with the same number of threads.
    device : {"auto", "cpu", "cuda"}
        Where the network runs; auto is a GPU if there is one.
    **options
        As in `score_extrapolation.extrapolators.gnn.Options`: dropout, epochs, patience, learning_rate, batch, fanout,
        backend, precision.

    Attributes
    ----------
    network_ : torch.nn.Module
        With the weights of the best epoch.
    history_ : list of dict
        epoch, loss and validation_pearson of each epoch that was validated.
    best_epoch_ : int
        From 1.
    validation_pearson_ : float
        Of that epoch; NaN where it is undefined, as for constant scores.
    validation_rows_ : (v,) int64 array
        Of the subset's samples, those that validated.
    validation_predictions_ : (v,) float64 array
        The network's scores of them.

    Notes
    -----
    Cost: of an epoch (4 d' + 6 256) 512 n' operations, where d' is d + C and n' is m (1 + fanout)^2 at most; with
    ``full`` the number of samples within two hops of the subset, at most n. Of all predictions, (d' + 256) 1024 n; of
    the search by `fit`, 2 n^2 d. Memory: 8 (d + C) n bytes, and 8 kB for each of n' with ``full``.
    """

    def __init__(self, *, seed: int = 0, device: str = "auto", **options):
        self.seed, self.device, self.options = seed, device, Options(**options)

    def fit(self, embeddings: np.ndarray, subset_ids: np.ndarray, subset_scores: np.ndarray, labels=None):
        """Search the neighbours of all samples, then train.

        Parameters
        ----------
        embeddings : (n, d) float array
            Of all samples.
        subset_ids : (m,) int array
            Rows of `embeddings`, each once.
        subset_scores : (m,) float array
            Their scores.
        labels : (n,) int array, optional
            Of all samples, any integers; left out, the embedding alone is the feature.

        Returns
        -------
        GNNExtrapolator
            Itself.

        Raises
        ------
        InputFault
            k is n or more, embeddings or scores are not finite, or a device or backend is not there.
        ValueError
            Lengths differ, or a row of the subset comes twice or is none.
        """
        embeddings = np.asarray(embeddings)
        check_k(self.options.k, len(embeddings) - 1, "other")
        rows, distances = find_neighbors(embeddings, embeddings, self.options.k + 1)
        rows, distances = without_itself(np.arange(len(embeddings)), rows, distances)
        return self.fit_graph(embeddings, rows, distances, subset_ids, subset_scores, labels)

    def fit_graph(self, embeddings, neighbor_rows, neighbor_distances, subset_ids, subset_scores, labels=None):
        """Train, given the k nearest others of each sample, (n, k), and their distances; else as `fit`."""
        subset_rows, scores = np.asarray(subset_ids, np.int64), np.asarray(subset_scores, np.float64)
        _check(len(embeddings), subset_rows, scores, labels)
        options, backend = self.options, _backend(self.options.backend)
        if options.backend == "dgl" and self.device == "cuda":
            raise InputFault("extrapolation: backend: dgl is for the CPU alone; set device: cpu or backend: torch")
        device = resolve_device("cpu" if options.backend == "dgl" else self.device)
        graph = _graph.neighbor_graph(neighbor_rows, neighbor_distances)
        _log_graph(graph)
        classes = None
        if labels is not None and options.labels:
            classes = np.unique(labels, return_inverse=True)[1]
        self._nodes = _gcn.Nodes(backend.normalise(graph), embeddings, classes, backend.Hop, device)

        order = np.random.default_rng(derive_seed(self.seed, "extrapolation/gnn/split")).permutation(len(subset_rows))
        n_held_out = min(max(round(VALIDATION * len(order)), 1), VALIDATION_MOST) if len(order) > 1 else 0
        held_out, trained = np.sort(order[:n_held_out]), np.sort(order[n_held_out:])
        self.validation_rows_ = subset_rows[held_out]
        # Of constant scores the deviation is 0, or a rounding: whatever the network says, they are that constant again.
        self._mean, self._deviation = scores[trained].mean(), scores[trained].std()
        targets = (scores - self._mean) / (self._deviation or 1)

        self.network_ = _gcn.GCN(self._nodes.width, options.dropout, self.seed, device)
        self.history_, best = _gcn.train(
            *(self.network_, self._nodes, self._training(), self.seed),
            *(subset_rows[trained], targets[trained].astype(np.float32), subset_rows[held_out], targets[held_out]),
        )
        self.best_epoch_, self.validation_pearson_ = best["epoch"], best["validation_pearson"]
        self._validation_scores = scores[held_out]
        self.validation_predictions_ = self._predict(self._nodes.parts(self.validation_rows_))
        return self

    def predict(self) -> np.ndarray:
        """Return the network's scores of all samples, (n,) float64, the subset's too: not those it was given.

        Raises
        ------
        InputFault
            Training diverged.
        """
        return _finite(self._predict())

    def _predict(self, parts: tuple | None = None) -> np.ndarray:
        """Return the network's scores of all samples, or of those that some parts of the graph lead to."""
        return self._mean + self._deviation * _gcn.predict(self.network_, self._nodes, parts).astype(np.float64)

    def draw(self, sample_ids: np.ndarray | None = None) -> np.ndarray:
        """Return scores that each sample may have, (n, DRAWS) float32: predictions, each plus a validation residual.

        What is drawn of a sample depends on its id, (n,) int64 >= 0, by default its row.
        """
        ids = np.arange(self._nodes.graph.n_rows) if sample_ids is None else sample_ids
        residuals = self._validation_scores - self.validation_predictions_
        return draws_from_residuals(ids, self.predict(), residuals, derive_seed(self.seed, DRAWN))

    def state(self) -> dict[str, np.ndarray]:
        """Return all that it takes to predict again, shard by shard (see `_layers`)."""
        return _layers.state_of(self.network_, self._nodes.standard, self._mean, self._deviation)

    def _training(self) -> _gcn.Training:
        """Return the settings of the training, with those that were left to the kind of training filled in."""
        options = self.options
        kind = "at once" if options.batch == "full" else "batches"
        return _gcn.Training(
            epochs=options.epochs or EPOCHS[kind],
            patience=options.patience,
            learning_rate=options.learning_rate or LEARNING_RATE[kind],
            batch=None if options.batch == "full" else BATCH if options.batch == "auto" else options.batch,
            fanout=options.fanout,
            precision=options.precision,
        )


class _Torch:
    """The backend without DGL."""

    normalise, Hop = staticmethod(_graph.normalise), _gcn.Hop


def _backend(name: str) -> type[_Torch] | ModuleType:
    """Return what has the functions `normalise` and `Hop`."""
    if name != "dgl":
        return _Torch
    try:
        from . import _gcn_dgl
    except (ImportError, OSError) as error:  # its libraries are for certain releases of torch
        raise InputFault(
            f"extrapolation: backend: dgl was asked for, but DGL cannot be imported here ({error}); install dgl==1.1.3 "
            "(for Python up to 3.11) or set backend: torch"
        ) from error
    return _gcn_dgl


def _finite(scores: np.ndarray) -> np.ndarray:
    if not np.isfinite(scores).all():
        raise InputFault("extrapolation: the GNN's training diverged; lower its learning_rate")
    return scores


def _check(n: int, subset_rows: np.ndarray, scores: np.ndarray, labels) -> None:
    """Check what `fit` is given."""
    if len(subset_rows) != len(scores) or not len(scores):
        raise ValueError(
            f"{len(subset_rows)} subset ids and {len(scores)} scores; give one score each, and at least one"
        )
    if labels is not None and len(labels) != n:
        raise ValueError(f"{n} embeddings and {len(labels)} labels")
    if len(np.unique(subset_rows)) < len(subset_rows) or subset_rows.min() < 0 or subset_rows.max() >= n:
        raise ValueError(f"subset ids are rows of the embeddings, 0 to {n - 1}, each once")
    if not np.isfinite(scores).all():
        raise InputFault(
            f"extrapolation: {(~np.isfinite(scores)).sum()} of the subset's {len(scores)} scores are infinite or NaN; "
            "the network learns from finite ones"
        )


def _log_graph(graph: _graph.Graph) -> None:
    """Say how large the graph is, and how much of it there is beside the self loops."""
    weight = graph.weights.sum()
    LOGGER.info(
        "gnn: %d samples, %d edges; %.1f %% of the graph's weight is between neighbours, the rest in self loops",
        *(graph.n_rows, (len(graph.columns) - graph.n_rows) // 2, 100 * (1 - graph.n_rows / weight)),
    )
