"""StepUp: the step is learned where it can be, by sample_id, out of bag, the same with any number of threads."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

import oracles
from score_extrapolation import StepUp
from score_extrapolation.evaluation.agreement import pearson
from score_extrapolation.extrapolators import _forest, _step_up, extrapolate
from score_extrapolation.extrapolators._forest import Forest
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import DRAWS
from score_extrapolation.neighbors import find_scope
from score_extrapolation.rng import derive_seed

TREES = _forest.TREES


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(_forest, "TREES", 100)


def dynamics_table(ids, history):
    """(K, m) as a training writes it."""
    n_epochs, m = history.shape
    return {
        "epoch": np.repeat(np.arange(n_epochs, dtype=np.int32), m),
        "sample_id": np.tile(ids, n_epochs),
        "probability": history.reshape(-1).astype(np.float32),
    }


def world(m=400, n_nested=200, n_epochs=12, noise=0.02, seed=0):
    """Three trainings of one another's kind, and what is noted of the smaller two.

    A sample is learned at x of the smallest training, x^3 of the next, x^9 of that on everything, and its score is
    highest where that is at half of the training: those that the smaller finds hard are not those of the larger.
    """
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(5000, m, replace=False))
    learned_at = rng.random(m) ** (1 / 3)
    nested_rows = np.sort(rng.permutation(m)[:n_nested])
    trainings = []
    for rows in (nested_rows, np.arange(m), np.arange(m)):
        epochs = np.arange(n_epochs)[:, None] / n_epochs
        history = 1 / (1 + np.exp(-8 * (epochs - learned_at[rows])))
        history += rng.normal(0, noise, history.shape)
        scores = 1 - np.abs(2 * learned_at[rows] - 1) + rng.normal(0, noise, len(rows))
        trainings.append((ids[rows], history, scores.astype(np.float32)))
        learned_at = learned_at**3
    (nested_ids, nested_history, nested_scores), (_, history, scores), (_, _, truth) = trainings
    tables = {
        "dynamics": dynamics_table(ids, history),
        "nested/dynamics": dynamics_table(nested_ids, nested_history),
        "nested/scores": {"sample_id": nested_ids, "score": nested_scores},
    }
    return ids, scores, tables, truth


def step_up(*case):
    """The estimates alone."""
    return _step_up.step_up(*case)[0]


def small_case(m=40, n_epochs=6, seed=0):
    """Return dynamics, scores and scores of a larger training, which follow from them in part."""
    rng = np.random.default_rng(seed)
    dynamics, scores = rng.random((n_epochs, m)), rng.random(m)
    return dynamics, scores, dynamics.mean(axis=0) + 0.2 * scores


def test_a_step_that_can_be_seen_within_the_subset_is_taken_once_more():
    ids, scores, tables, truth = world()
    stepped = step_up(ids, scores, tables, 0)
    assert pearson(stepped, truth) > 0.9
    assert abs(pearson(scores, truth)) < 0.3


def test_how_well_a_step_was_learned_is_seen_of_the_nested_samples():
    ids, scores, tables, _ = world()
    nested = tables["nested/scores"]
    known = scores[np.searchsorted(ids, nested["sample_id"])]
    history = oracles.histories(tables["nested/dynamics"], nested["sample_id"])
    step = StepUp().fit(history, nested["score"], known)
    assert pearson(step.nested_estimates_, known) > 0.9
    assert abs(pearson(nested["score"], known)) < 0.3


def test_the_step_is_learned_of_the_whole_history_and_not_of_the_score_alone():
    # A score is the same at both sides of its peak: only the history tells on which side a sample is.
    ids, scores, tables, truth = world()
    blind = {name: dict(table) for name, table in tables.items()}
    for name in ("dynamics", "nested/dynamics"):
        blind[name]["probability"] = np.zeros_like(tables[name]["probability"])
    assert pearson(step_up(ids, scores, blind, 0), truth) < 0.7


def test_stepping_up_equals_the_class_on_histories_looked_up_by_id():
    ids, scores, tables, _ = world(m=90, n_nested=37)
    nested = tables["nested/scores"]
    score_of = dict(zip(ids.tolist(), scores, strict=True))
    targets = np.array([score_of[sample_id] for sample_id in nested["sample_id"].tolist()])
    step = StepUp(3).fit(oracles.histories(tables["nested/dynamics"], nested["sample_id"]), nested["score"], targets)
    stepped = step_up(ids, scores, tables, 3)
    np.testing.assert_array_equal(stepped, step.predict(oracles.histories(tables["dynamics"], ids), scores))


def test_tables_of_more_samples_than_are_asked_for_are_read_by_id():
    ids, scores, tables, _ = world(m=90, n_nested=37)
    stepped = step_up(ids, scores, tables, 0)
    history = oracles.histories(tables["dynamics"], ids)
    more_ids, others = np.sort(np.concatenate([ids, ids[::3] + 5000])), np.full((12, 30), 0.5)
    wider = np.concatenate([history, others], axis=1)
    more = step_up(ids, scores, tables | {"dynamics": dynamics_table(more_ids, wider)}, 0)
    np.testing.assert_array_equal(more, stepped)
    lacking = dynamics_table(ids[1:], history[:, 1:])
    with pytest.raises(KeyError, match=f"sample_id {ids[0]} is not in the table"):
        step_up(ids, scores, tables | {"dynamics": lacking}, 0)


def test_other_numbers_of_the_samples_in_the_same_order_change_nothing():
    ids, scores, tables, _ = world(m=90, n_nested=37)
    renamed = {name: table | {"sample_id": 3 * table["sample_id"] + 7} for name, table in tables.items()}
    stepped = step_up(ids, scores, tables, 0)
    np.testing.assert_array_equal(step_up(3 * ids + 7, scores, renamed, 0), stepped)


def test_what_it_is_given_stays_as_it_is():
    ids, scores, tables, _ = world(m=40, n_nested=20)
    step_up(ids, scores, tables, 0)
    ids_again, scores_again, tables_again, _ = world(m=40, n_nested=20)
    np.testing.assert_array_equal(ids, ids_again)
    np.testing.assert_array_equal(scores, scores_again)
    for name, table in tables.items():
        for column, values in table.items():
            np.testing.assert_array_equal(values, tables_again[name][column])


def test_estimates_are_within_the_range_of_the_scores_learned_from():
    dynamics, scores, larger = small_case()
    step = StepUp().fit(dynamics, scores, larger)
    for estimates in (step.predict(50 * dynamics - 25, -9 * scores), step.nested_estimates_):
        assert larger.min() <= estimates.min() < estimates.max() <= larger.max()


@pytest.mark.parametrize("score", [0.1, 0.3, -7.7, 1 / 3, 0.0])
@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_equal_scores_of_the_larger_training_give_that_score(score):
    dynamics, scores, _ = small_case()
    step = StepUp().fit(dynamics, scores, np.full(40, score))
    assert (step.predict(dynamics[:, ::-1], scores) == score).all()
    assert (step.nested_estimates_ == score).all()


def test_a_sample_s_own_target_does_not_enter_its_nested_estimate():
    dynamics, scores, larger = small_case()
    changed = larger.copy()
    changed[17] += 1000
    step, other = (StepUp().fit(dynamics, scores, targets) for targets in (larger, changed))
    moved = np.abs(other.nested_estimates_ - step.nested_estimates_)
    assert moved[17] < 1e-12
    assert np.delete(moved, 17).max() > 10
    # Trees that have seen it say another thing.
    assert other.predict(dynamics, scores)[17] - step.predict(dynamics, scores)[17] > 50


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
@pytest.mark.parametrize("m", [2, 3, 4, 5, 6, 9])
def test_of_a_few_samples_estimates_are_means_of_the_others(m):
    dynamics, scores, larger = small_case(m)
    step = StepUp().fit(dynamics, scores, larger)
    # Too few for a leaf on either side: each tree is the mean of those that it was given.
    others = (larger.sum() - larger) / (m - 1)
    np.testing.assert_allclose(step.nested_estimates_, others, atol=0.1 * np.ptp(larger))
    assert pearson(step.nested_estimates_, larger) < -0.8
    np.testing.assert_allclose(step.predict(dynamics, scores), np.full(m, larger.mean()), atol=0.1 * np.ptp(larger))


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
@pytest.mark.parametrize("m", [0, 1])
def test_of_one_sample_or_none_nothing_is_learned_and_one_sentence_says_so(m):
    dynamics, scores, larger = small_case(m)
    with pytest.raises(InputFault, match=rf"there are {m} samples to learn from, of 2 at least; raise subset\.fract"):
        StepUp().fit(dynamics, scores, larger)


@pytest.mark.parametrize("name", ["knn", "held_out"])
@pytest.mark.parametrize("nested_m", [2, 3, 6])
def test_a_tiny_nested_subset_is_stepped_up_and_extrapolated(name, nested_m):
    ids, scores, tables, _ = world(m=12, n_nested=nested_m)
    rng, nested_ids = np.random.default_rng(0), tables["nested/scores"]["sample_id"]
    every_id = np.arange(6000, 6030)
    for prefix, among, known in (("", np.concatenate([ids, every_id]), ids), ("nested/", ids, nested_ids)):
        unseen = np.setdiff1d(among, known)
        embeddings = {"sample_id": among, "embedding": rng.normal(size=(len(among), 3))}
        samples = {"sample_id": among, "label": among % 2}
        for scope in ("subset", "label"):
            tables[f"{prefix}neighbors/{scope}"] = find_scope(scope, embeddings, known, 2, samples)[0]
        said = {"probability": rng.random((len(unseen), 2)), "entropy": rng.random((len(unseen), 2))}
        tables[f"{prefix}predictions"] = {"sample_id": unseen, **said}
    columns = extrapolate({"name": name, "k": 2, "step_up": True}, ids, scores, tables)
    np.testing.assert_array_equal(columns["sample_id"], np.concatenate([ids, every_id]))
    assert np.isfinite(columns["score"]).all()
    assert (columns["score"] >= scores.min()).all()
    assert (columns["score"] <= scores.max()).all()


def test_stepped_scores_are_what_is_extrapolated():
    ids, scores, tables, _ = world(m=60, n_nested=30)
    embeddings = {"sample_id": np.arange(5010), "embedding": np.random.default_rng(0).normal(size=(5010, 4))}
    tables["neighbors/subset"] = find_scope("subset", embeddings, ids, 5)[0]
    stepped = step_up(ids, scores, tables, 4)
    expected = extrapolate({"name": "knn", "k": 5}, ids, stepped, tables)
    columns = extrapolate({"name": "knn", "k": 5, "step_up": True}, ids, scores, tables, 4)
    for name in expected.keys() - {"draws"}:
        np.testing.assert_array_equal(columns[name], expected[name])
    # The neighbours' draws are drawn from, and not the scores that are expected of them.
    assert not set(columns["draws"].ravel().tolist()) <= set(np.float32(stepped).tolist())
    plain = extrapolate({"name": "knn", "k": 5, "step_up": False}, ids, scores, tables, 4)
    np.testing.assert_array_equal(plain["score"][plain["computed"]], scores)


def test_the_number_of_threads_and_the_blocks_do_not_matter_and_the_seed_does(monkeypatch):
    rng = np.random.default_rng(0)
    features, targets, others = rng.random((60, 9)), rng.random(60), rng.random((500, 9))
    found = []
    for threads, block in ((1, 8192), (2, 100), (2, 8192), (3, 37)):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        monkeypatch.setattr(_forest, "BLOCK", block)
        forest = Forest(features, targets, 0, "stage")
        found.append((forest.estimates_.tobytes(), forest.predict(others).tobytes()))
    assert len(set(found)) == 1
    assert Forest(features, targets, 1, "stage").predict(others).tobytes() != found[0][1]
    assert Forest(features, targets, 0, "other").predict(others).tobytes() != found[0][1]


def test_no_samples_have_no_estimates():
    dynamics, scores, larger = small_case()
    estimates = StepUp().fit(dynamics, scores, larger).predict(dynamics[:, :0], scores[:0])
    assert estimates.shape == (0,)


def test_lengths_that_differ_are_refused():
    dynamics, scores, larger = small_case()
    with pytest.raises(ValueError, match="40 nested samples and 39 scores of the larger training"):
        StepUp().fit(dynamics, scores, larger[1:])
    with pytest.raises(ValueError, match="40 nested samples and 41 scores of the larger training"):
        StepUp().fit(dynamics, scores, np.append(larger, 0))
    with pytest.raises(ValueError, match=r"dynamics \(6, 40\) and scores \(39,\) are not \(K, m\) and \(m,\)"):
        StepUp().fit(dynamics, scores[1:], larger)
    step = StepUp().fit(dynamics, scores, larger)
    with pytest.raises(ValueError, match=r"dynamics \(40, 6\) and scores \(40,\) are not"):
        step.predict(dynamics.T, scores)
    with pytest.raises(ValueError, match=r"dynamics \(40,\) and scores \(40,\) are not"):
        step.predict(scores, scores)
    with pytest.raises(ValueError, match=r"dynamics \(6, 40, 1\) and scores \(40, 1\) are not"):
        step.predict(dynamics[:, :, None], scores[:, None])


def test_a_forest_is_scikit_learn_s_of_the_trees_that_are_documented(monkeypatch):
    monkeypatch.setattr(_forest, "TREES", TREES)  # all of them
    rng = np.random.default_rng(2)
    features, others = rng.random((2, 200, 9))
    targets = features[:, 0] + features[:, 1] ** 2
    forest = Forest(features, targets, 5, "stage")
    settings = {"min_samples_leaf": 5, "max_features": 1 / 3, "bootstrap": True, "oob_score": True}
    trees = ExtraTreesRegressor(300, **settings, random_state=derive_seed(5, "stage") % 2**32).fit(features, targets)
    np.testing.assert_allclose(forest.predict(others), trees.predict(others), rtol=1e-12)
    np.testing.assert_allclose(forest.estimates_, trees.oob_prediction_, rtol=1e-12)


# Drawn scores


def test_a_draw_is_as_often_a_score_as_the_leaves_have_it():
    # Two groups that one feature tells apart; within them the score is a coin's.
    rng = np.random.default_rng(0)
    group = np.repeat([0.0, 1.0], 300)
    targets = np.where(rng.random(600) < np.where(group == 0, 0.2, 0.7), 1.0, 0.0)
    forest = Forest(group[:, None], targets, 0, "test")
    drawn = forest.draw(np.repeat([[0.0], [1.0]], 2000, axis=0), 1, "test")
    assert drawn.shape == (4000, DRAWS)
    assert set(drawn.ravel().tolist()) == {0.0, 1.0}
    for half, value in ((drawn[:2000], 0.0), (drawn[2000:], 1.0)):
        assert half.mean() == pytest.approx(targets[group == value].mean(), abs=0.02)
        # Independent columns: of two, both are 1 as often as chance has it.
        assert (half[:, 0] * half[:, 1]).mean() == pytest.approx(half.mean() ** 2, abs=0.04)
    expected = forest.predict(np.array([[0.0], [1.0]]))
    np.testing.assert_allclose(expected, [targets[group == 0].mean(), targets[group == 1].mean()], atol=0.03)


def test_a_draw_equals_the_leaves_followed_by_hand():
    dynamics, _, larger = small_case()
    forest = Forest(dynamics.T, larger, 2, "test")
    features = np.random.default_rng(5).random((10, 6))
    expected = oracles.draw(forest._trees, dynamics.T, larger, features, 7, "x", DRAWS)
    np.testing.assert_array_equal(forest.draw(features, 7, "x"), expected)


def test_what_is_drawn_of_a_sample_belongs_to_its_id():
    dynamics, _, larger = small_case()
    forest = Forest(dynamics.T, larger, 2, "test")
    features, ids = np.random.default_rng(5).random((30, 6)), np.random.default_rng(6).permutation(1000)[:30]
    drawn = forest.draw(features, 7, "x", ids)
    for rows in (slice(0, 1), slice(4, 30), [28, 3, 9]):
        np.testing.assert_array_equal(forest.draw(features[rows], 7, "x", ids[rows]), drawn[rows])


def test_draws_repeat_themselves_and_another_seed_draws_others():
    dynamics, scores, larger = small_case()
    step = StepUp(3).fit(dynamics, scores, larger)
    first = step.draw(dynamics, scores)
    np.testing.assert_array_equal(step.draw(dynamics, scores), first)
    assert set(first.ravel().tolist()) <= set(np.float32(larger).tolist())
    assert not np.array_equal(StepUp(4).fit(dynamics, scores, larger).draw(dynamics, scores), first)
    assert step.draw(dynamics[:, :0], scores[:0]).shape == (0, DRAWS)


def test_draws_have_the_spread_that_expected_scores_lose():
    ids, scores, tables, truth = world(m=2000, n_nested=1000, noise=0.2)
    expected, draws = _step_up.step_up(ids, scores, tables, 0)
    assert expected.std() < 0.9 * truth.std()
    assert draws[:, 0].std() == pytest.approx(truth.std(), rel=0.05)
    assert pearson(expected, truth) > pearson(draws[:, 0], truth) > 0.4
    assert pearson(draws.mean(axis=1), expected) > 0.9
