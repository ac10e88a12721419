"""The selection by chance: exact numbers, nested, and each sample as often as its probability says."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import EXTRAPOLATED, SAMPLES, read_table, write_table
from score_extrapolation.selection import _ridge, _samples, chance, select, select_tables

FLOORS = [0.0, 0.3, 1.0]


def case(n, n_draws=12, n_classes=4, seed=0):
    """Return draws of samples in classes whose scores differ, of which some are known well and some badly; labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n)
    means = rng.normal(size=n) + 0.5 * labels
    return (means[:, None] + rng.gamma(2, 0.5, n)[:, None] * rng.normal(size=(n, n_draws))), labels


def shifted(n, n_passed):
    """Return the ranks in the order in which they count where the highest are passed over."""
    return [*range(n_passed, n), *range(n_passed)]


def samples_of(draws, labels=None):
    return _samples.SampleArrays(draws.mean(axis=1), labels, draws=draws)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 12),
    n_draws=st.integers(1, 4),
    values=st.sampled_from([2, 5, 1000]),
    labelled=st.booleans(),
    floor=st.sampled_from([0.0, 0.01, 0.3, 0.8, 1.0]),
    start=st.sampled_from([0.0, 0.1, 0.25]),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_it_keeps_what_going_through_all_k_keeps(n, n_draws, values, labelled, floor, start, seed, data):
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, values, (n, n_draws)).astype(np.float32)
    labels = rng.integers(0, 3, n) if labelled else None
    n_kept = data.draw(st.integers(1, n - round(start * n)))
    found = chance.keep(chance.Options(floor=floor, start=start), n_kept, samples_of(draws, labels), seed)
    assert sorted(found.tolist()) == oracles.chance(draws, labels, floor, seed, n_kept, shifted(n, round(start * n)))


@pytest.mark.parametrize("entering", [None, shifted(30, 7), oracles.entering([(9, 14), (9, 20), (3, 20), (0, 30)])])
@pytest.mark.parametrize("floor", FLOORS)
def test_probabilities_sum_to_k_and_grow_with_it(floor, entering):
    draws, _ = case(30)
    probabilities = np.array([oracles.chances(draws, floor, k, entering) for k in range(31)])
    np.testing.assert_allclose(probabilities.sum(axis=1), np.arange(31))
    assert (np.diff(probabilities, axis=0) >= 0).all()


def check_frequencies(n, n_seeds, floor, labelled, start=0.0):
    """Compare how often each sample is kept with its probability p(k); return the mean of the differences, for each k.

    Whoever is kept among k has a key up to the k-th smallest, and whoever is not has one from the next on. So with d,
    how far these are from k at most, the frequency is between p(k - d) and p(k + d), but for the chance of the seeds.
    """
    draws, labels = case(n)
    samples = samples_of(draws, labels if labelled else None)
    cuts = np.array([round(share * n) for share in (0.1, 0.2, 0.5, 0.8)])
    counts, next_keys = np.zeros((len(cuts), n)), np.zeros((n_seeds, 2, len(cuts)), int)
    for seed in range(n_seeds):
        keys, numbers = chance.find_keys(floor, samples, seed, chance.shifted(n, round(start * n)))
        order = np.lexsort((numbers, keys))
        for i, k in enumerate(cuts):
            counts[i, order[:k]] += 1
        next_keys[seed] = keys[order][[cuts - 1, cuts]]
    margins = np.maximum(next_keys[:, 0].max(axis=0) - cuts, cuts - next_keys[:, 1].min(axis=0) + 1)
    differences = []
    for k, d, count in zip(cuts, margins, counts, strict=True):
        least, exact, most = (
            np.array(oracles.chances(draws, floor, max(0, min(n, at)), shifted(n, round(start * n))))
            for at in (k - d, k, k + d)
        )
        # Where a sample is always kept, or never, one seed may still be another's rounding.
        error = 5 * np.sqrt(np.maximum(most * (1 - least), 1 / n_seeds) / n_seeds)
        assert (count / n_seeds >= least - error).all()
        assert (count / n_seeds <= most + error).all()
        assert count.sum() == k * n_seeds
        differences.append(np.abs(count / n_seeds - exact).mean())
    assert margins.max() <= 1.3 * np.sqrt(n)
    return differences


