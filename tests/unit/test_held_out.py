"""Held-out dynamics: learned within the subset and applied outside of it, all looked up by sample_id."""

import numpy as np
import pytest

import oracles
from score_extrapolation import HeldOutExtrapolator
from score_extrapolation.evaluation.agreement import pearson
from score_extrapolation.extrapolators import _forest, extrapolate, held_out
from score_extrapolation.extrapolators._forest import Forest
from score_extrapolation.extrapolators._step_up import step_up
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import DRAWS
from score_extrapolation.neighbors import find_scope

K = 8  # neighbours that are stored


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(_forest, "TREES", 100)


def world(n=300, m=180, nested_m=80, seed=0, near=0.05):
    """Return ids, subset ids, their scores, tables, and the true scores of all.

    A sample's score tells how hard it is, and so do probabilities of its label, by three networks of either training
    that have not seen it; where it lies, says little of that.
    """
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(9000, n, replace=False))
    hardness = rng.random(n)
    truth = 1 - np.abs(2 * hardness - 1) + rng.normal(0, 0.03, n)
    samples = {"sample_id": ids, "label": rng.integers(0, 3, n)}
    subset_rows = np.sort(rng.permutation(n)[:m])
    nested_rows = subset_rows[np.sort(rng.permutation(m)[:nested_m])]
    tables = {}
    for prefix, among, known in (("", np.arange(n), subset_rows), ("nested/", subset_rows, nested_rows)):
        vectors = np.column_stack([near * hardness[among], rng.normal(0, 0.2, (len(among), 2))]).astype(np.float32)
        embeddings = {"sample_id": ids[among], "embedding": vectors}
        unseen = np.setdiff1d(among, known)
        probability = 1 / (1 + np.exp(6 * hardness[unseen, None] - [1, 3, 5]))
        probability = np.clip(probability + rng.normal(0, 0.02, probability.shape), 0, 1).astype(np.float32)
        entropy = rng.random(probability.shape).astype(np.float32)
        tables[f"{prefix}predictions"] = {"sample_id": ids[unseen], "probability": probability, "entropy": entropy}
        for scope in ("subset", "label"):
            tables[f"{prefix}neighbors/{scope}"] = find_scope(scope, embeddings, ids[known], K, samples)[0]
    nested_scores = rng.random(nested_m).astype(np.float32)
    tables["nested/scores"] = {"sample_id": ids[nested_rows], "score": nested_scores}
    return ids, ids[subset_rows], truth[subset_rows].astype(np.float32), tables, truth


def chosen(**options):
    return {"name": "held_out", "k": 5, **options}


def fit_case(q=60, seed=0):
    """Return probabilities, entropies and neighbours' scores, and scores that follow from them in part."""
    rng = np.random.default_rng(seed)
    probability, entropy, neighbor_scores = rng.random((q, 3)), rng.random((q, 3)), rng.random(q)
    return (probability, entropy, neighbor_scores), probability.mean(axis=1) + 0.3 * neighbor_scores


def residual(columns):
    return columns["sample_id"][~columns["computed"]], columns["score"][~columns["computed"]]


def test_what_is_learned_within_the_subset_holds_outside_of_it_and_beats_neighbours():
    ids, subset_ids, scores, tables, truth = world(n=900, m=600, nested_m=300)
    true_score = dict(zip(ids.tolist(), truth, strict=True))
    agreement = {}
    for name, options in {"held_out": chosen(), "blind": chosen(labels=False), "knn": {"name": "knn", "k": 5}}.items():
        sample_ids, estimates = residual(extrapolate(options, subset_ids, scores, tables))
        assert sample_ids.tolist() == sorted(set(ids.tolist()) - set(subset_ids.tolist()))
        agreement[name] = pearson(estimates, np.array([true_score[i] for i in sample_ids.tolist()]))
    assert agreement["held_out"] > 0.95
    assert max(agreement["knn"], agreement["blind"]) < 0.5


