"""KNN extrapolation: by eye, by the oracle, far away, and the stored neighbours against the class."""

import math

import numpy as np
import pytest

import oracles
from score_extrapolation.extrapolators import extrapolate, knn
from score_extrapolation.extrapolators.knn import KNNExtrapolator, weighted_scores
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import DRAWS
from score_extrapolation.neighbors import find_scope


def random_case(m=60, q=25, d=8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(m, d)).astype(np.float32), rng.random(m), rng.normal(size=(q, d)).astype(np.float32)


def table_case(n=90, m=40, k=20, seed=0, ids=None):
    """Embeddings, subset ids and scores as the stages write them, and the stored neighbours."""
    rng = np.random.default_rng(seed)
    ids = np.arange(n) if ids is None else ids
    embeddings = {"sample_id": ids, "embedding": rng.normal(size=(n, 6)).astype(np.float32)}
    subset_rows = np.sort(rng.permutation(n)[:m])
    scores = rng.random(m).astype(np.float32)
    return embeddings, ids[subset_rows], scores, find_scope("subset", embeddings, ids[subset_rows], k)[0]


def test_four_points_that_a_person_can_check():
    # On a line: scores 0, 1, 2, 9 at 0, 1, 3, 100. The query 1 + ln 2 is ln 2 from 1 and 3 - 1 - ln 2 from 3.
    line, scores = np.array([[0.0], [1.0], [3.0], [100.0]]), np.array([0.0, 1.0, 2.0, 9.0])
    at_one = KNNExtrapolator(k=1).fit(line, scores).predict(np.array([[1.2], [80.0]]))
    assert at_one.tolist() == [1.0, 9.0]
    halfway = KNNExtrapolator(k=2).fit(line, scores).predict(np.array([[0.5], [2.0]]))
    np.testing.assert_allclose(halfway, [0.5, 1.5])
    # Distances ln 2 and 2 ln 2 have the weights 1/2 and 1/4, of which 2/3 and 1/3 are left.
    far = np.array([[0.0], [3 * math.log(2)]])
    mean, spread = (
        KNNExtrapolator(k=2).fit(far, np.array([3.0, 6.0])).predict(np.array([[math.log(2)]]), return_spread=True)
    )
    np.testing.assert_allclose(mean, [4.0], rtol=1e-6)
    np.testing.assert_allclose(spread, [math.sqrt(2 / 3 * 1 + 1 / 3 * 4)], rtol=1e-6)


def far(base, queries):
    queries += 3600  # in each of 8 dimensions: 10^4 away


def duplicates(base, queries):
    base[20:45] = base[3]
    queries[:10] = base[3]


def all_at_one_distance(base, queries):
    base[:] = np.eye(8, dtype=np.float32)[np.arange(len(base)) % 8]
    queries[:] = 0


def one_query(base, queries):
    queries.resize((1, queries.shape[1]), refcheck=False)


@pytest.mark.parametrize("same_label", [False, True])
@pytest.mark.parametrize("weighting", ["distance", "uniform"])
@pytest.mark.parametrize("m, k", [(60, 1), (60, 5), (60, 60), (200, 150)])
@pytest.mark.parametrize("change", [None, far, duplicates, all_at_one_distance, one_query])
def test_knn_equals_the_oracle(change, m, k, weighting, same_label):
    base, scores, queries = random_case(m)
    if change:
        change(base, queries)
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, m), rng.integers(0, 3, len(queries))
    predictor = KNNExtrapolator(k, weighting, same_label).fit(base, scores, labels[0])
    mean, spread = predictor.predict(queries, labels[1], return_spread=True)
    expected = oracles.knn(base, scores, queries, k, weighting, *(labels if same_label else (None, None)))
    assert np.isfinite(mean).all()
    # Distances near 10^4 are known to float32's 1e-3, and so are the logarithms of the weights.
    for values, of_oracle in zip((mean, spread), expected, strict=True):
        np.testing.assert_allclose(values, of_oracle, atol=1e-3 if change is far else 1e-6)


