"""How many samples lie farther from the subset than it reaches: as brute force says, and a word to who prunes."""

import logging

import numpy as np
import pytest

import oracles
from score_extrapolation import neighbors
from score_extrapolation.neighbors import Base, find_scope


def scope_case(n=300, m=120, d=6, n_classes=4, away=0.0, seed=0):
    """Return embeddings, subset ids and samples; the rest lies `away` from the subset."""
    rng = np.random.default_rng(seed)
    ids, in_subset = 7 + 3 * np.arange(n), np.isin(np.arange(n), rng.permutation(n)[:m])
    vectors = (rng.normal(size=(n, d)) + away * ~in_subset[:, None]).astype(np.float32)
    samples = {"sample_id": ids, "label": rng.integers(0, n_classes, n)}
    return {"sample_id": ids, "embedding": vectors}, ids[in_subset], samples


def far_by_hand(scope, embeddings, subset_ids, samples, drawn=None):
    """Return the reach of the subset and the share beyond it, by full matrices of distances."""
    inside = np.isin(embeddings["sample_id"], subset_ids)
    base, queries = embeddings["embedding"][inside], embeddings["embedding"][~inside]
    labels = samples["label"] if scope == "label" else np.zeros(len(inside), int)
    reaches = []
    for row in range(len(base)) if drawn is None else drawn:
        others = np.delete(np.arange(len(base)), row)
        found = oracles.label_neighbors(base[others], labels[inside][others], base[[row]], labels[inside][[row]], k=1)
        reaches.append(found[1][0, 0])
    reach = sorted(reaches)[int(np.ceil(0.99 * len(reaches))) - 1]
    _, nearest = oracles.label_neighbors(base, labels[inside], queries, labels[~inside], k=1)
    return reach, (nearest[:, 0] > reach * (1 + 1e-6)).mean()


@pytest.mark.parametrize("scope", ["subset", "label"])
@pytest.mark.parametrize("away", [0.0, 0.5, 20.0])
@pytest.mark.parametrize("m", [2, 40, 120])
def test_the_share_is_that_of_brute_force(scope, away, m):
    case = scope_case(m=m, away=away)
    _, metrics = find_scope(scope, *case[:2], 1, case[2])
    reach, share = far_by_hand(scope, *case)
    assert metrics["far_distance"] == pytest.approx(reach, rel=1e-5)
    assert metrics["far_share"] == share
    assert away < 20 or share == 1


def test_of_a_large_subset_some_are_drawn(monkeypatch):
    monkeypatch.setattr(neighbors, "FAR_QUERIES", 30)
    case = scope_case(away=0.3)
    metrics = [find_scope("subset", *case[:2], 2, case[2], seed=seed)[1] for seed in (0, 0, 1)]
    drawn = np.random.default_rng(neighbors.derive_seed(0, "neighbors/far")).permutation(120)[:30]
    reach, share = far_by_hand("subset", *case, drawn)
    assert (metrics[0]["far_distance"], metrics[0]["far_share"]) == (pytest.approx(reach, rel=1e-5), share)
    assert metrics[0] == metrics[1] != metrics[2]


@pytest.mark.parametrize("method", ["ivf", "exact"])
def test_it_is_the_same_whatever_finds_the_neighbours(method):
    case = scope_case(away=0.5)
    found = find_scope("subset", *case[:2], 3, case[2], method)[1]
    exactly = find_scope("subset", *case[:2], 3, case[2])[1]
    assert found["far_distance"] == exactly["far_distance"]
    assert found["far_share"] == pytest.approx(exactly["far_share"], abs=0.05)


def test_each_shard_has_its_own_share_of_the_one_reach():
    embeddings, subset_ids, samples = scope_case(away=0.5)
    inside = np.isin(embeddings["sample_id"], subset_ids)
    base = {name: values[inside] for name, values in embeddings.items()}
    whole, n_far = find_scope("subset", embeddings, subset_ids, 3, samples)[1], 0
    for rows in (slice(0, 100), slice(100, 300)):
        shard = {name: values[rows] for name, values in embeddings.items()}
        _, metrics = find_scope("subset", shard, subset_ids, 3, samples, base=Base(120, iter([base])))
        assert metrics["far_distance"] == whole["far_distance"]
        n_far += round(metrics["far_share"] * metrics["n"])
    assert n_far == round(whole["far_share"] * whole["n"]) > 0


def test_duplicates_reach_nowhere_and_what_equals_them_is_not_far():
    embeddings, subset_ids, samples = scope_case(n=40, m=20)
    embeddings["embedding"][:] = 3.0
    embeddings["embedding"][~np.isin(embeddings["sample_id"], subset_ids)] += np.repeat([0.0, 1.0], 10)[:, None]
    for scope in ("subset", "label"):
        metrics = find_scope(scope, embeddings, subset_ids, 5, samples | {"label": np.zeros(40, int)})[1]
        assert (metrics["far_distance"], metrics["far_share"]) == (0.0, 0.5)


def test_what_is_undefined_is_null():
    embeddings, subset_ids, samples = scope_case(n=30, m=1)
    metrics = find_scope("subset", embeddings, subset_ids, 1, samples)[1]
    assert (metrics["far_distance"], metrics["far_share"]) == (None, None)
    everything = find_scope("subset", embeddings, embeddings["sample_id"], 1, samples)[1]
    assert everything["far_distance"] > 0 and everything["far_share"] is None
    assert "far_share" not in find_scope("all", embeddings, subset_ids, 1, samples)[1]


def test_of_many_far_samples_there_is_one_sentence_and_of_others_none(caplog):
    far, near = scope_case(away=20.0), scope_case(m=290)
    with caplog.at_level(logging.WARNING, "score_extrapolation"):
        find_scope("subset", *near[:2], 1, near[2])
        assert not caplog.records
        find_scope("subset", *far[:2], 1, far[2])
    (record,) = caplog.records
    assert record.getMessage() == (
        "neighbors: 180 of 180 samples are farther from the subset than 99 % of its samples are from each other; "
        "scores that are extrapolated to them are guesses"
    )
