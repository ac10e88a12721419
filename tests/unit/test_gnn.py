"""The graph neural network: graph and layers by the dense oracle, with both backends, and what the method promises."""

import importlib.util
import logging
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import oracles
from score_extrapolation import GNNExtrapolator
from score_extrapolation.extrapolators import _gcn, _graph, extrapolate, gnn
from score_extrapolation.extrapolators._draws import certain_draws
from score_extrapolation.extrapolators.gnn import Options
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import DRAWS
from score_extrapolation.neighbors import find_scope

CPU = torch.device("cpu")
has_dgl = importlib.util.find_spec("dgl") is not None
needs_dgl = pytest.mark.skipif(not has_dgl, reason="dgl is not installed; its wheels end at Python 3.11")
backends = pytest.mark.parametrize("backend", ["torch", pytest.param("dgl", marks=needs_dgl)])


def samples_case(n=60, d=6, n_classes=3, seed=0):
    """Embeddings in one cluster a class, and labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    centres = rng.normal(size=(n_classes, d))
    return (centres[labels] + 0.3 * rng.normal(size=(n, d))).astype(np.float32), labels


def graph_case(n=60, k=5, scale=1.0, seed=0, backend="torch"):
    """A_hat by a backend and by the oracle."""
    embeddings, _ = samples_case(n, seed=seed)
    rows, distances = oracles.neighbors_among_all(embeddings * np.float32(scale), k)
    normalise = gnn._backend(backend).normalise
    return normalise(_graph.neighbor_graph(rows, distances)), oracles.adjacency(rows, distances)


def nodes_case(backend="torch", labels=True, n=60):
    """Nodes, the dense A_hat, embeddings and labels."""
    embeddings, classes = samples_case(n)
    graph, matrix = graph_case(n, backend=backend)
    nodes = _gcn.Nodes(graph, embeddings, classes if labels else None, gnn._backend(backend).Hop, CPU)
    return nodes, matrix, embeddings, classes


def dense(graph):
    matrix = np.zeros((graph.n_rows, graph.n_columns))
    np.add.at(matrix, (graph.rows, graph.columns), graph.weights)
    return matrix


def network_case(nodes, dropout=0.0):
    """A network whose biases are not 0, so that they can be wrong."""
    network = _gcn.GCN(nodes.width, dropout, 0, CPU)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for bias in network.biases:
            bias.normal_(generator=generator)
    return network


def parameters(network):
    return [*network.weights, *network.biases]


def oracle_output(network, matrix, features):
    """The oracle's output and its parameters, in float64, of what the first layer reads before the first hop."""
    copies = [p.detach().double().requires_grad_() for p in parameters(network)]
    return oracles.gcn(torch.from_numpy(matrix), features, copies[:3], copies[3:]), copies


def oracle_features(matrix, embeddings, labels=None):
    """Features whose first hop is standardised: A_hat has an inverse, so that there are some."""
    first = matrix @ embeddings.astype(np.float64)
    first = (first - first.mean(axis=0)) / first.std(axis=0)
    if labels is not None:
        n_classes = labels.max() + 1
        first = np.concatenate([first, matrix @ oracles.one_hot(labels, n_classes) * math.sqrt(n_classes)], axis=1)
    return torch.from_numpy(np.linalg.solve(matrix, first))


# The graph


@backends
@pytest.mark.parametrize("k", [1, 5, 59])
@pytest.mark.parametrize("scale", [1, 20])
def test_the_normalised_graph_is_the_oracle_s(backend, k, scale):
    graph, matrix = graph_case(k=k, scale=scale, backend=backend)
    np.testing.assert_allclose(dense(graph), matrix, atol=1e-6)
    assert graph.weights.dtype == np.float32
    assert (np.diff(graph.columns)[np.diff(graph.rows) == 0] > 0).all()


def test_three_samples_on_a_line_that_a_person_can_check():
    # At 0, ln 2 and 3 ln 2: each one's nearest is the middle one or, of the middle one, the first.
    graph = _graph.neighbor_graph(np.array([[1], [0], [1]]), math.log(2) * np.array([[1.0], [1.0], [2.0]]))
    np.testing.assert_allclose(dense(graph), [[1, 1 / 2, 0], [1 / 2, 1, 1 / 4], [0, 1 / 4, 1]])
    expected = np.array([[1 / 1.5, 0.5 / math.sqrt(1.5 * 1.75), 0], [0, 1 / 1.75, 0.25 / math.sqrt(1.75 * 1.25)]])
    np.testing.assert_allclose(dense(_graph.normalise(graph))[:2].flat[[0, 1, 2, 4, 5]], expected.flat[[0, 1, 2, 4, 5]])


def test_a_sample_far_from_all_others_keeps_its_self_loop_alone():
    rows = np.array([[1, 2], [0, 2], [0, 1]])
    distances = np.array([[0.1, 1e4], [0.1, 1e4], [1e4, 1e4]], np.float32)
    matrix = dense(_graph.normalise(_graph.neighbor_graph(rows, distances)))
    assert matrix[2].tolist() == [0, 0, 1]
    assert matrix[0, 1] > 0.4