def test_it_averages_twenty_unless_told_otherwise():
    base, scores, queries = random_case()
    predicted = KNNExtrapolator().fit(base, scores).predict(queries)
    np.testing.assert_array_equal(predicted, KNNExtrapolator(k=20).fit(base, scores).predict(queries))
    assert not np.array_equal(predicted, KNNExtrapolator(k=19).fit(base, scores).predict(queries))


def test_labels_are_read_for_the_same_label_alone():
    base, scores, queries = random_case()
    plain = KNNExtrapolator(k=5).fit(base, scores, np.zeros(60)).predict(queries, np.zeros(25))
    np.testing.assert_array_equal(plain, KNNExtrapolator(k=5).fit(base, scores).predict(queries))
    predictor = KNNExtrapolator(k=5, same_label=True)
    with pytest.raises(ValueError, match="same_label needs the labels of 60 samples, found none"):
        predictor.fit(base, scores)
    with pytest.raises(ValueError, match="same_label needs the labels of 60 samples, found 59"):
        predictor.fit(base, scores, np.zeros(59))
    with pytest.raises(ValueError, match="same_label needs the labels of 60 samples, found 61"):
        predictor.fit(base, scores, np.zeros(61))
    with pytest.raises(ValueError, match="same_label needs the labels of 25 samples, found none"):
        predictor.fit(base, scores, np.zeros(60)).predict(queries)


def test_other_labels_count_only_where_there_are_too_few_of_the_own():
    # On a line: scores 0, 10, 20, 30 at 0, 1, 2, 3, of the labels a, b, b, a; the query is at 0.9.
    line, scores, labels = np.arange(4.0)[:, None], np.arange(4) * 10.0, np.array([0, 1, 1, 0])
    means = {1: [10, 15, 10, 15], 0: [0, 15, 40 / 3, 15], 5: [10, 5, 10, 15]}  # of k = 1, 2, 3, 4
    for label, expected in means.items():
        for k, mean in enumerate(expected, 1):
            predictor = KNNExtrapolator(k, "uniform", same_label=True).fit(line, scores, labels)
            np.testing.assert_allclose(predictor.predict(np.array([[0.9]]), np.array([label])), [mean])


def test_distances_beyond_exp_are_weighted_by_their_differences():
    distances = np.array([[1e4, 1e4 + math.log(3)]])
    mean, spread = weighted_scores(np.array([[0.0, 4.0]]), distances, "distance")
    np.testing.assert_allclose(mean, [1.0], rtol=1e-9)
    np.testing.assert_allclose(spread, [math.sqrt(3)], rtol=1e-9)


def test_uniform_weights_ignore_distances():
    mean, spread = weighted_scores(np.array([[1.0, 2.0, 6.0]]), np.array([[0.0, 1.0, 50.0]]), "uniform")
    np.testing.assert_allclose(mean, [3.0])
    np.testing.assert_allclose(spread, [math.sqrt(14 / 3)])


@pytest.mark.parametrize("weighting", ["distance", "uniform"])
@pytest.mark.parametrize("score", [0.1, 0.3, -7.7, 0.0])
def test_equal_scores_give_that_score_and_no_spread(weighting, score):
    base, _, queries = random_case()
    for k in (3, 7, 50):
        predictor = KNNExtrapolator(k=k, weighting=weighting).fit(base, np.full(len(base), score))
        mean, spread = predictor.predict(queries, return_spread=True)
        assert (mean == score).all()
        assert (spread == 0).all()


def test_a_subset_sample_with_itself_as_only_neighbour_keeps_its_score():
    base, scores, _ = random_case()
    np.testing.assert_array_equal(KNNExtrapolator(k=1).fit(base, scores).predict(base), scores)


def test_scores_are_within_the_range_of_the_subsets():
    base, scores, queries = random_case()
    mean = KNNExtrapolator(k=20).fit(base, scores).predict(queries * 50)
    assert (mean >= scores.min()).all()
    assert (mean <= scores.max()).all()