def test_neighbours_are_what_counts_where_predictions_say_nothing():
    ids, subset_ids, scores, tables, truth = world(n=600, m=400, nested_m=200, near=20)
    rng = np.random.default_rng(0)
    for name in ("predictions", "nested/predictions"):
        tables[name]["probability"] = rng.random(tables[name]["probability"].shape)
    # The nested scores are those of the subset's training here, so that neighbours can be learned to be trusted.
    nested = tables["nested/scores"]
    nested["score"] = scores[np.searchsorted(subset_ids, nested["sample_id"])]
    sample_ids, estimates = residual(extrapolate(chosen(), subset_ids, scores, tables))
    assert pearson(estimates, truth[np.searchsorted(ids, sample_ids)]) > 0.8


@pytest.mark.parametrize("k", [1, 5, K])
@pytest.mark.parametrize("labels", [True, False])
def test_extrapolating_equals_the_forest_on_features_looked_up_by_id(labels, k):
    _, subset_ids, scores, tables, _ = world()
    score_of = dict(zip(subset_ids.tolist(), scores.tolist(), strict=True))
    nested = tables["nested/scores"]
    nested_score_of = dict(zip(nested["sample_id"].tolist(), nested["score"].tolist(), strict=True))
    learned_from = sorted(set(score_of) - set(nested_score_of))
    scope = "label" if labels else "subset"
    said, near = tables["nested/predictions"], tables[f"nested/neighbors/{scope}"]
    features = oracles.held_out_features(said, near, nested_score_of, learned_from, k, labels)
    forest = Forest(features, np.array([score_of[i] for i in learned_from]), 6, "extrapolation/held_out")
    said, near = tables["predictions"], tables[f"neighbors/{scope}"]
    unseen = near["sample_id"].tolist()
    expected = forest.predict(oracles.held_out_features(said, near, score_of, unseen, k, labels))
    columns = extrapolate(chosen(k=k, labels=labels), subset_ids, scores, tables, seed=6)
    assert residual(columns)[0].tolist() == unseen
    np.testing.assert_allclose(residual(columns)[1], expected, rtol=1e-12)


def test_rows_are_found_by_id_whatever_else_the_tables_of_predictions_hold():
    _, subset_ids, scores, tables, _ = world()
    _, expected = residual(extrapolate(chosen(), subset_ids, scores, tables))
    for name in ("predictions", "nested/predictions"):
        ids = tables[name]["sample_id"]
        more = np.setdiff1d(np.arange(1, 9000, 7), ids)
        order = np.argsort(np.concatenate([ids, more]))
        tables[name] = {
            column: np.concatenate([values, np.full((len(more), *values.shape[1:]), np.nan)])[order]
            for column, values in tables[name].items()
            if column != "sample_id"
        } | {"sample_id": np.concatenate([ids, more])[order]}
    np.testing.assert_array_equal(residual(extrapolate(chosen(), subset_ids, scores, tables))[1], expected)
    tables["predictions"] = {
        name: values[tables["predictions"]["sample_id"] < 4000] for name, values in tables["predictions"].items()
    }
    with pytest.raises(KeyError, match="is not in the table"):
        extrapolate(chosen(), subset_ids, scores, tables)


def test_other_numbers_of_the_samples_in_the_same_order_change_nothing():
    _, subset_ids, scores, tables, _ = world()
    renamed = {
        name: {column: values * 11 + 4 if column.endswith(("_id", "_ids")) else values for column, values in of.items()}
        for name, of in tables.items()
    }
    columns = extrapolate(chosen(), subset_ids, scores, tables)
    again = extrapolate(chosen(), subset_ids * 11 + 4, scores, renamed)
    np.testing.assert_array_equal(again["sample_id"], columns["sample_id"] * 11 + 4)
    for name in ("score", "computed", "spread"):
        np.testing.assert_array_equal(again[name], columns[name])


@pytest.mark.parametrize("garbage", [np.nan, np.inf, 1e30, "noise"])
def test_without_labels_their_probability_is_not_read(garbage):
    _, subset_ids, scores, tables, _ = world()
    options = chosen(labels=False)
    _, expected = residual(extrapolate(options, subset_ids, scores, tables))
    for name in ("predictions", "nested/predictions"):
        shape = tables[name]["probability"].shape
        noise = np.random.default_rng(5).random(shape) if garbage == "noise" else np.full(shape, garbage)
        tables[name] = tables[name] | {"probability": noise}
    np.testing.assert_array_equal(residual(extrapolate(options, subset_ids, scores, tables))[1], expected)
    if garbage == "noise":
        assert not np.array_equal(residual(extrapolate(chosen(), subset_ids, scores, tables))[1], expected)