@pytest.mark.parametrize("start", [0.0, 0.2])
@pytest.mark.parametrize("floor", FLOORS)
def test_a_sample_is_kept_as_often_as_its_probability_says(floor, start):
    assert max(check_frequencies(100, 500, floor, labelled=True, start=start)) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [False, True])
@pytest.mark.parametrize("floor", FLOORS)
def test_a_sample_is_kept_as_often_as_its_probability_says_over_many_seeds(floor, labelled):
    assert max(check_frequencies(300, 10_000, floor, labelled)) < 0.02


def test_of_certain_scores_without_a_floor_it_keeps_a_window():
    scores = np.random.default_rng(0).permutation(40)
    for start in (0.0, 0.1, 0.3):
        kept = select(scores, 0.5, "chance", floor=0.0, start=start)
        assert kept.tolist() == oracles.window(scores, round(40 * start), 20)


def labelled_case(n, seed, n_classes=3):
    """Return draws, labels and tables of samples, a fifth in the subset, whose embeddings tell something of labels."""
    draws, labels = case(n, n_classes=n_classes, seed=seed)
    labels = np.unique(labels, return_inverse=True)[1]
    rng = np.random.default_rng(seed)
    embeddings = (np.eye(n_classes)[labels] + rng.normal(size=(n, n_classes))).astype(np.float32)
    subset = np.sort(rng.permutation(n)[: max(1, n // 5)])
    tables = {"embeddings": {"sample_id": np.arange(n), "embedding": embeddings}, "subset": {"sample_id": subset}}
    return draws, labels, tables


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(2, 30),
    n_pieces=st.integers(1, 6),
    ridge=st.sampled_from([0.5, 1.0]),
    n_told=st.sampled_from([3, 1000]),
    seed=st.integers(0, 99),
)
def test_auto_counts_ranks_as_they_come_into_the_windows_that_teach_best(n, n_pieces, ridge, n_told, seed):
    draws, labels, tables = labelled_case(n, seed)
    scores, embeddings, subset = draws.mean(axis=1), tables["embeddings"]["embedding"], tables["subset"]["sample_id"]
    outside = sorted((row for row in range(n) if row not in subset), key=lambda row: (labels[row], row))
    told = outside[:: -(-len(outside) // n_told)]
    windows = oracles.nested_windows(scores, labels, embeddings, set(range(n)) - set(told), n_pieces, ridge)
    entering = oracles.entering(windows)
    assert sorted(entering) == list(range(n))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chance, "PIECES", n_pieces)
        patch.setattr(_ridge, "JUDGED", n_told)
        patch.setattr(_ridge, "CHUNK", 7)
        for n_kept in {1, n // 2, n - 1} - {0}:
            kept = select(
                scores,
                n_kept=n_kept,
                method="chance",
                labels=labels,
                draws=draws,
                seed=seed,
                tables=tables,
                ridge=ridge,
            )
            assert kept.tolist() == oracles.chance(draws, labels, 0.3, seed, n_kept, entering)


def table_of(n=8, **changes):
    embeddings = {"sample_id": np.arange(n), "embedding": np.eye(n)[:, :3]} | changes
    return {"embeddings": embeddings, "subset": {"sample_id": np.arange(2)}}


@pytest.mark.parametrize(
    "tables, sentence",
    [
        (
            {"embedding": {}},
            "tables: embedding is none that a method reads; there are embeddings, neighbors/all, subset",
        ),
        (
            {"embeddings": {"sample_id": [0]}},
            "tables: embeddings has no embedding; give it, and sample_id, the rows",
        ),
        (
            table_of(sample_id=np.arange(8) + 1),
            "sample_id of embeddings is not of different rows of the 8 scores, incr",
        ),
        (
            table_of(sample_id=np.zeros(8, int)),
            "sample_id of embeddings is not of different rows of the 8 scores, incr",
        ),
        (
            table_of(sample_id=np.ones(8, bool)),
            "sample_id of embeddings is not of different rows of the 8 scores, incr",
        ),
        (
            table_of() | {"subset": {"sample_id": [9]}},
            "sample_id of subset is not of different rows of the 8 scores, in",
        ),
        (
            table_of(embedding=np.ones((7, 3))),
            "tables: embedding of embeddings is (7, 3); give one row for each of its 8",
        ),
        (
            table_of(embedding=np.ones(8)),
            "tables: embedding of embeddings is (8,); give one row for each of its 8 samples",
        ),
        (table_of(7), "there are embeddings of 7 of 8 samples, none of 7; give all"),
        (table_of(embedding=np.diag([0, 0, np.nan, 0, np.inf, 0, 0, 0])), "the embedding of sample 2 is not finite"),
        (table_of(embedding=np.full((8, 3), 1e9)), "the option ridge = 1 is nothing beside embeddings of 6 samples as"),
    ],
)
def test_tables_that_do_not_fit_are_one_sentence(tables, sentence):
    with pytest.raises(InputFault) as fault:
        select(np.arange(8), 0.5, "chance", np.arange(8) % 2, tables=tables)
    assert sentence in str(fault.value)


def test_labels_of_other_samples_are_refused():
    with pytest.raises(InputFault, match=r"^there are 7 labels for 8 scores; give one per score$"):
        select(np.arange(8), 0.5, "chance", np.arange(7))


def test_those_told_are_of_all_classes_however_they_are_ordered(monkeypatch):
    labels = np.arange(600) % 10
    embeddings = np.eye(10)[labels] * (labels == 3)[:, None]  # of the others nothing is known, and the first is guessed
    tables = {
        "embeddings": {"sample_id": np.arange(600), "embedding": embeddings},
        "subset": {"sample_id": np.arange(600)},
    }
    samples = _samples.SampleArrays(np.arange(600), labels, tables=tables)
    monkeypatch.setattr(_ridge, "JUDGED", 60)
    right = _ridge.count_right(samples, np.zeros(600, int), np.ones((1, 1), bool), 1.0)
    assert right.tolist() == [6 + 6]


def test_the_windows_of_auto_lie_within_one_another_and_are_not_the_same_for_all_samples():
    starts = set()
    for seed in range(12):
        draws, labels, tables = labelled_case(90, seed)
        samples = _samples.SampleArrays(draws.mean(axis=1), labels, draws=draws, tables=tables)
        windows = _ridge.nested_windows(samples, 20, 1.0)
        assert len(windows) == 20
        assert windows[-1] == (0, 90)
        for (first, last), (wider, further) in itertools.pairwise(windows):
            assert (wider == first) != (further == last)
            assert wider <= first < last <= further
        starts.add(windows[4][0])
    assert len(starts) > 4


def test_what_auto_keeps_of_fewer_is_kept_of_more():
    draws, labels, tables = labelled_case(40, 1)
    samples = _samples.SampleArrays(draws.mean(axis=1), labels, draws=draws, tables=tables)
    assert _ridge.nested_windows(samples, 20, 1.0)[4][0] > 0
    kept = [set(chance.keep(chance.Options(), k, samples, 3).tolist()) for k in range(1, 41)]
    assert [len(rows) for rows in kept] == list(range(1, 41))
    assert all(fewer < more for fewer, more in itertools.pairwise(kept))


def test_auto_passes_over_wrong_labels_where_little_is_kept():
    rng = np.random.default_rng(0)
    labels = np.arange(1000) % 2
    embeddings = np.eye(2)[labels] + 0.1 * rng.normal(size=(1000, 2))
    given, scores = labels.copy(), np.arange(1000, 0, -1)
    given[:200] = 1 - given[:200]  # the highest scores
    tables = {"embeddings": {"sample_id": np.arange(1000), "embedding": embeddings}, "subset": {"sample_id": [999]}}
    for n_kept in (50, 100):  # of 300 a third may be wrong, and they teach as much
        kept = select(scores, n_kept=n_kept, method="chance", labels=given, tables=tables, floor=0.0)
        assert kept.min() >= 200


ALL_LEARNED = labelled_case(90, 0)[2] | {"subset": {"sample_id": np.arange(90)}}


@pytest.mark.parametrize(
    "labels, tables, missing",
    [
        (None, {}, "labels and no embeddings"),
        (None, {"embeddings": {"sample_id": np.arange(90), "embedding": np.ones((90, 2))}}, "labels"),
        (np.arange(90) % 3, {}, "embeddings"),
        (
            np.arange(90) % 3,
            labelled_case(90, 0)[2] | {"subset": {"sample_id": np.arange(90)}},
            "samples outside the subset",
        ),
    ],
)
def test_where_no_window_can_be_judged_none_are_passed_over_and_the_log_says_so(labels, tables, missing, caplog):
    draws, _ = case(90)
    caplog.set_level("INFO")
    kept = select(draws.mean(axis=1), 0.5, "chance", labels, draws=draws, tables=tables)
    assert kept.tolist() == select(draws.mean(axis=1), 0.5, "chance", labels, draws=draws, start=0.0).tolist()
    assert caplog.messages == [f"chance: passes over none, as there are no {missing} to choose a start by"]


def test_a_start_leaves_enough_and_auto_reads_tables():
    message = (
        r"chance: its option start = 0.3 leaves 7 of 10 samples, and 8 are to be kept; lower it to the share that is "
        r"pruned or less, or keep fewer"
    )
    with pytest.raises(InputFault, match=message):
        select(np.arange(10), 0.2, "chance", start=0.3)
    assert chance.Options().needs() == ("embeddings", "subset", "samples")
    assert chance.Options(start=0.1).needs() == ()
    for start in (-0.1, 1.0, "late"):
        with pytest.raises(ValueError, match="start"):
            select(np.arange(10), 0.5, "chance", start=start)


def test_with_a_floor_of_1_all_are_kept_alike():
    draws, labels = case(60)
    counts = np.zeros(60)
    for seed in range(2000):
        counts[chance.keep(chance.Options(floor=1.0), 15, samples_of(draws, labels), seed)] += 1
    np.testing.assert_allclose(counts, 500, atol=5 * np.sqrt(2000 * 0.25 * 0.75))


@pytest.mark.parametrize("labelled", [False, True])
def test_the_number_of_keys_up_to_k_is_k_but_for_little(labelled):
    draws, labels = case(2000)
    samples = samples_of(draws, labels if labelled else None)
    cuts, off = np.array([200, 400, 1000, 1600]), []
    for seed in range(40):
        keys, _ = chance.find_keys(0.3, samples, seed, np.arange(2000))
        off.append([(keys <= k).sum() - k for k in cuts])
    # The deviation of independent numbers is sqrt(sum p (1 - p)).
    probabilities = np.array([oracles.chances(draws, 0.3, k) for k in cuts])
    independent = np.sqrt((probabilities * (1 - probabilities)).sum(axis=1))
    assert (np.sqrt(np.mean(np.square(off), axis=0)) < 0.75 * independent).all()
    assert np.abs(off).max() < 0.02 * 2000


def test_each_class_and_each_level_of_the_score_gets_its_share():
    # Draws that say nothing: all have the same chance, k / n.
    rng = np.random.default_rng(0)
    labels, draws = rng.integers(0, 10, 3000), rng.random((3000, 12))
    probability = np.array([oracles.chances(draws, 0.3, 900)])[0]
    for seed in range(5):
        kept = np.zeros(3000)
        kept[chance.keep(chance.Options(), 900, samples_of(draws, labels), seed)] = 1
        for label in range(10):
            of_class = labels == label
            # Two standard deviations of independent numbers, which a tenth of all cases would exceed.
            assert kept[of_class].sum() == pytest.approx(probability[of_class].sum(), abs=16)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("n", [1, 2, 3, 200])
def test_what_is_kept_of_fewer_is_kept_of_more(n, floor):
    draws, labels = case(n)
    kept = [
        set(chance.keep(chance.Options(floor=floor), k, samples_of(draws, labels), 3).tolist()) for k in range(1, n + 1)
    ]
    assert [len(rows) for rows in kept] == list(range(1, n + 1))
    assert all(fewer < more for fewer, more in itertools.pairwise(kept))


@pytest.mark.parametrize("draws", [None, "certain"])
def test_certain_scores_without_a_floor_are_ranked(draws):
    scores = np.random.default_rng(0).integers(0, 30, 80).astype(np.float64)
    certain = None if draws is None else np.repeat(scores[:, None], 12, axis=1)
    for rate in (0.1, 0.5, 0.9):
        kept = select(scores, rate, "chance", draws=certain, floor=0.0)
        assert kept.tolist() == oracles.top(scores, rate)


def test_equal_scores_keep_the_lower_rows_but_for_the_floor():
    assert select(np.full(40, 2.0), 0.5, "chance", floor=0.0).tolist() == list(range(20))
    kept = select(np.full(400, 2.0), 0.5, "chance", floor=0.5)
    assert (kept < 200).mean() == pytest.approx(0.75, abs=0.03)  # 0.5 + 0.5 x 0.5 of the lower half


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
def test_infinite_draws_are_ranked():
    draws = np.array([[np.inf, -np.inf], [0, 0], [-np.inf, -np.inf], [np.inf, np.inf]])
    assert select(np.zeros(4), 0.25, "chance", draws=draws, floor=0.0).tolist() == [0, 1, 3]


def test_options_out_of_range_and_draws_that_do_not_fit_are_refused():
    for floor in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="floor"):
            select(np.zeros(4), 0.5, "chance", floor=floor)
    for draws in (np.zeros(4), np.zeros((3, 12)), np.zeros((4, 0))):
        with pytest.raises(InputFault, match=r"^draws are \(.*\); give a row for each of the 4 scores, \(n, D\)$"):
            select(np.zeros(4), 0.5, "chance", draws=draws)
    draws = np.zeros((4, 3))
    draws[2, 1] = np.nan
    with pytest.raises(InputFault, match=r"^1 draws are NaN, the first in row 2; none can be ranked$"):
        select(np.zeros(4), 0.5, "chance", draws=draws)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_draws_of_any_type_are_left_as_they_are(dtype):
    draws = (case(50)[0] * 10).astype(dtype)
    given = draws.copy()
    kept = select(np.zeros(50), 0.5, "chance", draws=draws)
    np.testing.assert_array_equal(draws, given)
    np.testing.assert_array_equal(kept, select(np.zeros(50), 0.5, "chance", draws=draws.astype(np.float64)))


# Tables


def write_tables(folder, n=300, n_pool=0):
    draws, labels = case(n)
    draws = draws.astype(np.float32)
    ids = np.sort(np.random.default_rng(1).permutation(10 * n)[:n])
    sources = np.array([str(i) for i in ids], object)
    write_table(folder / "samples.parquet", SAMPLES, {}, sample_id=ids, label=labels, source=sources)
    scores = {"score": draws.mean(axis=1), "computed": ids < 0, "spread": np.zeros(n), "draws": draws}
    write_table(folder / "scores.parquet", EXTRAPOLATED, {}, sample_id=ids, **scores)
    return ids, draws, labels


def ids_kept(folder, rate=0.6, seed=4, **given):
    paths = folder / "samples.parquet", folder / "scores.parquet"
    blocks = select_tables(*paths, {"rate": rate}, {"name": "chance", "floor": 0.3}, seed, **given)
    return np.concatenate([block["sample_id"].to_numpy() for block in blocks])


@pytest.mark.parametrize("batch", [7, 100, 10_000])
@pytest.mark.parametrize("labelled", [False, True])
def test_draws_are_read_from_the_table_of_scores(batch, labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(_samples, "BATCH", batch)
    monkeypatch.setattr(chance, "BLOCK", batch)
    ids, draws, labels = write_tables(tmp_path)
    kept = select(draws.mean(axis=1), 0.6, "chance", labels if labelled else None, 4, draws=draws)
    np.testing.assert_array_equal(ids_kept(tmp_path, labelled=labelled), ids[kept])


def test_labels_that_may_not_be_read_change_nothing(tmp_path):
    write_tables(tmp_path)
    with_labels, kept = ids_kept(tmp_path), ids_kept(tmp_path, labelled=False)
    assert not np.array_equal(with_labels, kept)
    columns = read_table(tmp_path / "samples.parquet")
    write_table(tmp_path / "samples.parquet", SAMPLES, {}, **columns | {"label": np.full(300, -1)})
    np.testing.assert_array_equal(ids_kept(tmp_path, labelled=False), kept)
    np.testing.assert_array_equal(ids_kept(tmp_path), kept)


def test_of_a_pool_only_its_draws_are_read(tmp_path):
    ids, draws, labels = write_tables(tmp_path)
    rows = select(np.zeros(200), 0.6, "chance", labels[100:], 4, draws=draws[100:])
    np.testing.assert_array_equal(ids_kept(tmp_path, n_pool=200), np.concatenate([ids[:100], ids[100:][rows]]))