@pytest.mark.parametrize("k", [1, 5, 20])
@pytest.mark.parametrize("weighting", ["distance", "uniform"])
@pytest.mark.parametrize("same_label", [False, True])
def test_a_prefix_of_the_stored_neighbours_equals_the_class(k, weighting, same_label):
    embeddings, subset_ids, scores, neighbors = table_case(k=20)
    labels = np.random.default_rng(1).integers(0, 4, 90)
    tables = {"neighbors/subset": neighbors}
    if same_label:
        samples = {"sample_id": embeddings["sample_id"], "label": labels}
        tables = {"neighbors/label": find_scope("label", embeddings, subset_ids, 20, samples)[0]}
    chosen = {"name": "knn", "k": k, "weighting": weighting, "same_label": same_label}
    columns = extrapolate(chosen, subset_ids, scores, tables)
    of = embeddings["embedding"]
    predictor = KNNExtrapolator(k, weighting, same_label).fit(of[subset_ids], scores, labels[subset_ids])
    residual = neighbors["sample_id"]
    mean, spread = predictor.predict(of[residual], labels[residual], return_spread=True)
    np.testing.assert_array_equal(columns["sample_id"][~columns["computed"]], residual)
    np.testing.assert_array_equal(columns["score"][~columns["computed"]], mean)
    np.testing.assert_array_equal(columns["spread"][~columns["computed"]], spread)


# Draws


@pytest.mark.parametrize("weighting", ["distance", "uniform"])
def test_draws_are_the_neighbours_at_which_the_weights_pass_a_random_number(weighting):
    base, scores, queries = random_case()
    ids = np.random.default_rng(2).permutation(50)[: len(queries)]
    drawn = KNNExtrapolator(7, weighting).fit(base, scores).draw(queries, seed=3, sample_ids=ids)
    expected = oracles.knn_draws(base, scores, queries, 7, weighting, ids.tolist(), 3, DRAWS)
    np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("weighting", ["distance", "uniform"])
def test_draws_come_as_often_as_the_neighbours_weigh(weighting):
    base, scores, queries = random_case()
    predictor = KNNExtrapolator(5, weighting).fit(base, scores)
    mean, spread = predictor.predict(queries[:1], return_spread=True)
    draws = predictor.draw(np.repeat(queries[:1], 2000, axis=0))
    assert draws.mean() == pytest.approx(mean[0], abs=4 * spread[0] / np.sqrt(draws.size))
    assert draws.std() == pytest.approx(spread[0], rel=0.05)
    assert set(draws.ravel().tolist()) <= set(np.float32(scores).tolist())


def test_neighbours_too_far_to_weigh_are_never_drawn():
    draws = knn.draw_neighbors(np.array([[0.0, 800.0, 900.0]]), "distance", np.array([[0.0, 0.5, 1 - 2**-53]]))
    assert draws.tolist() == [[0, 0, 0]]
    draws = knn.draw_neighbors(np.zeros((1, 3)), "uniform", np.array([[0.0, 0.34, 1 - 2**-53]]))
    assert draws.tolist() == [[0, 1, 2]]


def test_the_table_has_the_draws_of_the_class_and_of_stepped_up_scores_theirs():
    embeddings, subset_ids, scores, neighbors = table_case(k=20)
    columns = extrapolate({"name": "knn", "k": 4}, subset_ids, scores, {"neighbors/subset": neighbors}, 5)
    residual, of = neighbors["sample_id"], embeddings["embedding"]
    expected = KNNExtrapolator(4).fit(of[subset_ids], scores).draw(of[residual], seed=5, sample_ids=residual)
    np.testing.assert_array_equal(columns["draws"][~columns["computed"]], expected)
    # Each column is drawn from the same column of the neighbours' draws.
    known = np.float32(scores)[:, None] + 100 * np.arange(DRAWS, dtype=np.float32)
    tables = {"neighbors/subset": neighbors, "scores": {"draws": known}}
    draws = knn.extrapolate(knn.Options(k=4), subset_ids, scores, tables, 5)[3]
    np.testing.assert_allclose(draws - 100 * np.arange(DRAWS), expected, atol=1e-4)