def test_weights_are_exp_of_minus_the_distance_up_to_where_float32_cannot_tell_them():
    rows, distances = np.array([[1], [0], [3], [2]]), np.array([[16.6], [16.6], [16.7], [16.7]])
    matrix = dense(_graph.neighbor_graph(rows, distances))
    assert matrix[0, 1] == math.exp(-16.6)
    assert matrix[2, 3] == 0


def test_duplicates_weigh_as_much_as_the_self_loop():
    graph = _graph.normalise(_graph.neighbor_graph(np.array([[1], [0]]), np.zeros((2, 1))))
    assert dense(graph).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_a_sample_that_is_given_as_its_own_neighbour_has_one_self_loop():
    graph = _graph.neighbor_graph(np.array([[0, 1], [1, 0]]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    np.testing.assert_allclose(dense(graph), [[1, math.exp(-1)], [math.exp(-1), 1]])


def test_parts_of_a_graph_are_parts_of_its_matrix():
    graph, _ = graph_case()
    matrix, rows = dense(graph), np.array([7, 3, 3, 59])
    part = _graph.take_rows(graph, rows)
    np.testing.assert_array_equal(dense(part), matrix[rows])
    small, reached = _graph.compact(part)
    np.testing.assert_array_equal(dense(small), matrix[rows][:, reached])
    assert reached.tolist() == sorted(set(np.flatnonzero(matrix[rows].any(axis=0))))
    np.testing.assert_array_equal(dense(_graph.transpose(part)), matrix[rows].T)
    assert dense(_graph.take_rows(graph, np.array([], np.int64))).shape == (0, 60)


def test_classes_are_counted_as_a_product_with_the_one_hot_labels():
    graph, matrix = graph_case()
    labels = samples_case()[1]
    counts = _graph.count_classes(graph, labels, 4)
    np.testing.assert_allclose(dense(counts), matrix @ oracles.one_hot(labels, 4), atol=1e-6)
    # One entry a class that a sample or a neighbour has: less than edges.
    assert len(counts.columns) == np.count_nonzero(matrix @ oracles.one_hot(labels, 4)) < len(graph.columns)


# Sampled neighbours


def test_sampled_neighbours_are_so_many_of_the_neighbours_and_the_sample_itself():
    graph, matrix = graph_case()
    rows = np.array([4, 50, 4])
    sampled = dense(_graph.sample_rows(graph, rows, 2, np.random.default_rng(0)))
    n_others = np.count_nonzero(matrix, axis=1) - 1
    assert n_others.min() > 2
    for row, weights in zip(rows, sampled, strict=True):
        others = np.flatnonzero(weights).tolist()
        others.remove(row)
        assert len(others) == 2
        assert weights[row] == pytest.approx(matrix[row, row], rel=1e-6)
        np.testing.assert_allclose(weights[others], matrix[row, others] * n_others[row] / 2, rtol=1e-6)
    assert not np.array_equal(sampled[0], sampled[2])


def test_as_many_as_there_are_is_all_of_them():
    graph, _ = graph_case()
    everyone = np.arange(60)
    sampled = _graph.sample_rows(graph, everyone, 60, np.random.default_rng(0))
    np.testing.assert_array_equal(dense(sampled), dense(graph))


def test_sampled_neighbours_are_right_on_average():
    graph, matrix = graph_case(n=20)
    rng, everyone = np.random.default_rng(0), np.arange(20)
    draws = np.array([dense(_graph.sample_rows(graph, everyone, 2, rng)) for _ in range(3000)])
    error = draws.std(axis=0) / math.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - matrix) < 5 * error + 1e-6).all()


# Layers


@backends
@pytest.mark.parametrize("labels", [True, False])
def test_predictions_equal_the_dense_oracle(backend, labels):
    nodes, matrix, embeddings, classes = nodes_case(backend, labels)
    network = network_case(nodes)
    expected, _ = oracle_output(network, matrix, oracle_features(matrix, embeddings, classes if labels else None))
    assert expected.std() > 0.1
    np.testing.assert_allclose(_gcn.predict(network, nodes), expected.detach(), rtol=1e-4, atol=1e-5)


@backends
def test_gradients_of_some_nodes_equal_those_of_the_dense_oracle(backend):
    nodes, matrix, embeddings, labels = nodes_case(backend)
    network, rows = network_case(nodes), np.array([3, 17, 41])
    network(*nodes.around(rows)).square().sum().backward()
    expected, copies = oracle_output(network, matrix, oracle_features(matrix, embeddings, labels))
    expected[rows].square().sum().backward()
    for parameter, copy in zip(parameters(network), copies, strict=True):
        scale = copy.grad.abs().max().item()
        np.testing.assert_allclose(parameter.grad, copy.grad, atol=1e-5 * scale)


