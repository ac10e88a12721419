"""Predictions of unseen samples and embeddings, against a pass of each network over the same images."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import one_hot

import oracles
from score_extrapolation import shards
from score_extrapolation.io.tables import read_table, write_vectors
from score_extrapolation.models import build_model, save_model
from score_extrapolation.training import inference, prediction
from score_extrapolation.training.inference import embed_store, predict_unseen

N, SHAPE, N_CLASSES = 40, (6, 6, 1), 3
IDS = np.sort(np.random.default_rng(5).permutation(N)[:25])  # of the samples of a part: neither all nor from 0 on
SUBSET_IDS = IDS[[0, 3, 4, 9, 20, 24]]
UNSEEN = np.setdiff1d(IDS, SUBSET_IDS)
LABELS = np.random.default_rng(6).integers(0, N_CLASSES, N)
NETWORKS = ("epoch-2", "epoch-9", "epoch-10", "model")  # in the order of training, which is not that of their names


def make_network(seed):
    """Return a network of its own, with statistics of batches that are not those of a fresh one."""
    torch.manual_seed(seed)
    network = build_model({"name": "convnet", "width": 2}, SHAPE, N_CLASSES, [0.5], [0.25])
    network.train()(torch.randint(0, 256, (16, *SHAPE), dtype=torch.uint8))
    with torch.no_grad():
        network.head.weight.mul_(20)  # so that samples are told apart
    return network.eval()


@pytest.fixture
def trained(tmp_path):
    """A folder with the store, the networks of a training, and their paths by the names of arguments."""
    np.save(tmp_path / "train.npy", np.random.default_rng(3).integers(0, 256, (N, *SHAPE), dtype=np.uint8))
    paths = {name: tmp_path / "snapshots" / f"{name}.safetensors" for name in NETWORKS[:-1]}
    paths["model"] = tmp_path / "model.safetensors"
    for seed, name in enumerate(NETWORKS):
        save_model(paths[name], make_network(seed))
    return tmp_path


def embedded(folder, ids=IDS):
    return embed_store(make_network(len(NETWORKS) - 1), folder / "train.npy", ids, "float32", "cpu")


def predict(folder, **changes):
    arguments = {
        "samples": {"sample_id": IDS, "label": LABELS[IDS]},
        "subset_ids": SUBSET_IDS,
        "embeddings": {"sample_id": IDS, "embedding": embedded(folder)},
        "model_path": folder / "model.safetensors",
        "snapshots_path": folder / "snapshots",
        "precision": "float32",
        "device": "cpu",
    }
    return predict_unseen(folder / "train.npy", **(arguments | changes))


def by_a_direct_pass(folder, ids, names=NETWORKS):
    """Return probability of the label and entropy in nats, (q, p), of each network called on the images themselves."""
    images = torch.from_numpy(np.load(folder / "train.npy")[ids])
    probabilities, entropies = [], []
    for name in names:
        with torch.no_grad():
            outputs = oracles.softmax(make_network(NETWORKS.index(name))(images).double().numpy())
        probabilities.append([outputs[row, LABELS[sample]] for row, sample in enumerate(ids)])
        entropies.append([-sum(p * math.log(p) for p in sample) for sample in outputs])
    return np.array(probabilities).T, np.array(entropies).T


def test_each_network_predicts_each_unseen_sample_as_a_direct_pass_does(trained):
    columns = predict(trained)
    np.testing.assert_array_equal(columns["sample_id"], UNSEEN)
    probability, entropy = by_a_direct_pass(trained, UNSEEN)
    assert columns["probability"].shape == columns["entropy"].shape == (len(UNSEEN), len(NETWORKS))
    assert columns["probability"].dtype == columns["entropy"].dtype == np.float32
    np.testing.assert_allclose(columns["probability"], probability, atol=1e-5)
    np.testing.assert_allclose(columns["entropy"], entropy, atol=1e-5)
    # What is compared tells the samples, the labels and the networks apart.
    assert np.ptp(probability, axis=0).min() > 0.1
    assert np.abs(np.diff(probability, axis=1)).max(axis=0).min() > 0.1


def test_a_sample_is_predicted_the_same_whatever_else_is_predicted(trained):
    columns = predict(trained)
    fewer = predict(trained, subset_ids=UNSEEN[::2])
    assert set(fewer["sample_id"]) == set(IDS) - set(UNSEEN[::2])
    rows = [list(fewer["sample_id"]).index(sample) for sample in UNSEEN[1::2]]
    np.testing.assert_allclose(fewer["probability"][rows], columns["probability"][1::2], atol=1e-6)


def test_embeddings_are_found_by_their_ids(trained):
    everything = {"sample_id": np.arange(N), "embedding": embedded(trained, np.arange(N))}
    of_all, of_the_part = predict(trained, embeddings=everything), predict(trained)
    np.testing.assert_allclose(of_all["probability"], of_the_part["probability"], atol=1e-6)
    missing = np.setdiff1d(UNSEEN, IDS[:-4])
    with pytest.raises(KeyError, match=f"sample_id {missing[0]} is not in the table"):
        predict(trained, embeddings={"sample_id": IDS[:-4], "embedding": everything["embedding"][IDS[:-4]]})


def test_embeddings_of_half_precision_lose_little(trained):
    table = {"sample_id": IDS, "embedding": embedded(trained).astype(np.float16)}
    columns = predict(trained, embeddings=table)
    probability, entropy = by_a_direct_pass(trained, UNSEEN)
    np.testing.assert_allclose(columns["probability"], probability, atol=0.01)
    np.testing.assert_allclose(columns["entropy"], entropy, atol=0.01)


@pytest.mark.parametrize("batch", [1, 4, 7, 1000])
def test_how_many_are_predicted_at_a_time_changes_nothing(trained, monkeypatch, batch):
    expected = predict(trained)
    monkeypatch.setattr(inference, "BATCH", batch)
    columns = predict(trained)
    assert columns.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(columns[name], values, atol=1e-6)


@pytest.mark.parametrize("n_shards", [1, 2, 3, 9])
def test_shards_are_embedded_and_predicted_to_the_bit_as_all_samples_are(trained, monkeypatch, n_shards):
    for module in (shards, prediction, inference):
        monkeypatch.setattr(module, "BATCH", 4)
    expected, vectors = predict(trained), embedded(trained)
    columns, found = [], []
    for number in range(1, n_shards + 1):
        ids = IDS[shards.shard_rows((number, n_shards), len(IDS))]
        found.append(embedded(trained, ids))
        of_shard = {"sample_id": ids, "embedding": found[-1]}
        columns.append(predict(trained, samples={"sample_id": ids, "label": LABELS[ids]}, embeddings=of_shard))
    np.testing.assert_array_equal(np.concatenate(found), vectors)
    for name, values in expected.items():
        np.testing.assert_array_equal(np.concatenate([of_shard[name] for of_shard in columns]), values)


def test_without_snapshots_there_is_the_last_network_alone(trained):
    (trained / "none").mkdir()
    columns = predict(trained, snapshots_path=trained / "none")
    probability, _ = by_a_direct_pass(trained, UNSEEN, ["model"])
    assert columns["entropy"].shape == (len(UNSEEN), 1)
    np.testing.assert_allclose(columns["probability"], probability, atol=1e-5)


def test_where_nothing_is_unseen_there_are_no_rows(trained):
    columns = predict(trained, subset_ids=IDS)
    assert columns["sample_id"].shape == (0,)
    assert columns["probability"].shape == columns["entropy"].shape == (0, len(NETWORKS))


def test_one_who_knows_nothing_and_one_who_is_sure_by_hand(trained):
    """Of equal logits the entropy is ln C; of logits that no float tells from certainty it is 0, and no NaN."""
    unsure, sure = (make_network(0) for _ in range(2))
    with torch.no_grad():
        for network in (unsure, sure):
            network.head.weight.zero_()
            network.head.bias.zero_()
        sure.head.bias.copy_(1e4 * one_hot(torch.tensor(1), N_CLASSES))
    save_model(trained / "by_hand" / "epoch-1.safetensors", unsure)
    save_model(trained / "by_hand" / "model.safetensors", sure)
    columns = predict(trained, snapshots_path=trained / "by_hand", model_path=trained / "by_hand" / "model.safetensors")
    np.testing.assert_allclose(columns["probability"][:, 0], 1 / 3, rtol=1e-6)
    np.testing.assert_allclose(columns["entropy"][:, 0], math.log(3), rtol=1e-6)
    np.testing.assert_array_equal(columns["probability"][:, 1], LABELS[UNSEEN] == 1)
    np.testing.assert_allclose(columns["entropy"][:, 1], 0, atol=1e-6)


def test_the_columns_are_written_and_read_back(trained):
    columns = predict(trained)
    write_vectors(trained / "predictions.parquet", {}, **columns)
    read = read_table(trained / "predictions.parquet")
    assert list(read) == ["sample_id", "probability", "entropy"]
    for name, values in columns.items():
        np.testing.assert_array_equal(read[name], values)


# Embeddings


@pytest.mark.parametrize("batch", [1, 4, 1000])
def test_the_samples_asked_for_are_embedded_in_their_order(trained, monkeypatch, batch):
    monkeypatch.setattr(prediction, "BATCH", batch)
    ids = np.array([7, 3, 39, 0, 21, 12])
    network = make_network(1).train()
    embeddings = embed_store(network, trained / "train.npy", ids, "float32", "cpu")
    assert embeddings.dtype == np.float32
    assert not network.training
    with torch.no_grad():
        expected = make_network(1).embed(torch.from_numpy(np.load(trained / "train.npy")[ids])).numpy()
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)
    assert len(np.unique(expected.round(3), axis=0)) == len(ids)


def test_what_takes_long_to_import_is_left_alone(trained):
    """Each of them takes longer than the work of a small job."""
    write_vectors(trained / "samples.parquet", {}, sample_id=IDS, embedding=embedded(trained))
    code = """if True:
        import sys
        import torch
        from score_extrapolation.models import load_model
        from score_extrapolation.io.tables import read_table, write_vectors
        from score_extrapolation.training.inference import embed_store
        from score_extrapolation.training.optimizers import make_optimizer
        from score_extrapolation.training.recipe import Optimizer
        ids = read_table("samples.parquet")["sample_id"]
        network = load_model("model.safetensors")
        embedding = embed_store(network, "train.npy", ids, "float32", "cpu")
        write_vectors("embeddings.parquet", {}, sample_id=ids, embedding=embedding)
        optimizer = make_optimizer(network, Optimizer(name="adam", learning_rate=0.1, weight_decay=0.0))
        network.train()(torch.zeros(2, 6, 6, 1, dtype=torch.uint8)).sum().backward()
        optimizer.step()
        print(*{"torch._inductor", "torch._dynamo", "scipy.optimize", "pyarrow.dataset"} & set(sys.modules))
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran = subprocess.run([sys.executable, "-c", code], cwd=trained, env=environment, capture_output=True, text=True)
    assert (ran.stdout.strip(), ran.returncode) == ("", 0), ran.stderr