@pytest.mark.parametrize("labels", [True, False])
def test_the_spread_is_that_of_the_neighbours_which_are_of_the_same_label_where_labels_are_read(labels):
    _, subset_ids, scores, tables, _ = world()
    ours = extrapolate(chosen(labels=labels), subset_ids, scores, tables)
    knn = extrapolate({"name": "knn", "k": 5, "same_label": labels}, subset_ids, scores, tables)
    for name in ("sample_id", "spread", "computed"):
        np.testing.assert_array_equal(ours[name], knn[name])
    assert not np.array_equal(residual(ours)[1], residual(knn)[1])


def test_what_is_learned_and_what_neighbours_say_are_the_scores_as_computed():
    # As `extrapolate` gives them: those in `tables` as they were computed, the others stepped up.
    _, subset_ids, scores, tables, _ = world()
    computed = tables | {"scores": {"sample_id": subset_ids, "score": scores}}
    options = held_out.Options(k=5)
    found = held_out.extrapolate(options, subset_ids, scores, computed)
    stepped = held_out.extrapolate(options, subset_ids, 3 + scores[::-1], computed)
    for values, again in zip(found, stepped, strict=True):
        np.testing.assert_array_equal(again, values)
    computed["scores"]["score"] = 10 + scores
    assert held_out.extrapolate(options, subset_ids, scores, computed)[1].min() > 9


def test_step_up_is_of_the_subset_s_scores_and_leaves_the_extrapolated_ones():
    _, subset_ids, scores, tables, _ = world()
    rng = np.random.default_rng(0)
    for name, ids in (("dynamics", subset_ids), ("nested/dynamics", tables["nested/scores"]["sample_id"])):
        noted = {"epoch": np.repeat(np.arange(4), len(ids)), "probability": rng.random(4 * len(ids))}
        tables[name] = noted | {"sample_id": np.tile(ids, 4)}
    columns, plain = (extrapolate(chosen(step_up=x), subset_ids, scores, tables, 2) for x in (True, False))
    np.testing.assert_array_equal(columns["score"][columns["computed"]], step_up(subset_ids, scores, tables, 2)[0])
    for name in ("score", "spread", "draws"):
        np.testing.assert_array_equal(columns[name][~columns["computed"]], plain[name][~plain["computed"]])


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("task", ["", "nested/"])
def test_more_neighbours_than_are_stored_are_an_error(task, labels):
    _, subset_ids, scores, tables, _ = world(n=60, m=40, nested_m=20)
    short = f"{task}neighbors/{'label' if labels else 'subset'}"
    tables[short] = tables[short] | {"neighbor_ids": tables[short]["neighbor_ids"][:, :4]}
    with pytest.raises(ValueError, match="k = 5, but 4 neighbours are stored"):
        extrapolate(chosen(labels=labels), subset_ids, scores, tables)


def test_a_sample_s_own_score_does_not_enter_its_estimate():
    features, scores = fit_case()
    changed = scores.copy()
    changed[17] += 1000
    ours, other = (HeldOutExtrapolator().fit(*features, targets) for targets in (scores, changed))
    moved = np.abs(other.estimates_ - ours.estimates_)
    assert moved[17] < 1e-12
    assert np.delete(moved, 17).max() > 10
    assert (other.predict(*features) - ours.predict(*features))[17] > 50
    assert pearson(ours.estimates_, scores) > 0.5


def test_the_class_repeats_itself_with_any_number_of_threads_and_is_within_the_range(monkeypatch):
    features, scores = fit_case()
    first = HeldOutExtrapolator(seed=3).fit(*features, scores).predict(*features)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    np.testing.assert_array_equal(HeldOutExtrapolator(seed=3).fit(*features, scores).predict(*features), first)
    assert not np.array_equal(HeldOutExtrapolator(seed=4).fit(*features, scores).predict(*features), first)
    assert scores.min() <= first.min() < first.max() <= scores.max()