@needs_dgl
def test_both_backends_have_the_same_outputs_and_gradients():
    outputs = {}
    for backend in ("torch", "dgl"):
        nodes, *_ = nodes_case(backend)
        network = network_case(nodes)
        predicted = network(*nodes.around(np.arange(60)))
        predicted.square().sum().backward()
        outputs[backend] = [predicted.detach(), *(p.grad for p in parameters(network))]
    for ours, theirs in zip(outputs["torch"], outputs["dgl"], strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-6 * theirs.abs().max().item())


@needs_dgl
def test_the_network_is_dgl_s_graph_convolutions():
    from score_extrapolation.extrapolators._gcn_dgl import EdgeWeightNorm, GraphConv, dgl

    embeddings, labels = samples_case()
    rows, distances = oracles.neighbors_among_all(embeddings, 5)
    nodes, matrix, *_ = nodes_case()
    network, hidden = network_case(nodes), oracle_features(matrix, embeddings, labels).float()
    raw = _graph.neighbor_graph(rows, distances)
    graph = dgl.graph((torch.from_numpy(raw.columns), torch.from_numpy(raw.rows)))
    weights = EdgeWeightNorm("both")(graph, torch.from_numpy(raw.weights).float())
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        convolution = GraphConv(*weight.shape, norm="none", activation=torch.relu if layer < 2 else None)
        convolution.weight.data, convolution.bias.data = weight.detach(), bias.detach()
        hidden = convolution(graph, hidden, edge_weight=weights)
    np.testing.assert_allclose(_gcn.predict(network, nodes), hidden[:, 0].detach(), rtol=1e-3, atol=1e-4)


def test_a_lookup_of_many_classes_equals_columns_of_few(monkeypatch):
    outputs = []
    for limit in (64, 2):
        monkeypatch.setattr(_gcn, "DENSE_CLASSES", limit)
        nodes, *_ = nodes_case()
        assert nodes.features.shape[1] == (9 if limit == 64 else 6)
        assert nodes.width == 9
        network = network_case(nodes)
        network(*nodes.around(np.array([3, 17]))).sum().backward()
        outputs.append([torch.from_numpy(_gcn.predict(network, nodes)), *(p.grad for p in parameters(network))])
    for columns, lookup in zip(*outputs, strict=True):
        np.testing.assert_allclose(columns, lookup, rtol=1e-4, atol=1e-5)


def test_no_array_of_samples_times_classes_is_made_of_a_thousand_classes():
    n, n_classes = 4000, 1000
    rng = np.random.default_rng(0)
    neighbors, classes = rng.integers(0, n, (n, 3)), rng.permutation(n) % n_classes
    graph = _graph.normalise(_graph.neighbor_graph(neighbors, rng.random((n, 3))))
    nodes = _gcn.Nodes(graph, rng.random((n, 5)), classes, _gcn.Hop, CPU)
    assert nodes.features.shape == (n, 5)
    assert len(nodes.counts.weights) <= len(graph.weights)