def test_more_neighbours_than_are_stored_are_an_error():
    _, subset_ids, scores, neighbors = table_case(k=5)
    with pytest.raises(ValueError, match="k = 6, but 5 neighbours are stored"):
        extrapolate({"name": "knn", "k": 6}, subset_ids, scores, {"neighbors/subset": neighbors})


def test_the_subset_keeps_its_computed_scores():
    _, subset_ids, scores, neighbors = table_case()
    columns = extrapolate({"name": "knn", "k": 5}, subset_ids, scores, {"neighbors/subset": neighbors})
    assert sorted(columns["sample_id"]) == list(range(90))
    np.testing.assert_array_equal(columns["sample_id"][columns["computed"]], subset_ids)
    np.testing.assert_array_equal(columns["score"][columns["computed"]], scores)
    assert np.isnan(columns["spread"][columns["computed"]]).all()
    assert np.isfinite(columns["spread"][~columns["computed"]]).all()


@pytest.mark.parametrize("same_label", [False, True])
def test_renamed_samples_have_the_same_scores(same_label):
    embeddings, subset_ids, scores, _ = table_case()
    samples = {"sample_id": np.arange(90), "label": np.random.default_rng(1).integers(0, 4, 90)}
    chosen, scope = {"name": "knn", "k": 5, "same_label": same_label}, "label" if same_label else "subset"

    def run(embeddings, subset_ids, scores, samples):
        found, _ = find_scope(scope, embeddings, subset_ids, 8, samples)
        columns = extrapolate(chosen, subset_ids, scores, {f"neighbors/{scope}": found})
        return dict(zip(columns["sample_id"], zip(columns["score"], columns["computed"], strict=True), strict=True))

    plain = run(embeddings, subset_ids, scores, samples)
    new_id = np.random.default_rng(5).permutation(1000)[:90]  # of each old id
    order, of_subset = np.argsort(new_id), np.argsort(new_id[subset_ids])
    renamed = {"sample_id": new_id[order], "embedding": embeddings["embedding"][order]}
    labels = {"sample_id": new_id[order], "label": samples["label"][order]}
    found = run(renamed, new_id[subset_ids][of_subset], scores[of_subset], labels)
    for old, (score, computed) in plain.items():
        assert found[new_id[old]][1] == computed
        assert found[new_id[old]][0] == pytest.approx(score, abs=1e-6)  # the centre is summed in another order


def test_blocks_of_samples_do_not_matter(monkeypatch):
    _, subset_ids, scores, neighbors = table_case()
    at_once = extrapolate({"name": "knn", "k": 5}, subset_ids, scores, {"neighbors/subset": neighbors})["score"]
    monkeypatch.setattr(knn, "BLOCK", 7)
    in_blocks = extrapolate({"name": "knn", "k": 5}, subset_ids, scores, {"neighbors/subset": neighbors})["score"]
    np.testing.assert_array_equal(in_blocks, at_once)


def test_a_subset_that_is_everything_leaves_nothing_to_extrapolate():
    embeddings, _, _, _ = table_case()
    ids = embeddings["sample_id"]
    neighbors, _ = find_scope("subset", embeddings, ids, 5)
    columns = extrapolate({"name": "knn", "k": 5}, ids, np.arange(90.0), {"neighbors/subset": neighbors})
    assert columns["computed"].all()
    np.testing.assert_array_equal(columns["score"], np.arange(90.0))


@pytest.mark.parametrize("options", [{"k": 0}, {"k": 2.0}, {"weighting": "inverse"}])
def test_a_wrong_option_is_refused(options):
    base, scores, _ = random_case()
    with pytest.raises(ValueError, match="|".join(options)):
        KNNExtrapolator(**options).fit(base, scores)


def test_embeddings_and_scores_of_different_length_are_refused():
    base, scores, _ = random_case()
    with pytest.raises(ValueError, match="60 embeddings and 59 scores"):
        KNNExtrapolator().fit(base, scores[1:])


def test_more_neighbours_than_subset_samples_are_refused():
    base, scores, queries = random_case(m=4)
    with pytest.raises(InputFault, match="k = 5"):
        KNNExtrapolator(k=5).fit(base, scores).predict(queries)