@pytest.mark.parametrize("score", [0.1, -7.7])
@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_equal_scores_give_that_score(score):
    features, _ = fit_case()
    assert (HeldOutExtrapolator().fit(*features, np.full(60, score)).predict(*features) == score).all()


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
@pytest.mark.parametrize("q", [0, 1, 2, 3, 6])
def test_of_a_few_samples_it_learns_what_it_can_and_of_one_nothing(q):
    features, scores = fit_case(q)
    if q < 2:
        with pytest.raises(InputFault, match=f"there are {q} samples to learn from"):
            HeldOutExtrapolator().fit(*features, scores)
        return
    ours = HeldOutExtrapolator().fit(*features, scores)
    np.testing.assert_allclose(ours.predict(*features), np.full(q, scores.mean()), atol=0.1)
    np.testing.assert_allclose(ours.estimates_, (scores.sum() - scores) / (q - 1), atol=0.1)


def test_no_samples_are_predicted_as_none():
    features, scores = fit_case()
    assert HeldOutExtrapolator().fit(*features, scores).predict(*(values[:0] for values in features)).shape == (0,)


def test_seed_0_is_what_goes_without_saying():
    case, scores = fit_case()
    found = [HeldOutExtrapolator(**seed).fit(*case, scores).predict(*case) for seed in ({}, {"seed": 0}, {"seed": 1})]
    assert found[0].tobytes() == found[1].tobytes() != found[2].tobytes()


def test_lengths_that_differ_are_refused():
    (probability, entropy, neighbor_scores), scores = fit_case()
    with pytest.raises(ValueError, match="60 samples that were predicted and 59 scores"):
        HeldOutExtrapolator().fit(probability, entropy, neighbor_scores, scores[1:])
    with pytest.raises(ValueError, match="60 samples that were predicted and 61 scores"):
        HeldOutExtrapolator().fit(probability, entropy, neighbor_scores, np.append(scores, 0))
    with pytest.raises(ValueError, match=r"60.*59|59.*60"):
        HeldOutExtrapolator().fit(probability, entropy[1:], neighbor_scores, scores)
    with pytest.raises(ValueError, match="features"):
        HeldOutExtrapolator().fit(probability, entropy, neighbor_scores, scores).predict(
            probability[:, 1:], entropy, neighbor_scores
        )


def test_draws_are_scores_of_samples_learned_from_and_the_subset_s_are_of_its_step():
    _, subset_ids, scores, tables, _ = world()
    rng = np.random.default_rng(1)
    for name, known in (("dynamics", subset_ids), ("nested/dynamics", tables["nested/scores"]["sample_id"])):
        history = rng.random((4, len(known))).astype(np.float32)
        epochs = np.repeat(np.arange(4, dtype=np.int32), len(known))
        tables[name] = {"epoch": epochs, "sample_id": np.tile(known, 4), "probability": history.reshape(-1)}
    learned_from = np.setdiff1d(subset_ids, tables["nested/scores"]["sample_id"])
    for stepped in (False, True):
        columns = extrapolate(chosen(step_up=stepped), subset_ids, scores, tables, 2)
        draws, own = columns["draws"][~columns["computed"]], columns["draws"][columns["computed"]]
        assert set(draws.ravel().tolist()) <= set(scores[np.isin(subset_ids, learned_from)].tolist())
        assert pearson(residual(columns)[1], draws.mean(axis=1)) > 0.8
        assert pearson(draws[:, 0], draws[:, 1]) < 0.8
        expected = step_up(subset_ids, scores, tables, 2)[1] if stepped else np.repeat(scores[:, None], DRAWS, axis=1)
        np.testing.assert_array_equal(own, expected)


def test_draws_are_of_the_forest_by_sample_id():
    features, scores = fit_case()
    ours = HeldOutExtrapolator(seed=4).fit(*features, scores)
    draws, ids = ours.draw(*features), np.arange(60)
    np.testing.assert_array_equal(ours.draw(*(of[::-1] for of in features), ids[::-1]), draws[::-1])
    assert not np.array_equal(ours.draw(*features, ids + 1), draws)