@pytest.mark.parametrize("block", [1, 7, 59, 60, 1000])
def test_prediction_layer_by_layer_equals_that_of_the_whole_graph_at_once(block, monkeypatch):
    nodes, *_ = nodes_case()
    network = network_case(nodes).eval()
    at_once = network(*nodes.around(np.arange(60))).detach()
    monkeypatch.setattr(_gcn, "BLOCK", block)
    np.testing.assert_allclose(_gcn.predict(network, nodes), at_once, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("block", [2, 1000])
def test_what_is_around_some_nodes_suffices_for_them(block, monkeypatch):
    nodes, *_ = nodes_case()
    network, rows = network_case(nodes).eval(), np.array([41, 3, 17])
    expected = _gcn.predict(network, nodes)[rows]
    inputs, hops = nodes.around(rows)
    assert len(inputs[0]) < 60
    np.testing.assert_allclose(network(inputs, hops).detach(), expected, rtol=1e-5, atol=1e-5)
    monkeypatch.setattr(_gcn, "BLOCK", block)
    np.testing.assert_allclose(_gcn.predict(network, nodes, nodes.parts(rows)), expected, rtol=1e-5, atol=1e-5)


def test_both_orders_of_sums_and_products_are_the_same():
    nodes, *_ = nodes_case()
    network = network_case(nodes).eval()
    orders = set()
    for rows in (np.array([3]), np.arange(60)):  # the first reads many more nodes than it has
        inputs, hops = nodes.around(rows)
        orders |= {2 * hop.graph.n_rows < hop.graph.n_columns for hop in hops}
        np.testing.assert_allclose(
            network(inputs, hops).detach(), _gcn.predict(network, nodes)[rows], rtol=1e-5, atol=1e-5
        )
    assert orders == {True, False}


def test_features_have_mean_0_and_deviation_1_and_a_constant_one_is_not_stretched():
    embeddings, _ = samples_case()
    graph, _ = graph_case()
    features = _gcn.Nodes(graph, np.concatenate([embeddings, np.zeros((60, 1))], 1), None, _gcn.Hop, CPU).features
    np.testing.assert_allclose(features.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(features.std(0, correction=0), [1] * 6 + [0], atol=1e-5)


def test_dropout_drops_its_share_and_leaves_the_mean():
    nodes, *_ = nodes_case()
    network = _gcn.GCN(nodes.width, 0.25, 0, CPU)
    hidden = torch.tensor([[2.0], [-1.0]]).expand(4000, 2, 128)
    units = network.train().units(hidden)
    assert set(units.unique().tolist()) == {0, 2}
    kept = (units[:, 0] > 0).float()
    assert kept.mean().item() == pytest.approx(0.75, abs=5 * math.sqrt(0.75 * 0.25 / kept.numel()))
    # Each unit its own draw: the share in a row varies as that of 128 independent ones does.
    assert kept.mean(dim=1).std().item() == pytest.approx(math.sqrt(0.75 * 0.25 / 128), rel=0.1)
    assert network.gain == pytest.approx(1 / 0.75)
    assert torch.equal(network.eval().units(hidden), torch.relu(hidden))
    assert network.gain == 1


def test_nothing_is_dropped_behind_the_first_hop_or_of_the_output():
    nodes, *_ = nodes_case()
    network = _gcn.GCN(nodes.width, 0.5, 0, CPU).train()
    inputs, _ = nodes.around(np.arange(60))
    assert torch.equal(network.first(inputs), network.first(inputs))


# Training


def learnable_case(n=300, m=120, seed=0):
    """Scores that the embedding and the label tell: the network can learn them."""
    embeddings, labels = samples_case(n, seed=seed)
    scores = 5 + 0.1 * (embeddings[:, 0] + 2 * (labels == 1))
    subset = np.sort(np.random.default_rng(seed + 1).permutation(n)[:m])
    return embeddings, labels, scores, subset


@pytest.mark.parametrize("batch", ["full", 16])
def test_it_learns_scores_of_samples_that_it_was_not_given(batch):
    embeddings, labels, scores, subset = learnable_case()
    fitted = GNNExtrapolator(k=5, batch=batch, dropout=0.2).fit(embeddings, subset, scores[subset], labels)
    residual = np.setdiff1d(np.arange(300), subset)
    predicted = fitted.predict()
    assert predicted.shape == (300,)
    assert predicted.dtype == np.float64
    assert np.corrcoef(predicted[residual], scores[residual])[0, 1] > 0.9
    # On the scale of the scores, not of the standardised ones.
    assert np.sqrt(np.mean((predicted - scores)[residual] ** 2)) < 0.5 * scores.std()


def test_scores_that_only_the_label_tells_are_learned_from_labels():
    embeddings, _, _, subset = learnable_case()
    labels = np.random.default_rng(7).integers(0, 3, 300)
    embeddings, scores, residual = 5 * embeddings, (labels == 1).astype(float), np.setdiff1d(np.arange(300), subset)
    for given, learned in ((labels, True), (None, False)):
        fitted = GNNExtrapolator(k=5, batch=16, dropout=0.2).fit(embeddings, subset, scores[subset], given)
        assert (np.corrcoef(fitted.predict()[residual], scores[residual])[0, 1] > 0.7) == learned


def test_the_best_epoch_is_the_one_that_predicts():
    embeddings, labels, scores, subset = learnable_case()
    fitted = GNNExtrapolator(k=5, batch=16, epochs=6).fit(embeddings, subset, scores[subset], labels)
    assert [row["epoch"] for row in fitted.history_] == [1, 2, 3, 4, 5, 6]
    best = max(fitted.history_, key=lambda row: row["validation_pearson"])
    assert (fitted.best_epoch_, fitted.validation_pearson_) == (best["epoch"], best["validation_pearson"])
    rows = fitted.validation_rows_
    correlation = np.corrcoef(fitted.predict()[rows], scores[rows])[0, 1]
    assert correlation == pytest.approx(best["validation_pearson"], abs=1e-6)
    # Where it is not the last, the last changes nothing.
    longer = GNNExtrapolator(k=5, batch=16, epochs=20).fit(embeddings, subset, scores[subset], labels)
    assert longer.best_epoch_ < 20
    shorter = GNNExtrapolator(k=5, batch=16, epochs=longer.best_epoch_).fit(embeddings, subset, scores[subset], labels)
    np.testing.assert_array_equal(shorter.predict(), longer.predict())


@pytest.mark.parametrize("patience", [1, 3, None])
def test_training_ends_when_it_has_been_no_better_for_so_many_epochs(patience, monkeypatch):
    reached = iter([0.1, 0.4, 0.4, 0.3, 0.2, 0.3, 0.9, *[0.0] * 9])
    monkeypatch.setattr(_gcn, "pearson", lambda *given: next(reached))
    embeddings, labels, scores, subset = learnable_case()
    extrapolator = GNNExtrapolator(k=5, epochs=9, batch=64, patience=patience)
    extrapolator.fit(embeddings, subset, scores[subset], labels)
    # The third is no worse than the second, and the one that counts.
    assert len(extrapolator.history_) == {1: 4, 3: 6, None: 9}[patience]
    assert extrapolator.best_epoch_ == {1: 3, 3: 3, None: 7}[patience]


def test_an_epoch_trains_on_so_many_at_most_drawn_anew(monkeypatch):
    embeddings, labels, scores, subset = learnable_case()
    seen, around = [], _gcn.Nodes.around
    monkeypatch.setattr(_gcn.Nodes, "around", lambda self, rows, *how: seen.append(rows) or around(self, rows, *how))
    monkeypatch.setattr(_gcn, "EPOCH_SAMPLES", 40)
    fitted = GNNExtrapolator(k=5, epochs=20, batch=16, patience=None).fit(embeddings, subset, scores[subset], labels)
    assert [len(rows) for rows in seen] == [16, 16, 8] * 20
    epochs = [np.concatenate(seen[start : start + 3]) for start in range(0, 60, 3)]
    assert all(len(set(rows.tolist())) == 40 for rows in epochs)
    trained = set(subset.tolist()) - set(fitted.validation_rows_.tolist())
    assert set(np.concatenate(epochs).tolist()) == trained


def test_a_tenth_of_the_subset_validates_and_is_not_learned():
    embeddings, labels, scores, subset = learnable_case()
    fitted = GNNExtrapolator(k=5, epochs=2).fit(embeddings, subset, scores[subset], labels)
    assert len(fitted.validation_rows_) == 12
    assert set(fitted.validation_rows_.tolist()) < set(subset.tolist())
    wrong = scores.copy()
    wrong[fitted.validation_rows_] = -scores[fitted.validation_rows_]
    again = GNNExtrapolator(k=5, epochs=2).fit(embeddings, subset, wrong[subset], labels)
    assert [row["loss"] for row in again.history_] == [row["loss"] for row in fitted.history_]
    assert again.validation_pearson_ != fitted.validation_pearson_


def test_of_a_large_subset_so_many_validate_and_no_more(monkeypatch):
    embeddings, labels, scores, subset = learnable_case()
    assert gnn.VALIDATION_MOST == 5000
    monkeypatch.setattr(gnn, "VALIDATION_MOST", 7)
    fitted = GNNExtrapolator(k=5, epochs=1).fit(embeddings, subset, scores[subset], labels)
    assert len(set(fitted.validation_rows_.tolist())) == 7


@pytest.mark.parametrize("options", [{}, {"batch": "full", "epochs": 12}], ids=["batches", "full"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(options):
    embeddings, labels, scores, subset = learnable_case()

    def predict(seed):
        return GNNExtrapolator(k=5, seed=seed, **options).fit(embeddings, subset, scores[subset], labels).predict()

    assert predict(3).tobytes() == predict(3).tobytes()
    assert not np.array_equal(predict(3), predict(4))


def test_relabelled_samples_have_permuted_predictions():
    embeddings, labels, scores, subset = learnable_case(n=80, m=40)
    order = np.random.default_rng(5).permutation(80)  # the old row of each new one
    new = np.argsort(order)
    predicted = []
    for vectors, classes, values, rows in (
        (embeddings, labels, scores, np.arange(80)),
        (embeddings[order], labels[order], scores[order], new),
    ):
        neighbors, distances = oracles.neighbors_among_all(vectors, 5)
        graph = _graph.normalise(_graph.neighbor_graph(neighbors, distances))
        nodes = _gcn.Nodes(graph, vectors, classes, _gcn.Hop, CPU)
        # Dropout and the split are drawn by position: the one is off, the other is given.
        network, training = _gcn.GCN(nodes.width, 0, 0, CPU), _gcn.Training(20, 1e-2, None, 1, "float32")
        trained, held_out = rows[subset[:30]], rows[subset[30:]]
        _gcn.train(
            *(network, nodes, training, 0, trained, values[trained].astype(np.float32), held_out, values[held_out])
        )
        predicted.append(_gcn.predict(network, nodes))
    assert predicted[0].std() > 0.01
    np.testing.assert_allclose(predicted[1][new], predicted[0], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind, epochs, learning_rate", [("auto", 25, 1e-3), ("full", 100, 1e-2), (7, 25, 1e-3)])
def test_epochs_and_learning_rate_go_with_the_kind_of_training(kind, epochs, learning_rate):
    training = GNNExtrapolator(batch=kind)._training()
    assert (training.epochs, training.learning_rate) == (epochs, learning_rate)
    assert training.batch == {"auto": 128, "full": None, 7: 7}[kind]
    own = GNNExtrapolator(batch=kind, epochs=3, learning_rate=0.5)._training()
    assert (own.epochs, own.learning_rate) == (3, 0.5)


def test_epochs_and_their_validation_pearson_are_logged(caplog):
    embeddings, labels, scores, subset = learnable_case()
    with caplog.at_level(logging.INFO, "score_extrapolation"):
        fitted = GNNExtrapolator(k=5, batch="full", epochs=12).fit(embeddings, subset, scores[subset], labels)
    assert [row["epoch"] for row in fitted.history_] == [5, 10, 12]
    for row in fitted.history_:
        line = f"gnn: epoch {row['epoch']} of 12, loss {row['loss']:.4f}, validation Pearson "
        assert line + f"{row['validation_pearson']:.4f}" in caplog.messages
    rows, apart = oracles.neighbors_among_all(embeddings, 5)
    edges = {
        frozenset((i, j)): math.exp(-d)
        for i, (near, distances) in enumerate(zip(rows, apart, strict=True))
        for j, d in zip(near, distances, strict=True)
    }
    between = 2 * sum(edges.values())
    expected = (len(rows), len(edges), 100 * between / (between + len(rows)))
    text = "gnn: %d samples, %d edges; %.1f %% of the graph's weight is between neighbours, the rest in self loops"
    assert text % expected in caplog.messages


def test_the_rate_rises_over_most_of_the_updates_and_falls_to_0_over_the_rest(monkeypatch):
    embeddings, labels, scores, subset = learnable_case()
    rates, update = [], _gcn._update
    monkeypatch.setattr(
        _gcn, "_update", lambda net, opt, *rest: rates.append(opt.param_groups[0]["lr"]) or update(net, opt, *rest)
    )
    options = {"k": 5, "batch": "full", "epochs": 9, "learning_rate": 0.02}
    GNNExtrapolator(**options).fit(embeddings, subset, scores[subset], labels)
    rising, falling = ([0.02 * share for share in shares] for shares in (np.arange(1, 8) / 7, (2 / 3, 1 / 3)))
    assert rates == pytest.approx([*rising, *falling])


def test_as_many_units_are_dropped_as_bytes_can_say():
    for dropout, dropped in ((0.0, 0), (0.5, 128), (0.9, 230), (0.99, 253)):
        network = _gcn.GCN(4, dropout, 0, CPU)
        assert network.train().gain == pytest.approx(256 / (256 - dropped))
        assert network.eval().gain == 1


def test_the_loss_of_an_epoch_is_the_mean_over_its_samples_in_batches_too():
    embeddings, labels, scores, subset = learnable_case()
    still = {"k": 5, "epochs": 1, "dropout": 0.0, "learning_rate": 1e-12, "fanout": 300}  # nothing is left out
    losses = [
        GNNExtrapolator(**still, batch=batch).fit(embeddings, subset, scores[subset], labels).history_[0]["loss"]
        for batch in ("full", 16, 1000)
    ]
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-4)


def test_one_neighbour_of_each_sample_is_enough_for_a_batch():
    embeddings, labels, scores, subset = learnable_case()
    fitted = GNNExtrapolator(k=5, epochs=1, fanout=1).fit(embeddings, subset, scores[subset], labels)
    assert np.isfinite(fitted.predict()).all()


# What is hard


@pytest.mark.parametrize("scale", [0, 1e-3, 1e3, 1e6])
def test_scores_are_finite_at_any_distance_and_among_duplicates(scale):
    embeddings, labels, scores, subset = learnable_case(n=60, m=30)
    embeddings = np.concatenate([embeddings[:40], embeddings[:20]]) * np.float32(scale)
    fitted = GNNExtrapolator(k=5, epochs=2).fit(embeddings, subset, scores[subset], labels)
    assert np.isfinite(fitted.predict()).all()


def test_duplicates_of_one_label_have_one_score():
    embeddings, labels, scores, subset = learnable_case(n=60, m=30)
    embeddings[49:], labels[49:] = embeddings[0] + 100, labels[0]  # eleven, each the others' ten nearest
    predicted = GNNExtrapolator(k=10, epochs=2).fit(embeddings, subset, scores[subset], labels).predict()
    np.testing.assert_allclose(predicted[49:], predicted[49], rtol=1e-6)
    assert len(np.unique(predicted[:49])) == 49


@pytest.mark.parametrize("value", [0.1, 0.0, -7.7])
def test_constant_scores_give_that_score(value):
    embeddings, labels, _, subset = learnable_case(n=60, m=30)
    fitted = GNNExtrapolator(k=5, epochs=3).fit(embeddings, subset, np.full(30, value), labels)
    np.testing.assert_allclose(fitted.predict(), value, rtol=1e-12)
    assert math.isnan(fitted.validation_pearson_)
    assert fitted.best_epoch_ == 3  # where none is best, the last


@pytest.mark.parametrize("m", [1, 2, 3, 59, 60])
@pytest.mark.parametrize("batch", ["full", 1])
def test_any_size_of_the_subset_gives_finite_scores(m, batch):
    embeddings, labels, scores, _ = learnable_case(n=60)
    fitted = GNNExtrapolator(k=5, epochs=2, batch=batch).fit(embeddings, np.arange(m), scores[:m], labels)
    assert np.isfinite(fitted.predict()).all()
    assert len(fitted.validation_rows_) == {1: 0, 2: 1, 3: 1, 59: 6, 60: 6}[m]


def test_half_precision_embeddings_and_any_integers_as_labels_are_taken():
    embeddings, labels, scores, subset = learnable_case()
    embeddings = embeddings.astype(np.float16)
    neighbors = oracles.neighbors_among_all(embeddings, 5)
    plain = GNNExtrapolator(k=5, epochs=2).fit_graph(embeddings, *neighbors, subset, scores[subset], labels)
    moved = GNNExtrapolator(k=5, epochs=2).fit_graph(embeddings, *neighbors, subset, scores[subset], 7 * labels - 9)
    np.testing.assert_array_equal(plain.predict(), moved.predict())


# As a stage


def tables_case(n=90, m=40, k=8, ids=None):
    rng = np.random.default_rng(0)
    ids = np.arange(n) if ids is None else ids
    vectors, labels = samples_case(n)
    embeddings, samples = {"sample_id": ids, "embedding": vectors}, {"sample_id": ids, "label": labels}
    subset_ids = ids[np.sort(rng.permutation(n)[:m])]
    neighbors, _ = find_scope("all", embeddings, subset_ids, k, samples)
    scores = rng.random(m).astype(np.float32)
    known = {"sample_id": subset_ids, "score": scores, "draws": certain_draws(scores)}
    tables = {"embeddings": embeddings, "samples": samples, "neighbors/all": neighbors, "scores": known}
    return subset_ids, scores, tables


def test_the_stage_equals_the_class():
    subset_ids, scores, tables = tables_case(k=8)
    columns = extrapolate({"name": "gnn", "k": 5, "epochs": 2}, subset_ids, scores, tables)
    labels, vectors = tables["samples"]["label"], tables["embeddings"]["embedding"]
    expected = GNNExtrapolator(k=5, epochs=2).fit(vectors, subset_ids, scores, labels).predict()
    computed = columns["computed"]
    np.testing.assert_array_equal(columns["sample_id"][computed], subset_ids)
    np.testing.assert_array_equal(columns["score"][computed], scores)
    np.testing.assert_array_equal(columns["sample_id"][~computed], np.setdiff1d(np.arange(90), subset_ids))
    np.testing.assert_allclose(columns["score"][~computed], expected[columns["sample_id"][~computed]], rtol=1e-5)
    assert np.isnan(columns["spread"]).all()


def test_samples_are_aligned_by_their_ids():
    subset_ids, scores, tables = tables_case()
    ids, predicted, *_ = gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables)
    subset_ids, _, tables = tables_case(ids=np.arange(90) * 3 + 7)
    for name in ("samples", "neighbors/all"):  # a first row that the other tables do not have
        tables[name] = {key: np.concatenate([column[:1], column]) for key, column in tables[name].items()}
        tables[name]["sample_id"][0] = 1
    new_ids, moved, *_ = gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables)
    np.testing.assert_array_equal(new_ids, ids * 3 + 7)
    np.testing.assert_array_equal(moved, predicted)


def test_the_seed_of_the_experiment_changes_the_scores():
    subset_ids, scores, tables = tables_case()
    first, again, other = (
        gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables, seed=seed)[1] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_without_labels_the_table_of_samples_is_not_read():
    subset_ids, scores, tables = tables_case()
    assert Options().needs() == ("neighbors/all", "embeddings", "samples")
    options = Options(k=5, epochs=2, labels=False)
    assert options.needs() == ("neighbors/all", "embeddings")
    del tables["samples"]
    _, predicted, *_ = gnn.extrapolate(options, subset_ids, scores, tables)
    vectors = tables["embeddings"]["embedding"]
    expected = GNNExtrapolator(k=5, epochs=2).fit(vectors, subset_ids, scores).predict()
    np.testing.assert_allclose(predicted, np.delete(expected, subset_ids), rtol=1e-5)


def test_one_residual_sample_is_scored():
    subset_ids, scores, tables = tables_case(n=20, m=19)
    ids, predicted, spread, draws = gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables)
    assert ids.tolist() == np.setdiff1d(np.arange(20), subset_ids).tolist()
    assert np.isfinite(predicted).all()
    assert np.isnan(spread).tolist() == [True]
    assert draws.shape == (1, DRAWS)


# Draws


def test_draws_are_predictions_and_what_the_network_was_short_of_on_samples_that_validated():
    subset_ids, scores, tables = tables_case(n=300, m=200)
    ids, _, _, draws = gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables)
    vectors, labels = tables["embeddings"]["embedding"], tables["samples"]["label"]
    network = GNNExtrapolator(k=5, epochs=2).fit(vectors, subset_ids, scores, labels)
    of = np.searchsorted(subset_ids, network.validation_rows_)
    assert len(of) == 20
    predictions = network.predict()
    np.testing.assert_allclose(network.validation_predictions_, predictions[network.validation_rows_], atol=1e-6)
    residuals = scores[of] - predictions[network.validation_rows_]
    added = draws - predictions[ids, None]
    nearest = np.abs(added[..., None] - residuals).min(axis=-1)
    assert nearest.max() < 1e-5
    assert len(np.unique(added.round(4))) == 20
    assert added.mean() == pytest.approx(residuals.mean(), abs=0.05)
    np.testing.assert_allclose(network.draw()[ids], draws, atol=1e-5)


def test_where_the_subset_s_scores_are_uncertain_so_is_what_the_network_was_short_of():
    subset_ids, scores, tables = tables_case(n=300, m=200)
    plain = gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables)
    spread_out = scores[:, None] + np.random.default_rng(0).normal(0, 10, (200, DRAWS)).astype(np.float32)
    tables["scores"] = tables["scores"] | {"draws": spread_out}
    wider = gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables)
    np.testing.assert_array_equal(wider[1], plain[1])
    assert wider[3].std() == pytest.approx(10, rel=0.15)
    assert plain[3].std() < 1


def test_of_one_labelled_sample_nothing_validates_and_draws_are_predictions():
    subset_ids, scores, tables = tables_case(n=20, m=1)
    _, predicted, _, draws = gnn.extrapolate(Options(k=5, epochs=2), subset_ids, scores, tables)
    np.testing.assert_array_equal(draws, np.repeat(predicted[:, None], DRAWS, axis=1).astype(np.float32))


# Faults


def test_more_neighbours_than_are_stored_are_an_error():
    subset_ids, scores, tables = tables_case(k=5)
    with pytest.raises(ValueError, match="k = 6, but 5 neighbours are stored"):
        extrapolate({"name": "gnn", "k": 6}, subset_ids, scores, tables)


@pytest.mark.parametrize(
    "options",
    [{"k": 0}, {"batch": 0}, {"batch": "half"}, {"batch": True}, {"dropout": 1.0}, {"fanout": 0}, {"backend": "jax"}],
    ids=str,
)
def test_a_wrong_option_is_refused(options):
    with pytest.raises(ValueError, match="|".join(options)):
        GNNExtrapolator(**options)


def test_what_does_not_fit_together_is_refused():
    embeddings, labels, scores, subset = learnable_case(n=60, m=30)
    fit = GNNExtrapolator(k=5).fit
    with pytest.raises(ValueError, match="30 subset ids and 29 scores"):
        fit(embeddings, subset, scores[:29])
    with pytest.raises(ValueError, match="0 subset ids and 0 scores"):
        fit(embeddings, [], [])
    with pytest.raises(ValueError, match="60 embeddings and 59 labels"):
        fit(embeddings, subset, scores[:30], labels[1:])
    for rows in (np.zeros(30, int), np.arange(31, 61), np.arange(35, 65), np.arange(-1, 29)):
        with pytest.raises(ValueError, match="rows of the embeddings, 0 to 59, each once"):
            fit(embeddings, rows, scores[:30])


def test_faults_of_the_user_are_sentences(monkeypatch):
    embeddings, _, scores, subset = learnable_case(n=60, m=30)
    with pytest.raises(InputFault, match="k = 60 neighbours of 59 other samples"):
        GNNExtrapolator(k=60).fit(embeddings, subset, scores[:30])
    with pytest.raises(InputFault, match="2 of the subset's 30 scores are infinite or NaN"):
        GNNExtrapolator(k=5).fit(embeddings, subset, np.r_[np.nan, np.inf, scores[:28]])
    with pytest.raises(InputFault, match="training diverged; lower its learning_rate"):
        GNNExtrapolator(k=5, epochs=3, learning_rate=1e30).fit(embeddings, subset, scores[:30]).predict()
    if not torch.cuda.is_available():
        with pytest.raises(InputFault, match="torch finds no CUDA device here"):
            GNNExtrapolator(k=5, device="cuda").fit(embeddings, subset, scores[:30])


@needs_dgl
def test_dgl_is_for_the_cpu_and_trains_as_torch_does():
    embeddings, labels, scores, subset = learnable_case()
    settings = {"k": 5, "epochs": 2, "precision": "float32"}
    ours, theirs = (
        GNNExtrapolator(backend=backend, **settings).fit(embeddings, subset, scores[subset], labels).predict()
        for backend in ("torch", "dgl")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)
    with pytest.raises(InputFault, match="dgl is for the CPU alone"):
        GNNExtrapolator(backend="dgl", device="cuda").fit(embeddings, subset, scores[subset], labels)


@pytest.mark.slow
def test_dgl_that_cannot_be_imported_is_a_sentence_and_is_imported_in_one_file_alone():
    library = Path(gnn.__file__).parents[2]
    program = """
import sys
sys.modules["dgl"] = None
import numpy as np
from score_extrapolation import GNNExtrapolator
from score_extrapolation.faults import InputFault
vectors = np.random.default_rng(0).random((20, 3))
print(len(GNNExtrapolator(k=3, epochs=1).fit(vectors, range(9), range(9)).predict()))
try:
    GNNExtrapolator(k=3, backend="dgl").fit(vectors, range(9), range(9))
except InputFault as fault:
    print(fault)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=library, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first == "20"
    assert "DGL cannot be imported here" in second and "set backend: torch" in second
    naming = [path.name for path in library.rglob("*.py") if "import dgl" in path.read_text()]
    assert naming == ["_gcn_dgl.py"]
