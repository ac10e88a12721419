"""CCS: as many of each bin as the paper's loop gives, at random within it, without the highest, nested over rates."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oracles
from score_extrapolation.faults import InputFault
from score_extrapolation.io.tables import KEPT, SAMPLES, SCORES, read_table, write_blocks, write_table
from score_extrapolation.plugins import method_options
from score_extrapolation.rng import derive_seed
from score_extrapolation.selection import count_kept, select, select_tables

few_scores = st.lists(st.integers(-9, 9) | st.integers(-60, 60), min_size=1, max_size=60)


@given(
    scores=few_scores,
    rate=st.sampled_from([0.1, 0.25, 0.5, 0.7, 0.9]),
    bins=st.sampled_from([1, 2, 3, 7, 49, 50]),
    dropped=st.sampled_from([0.0, 0.05, 0.1]),
    doubted=st.booleans(),
    seed=st.integers(0, 3),
)
def test_every_bin_keeps_as_many_as_the_papers_loop_gives_it(scores, rate, bins, dropped, doubted, seed):
    n = len(scores)
    n_kept, n_dropped = count_kept(n, rate), round(dropped * n)
    if n_kept == 0 or n - n_dropped < n_kept:
        return
    doubts = np.random.default_rng(seed).integers(0, 9, n) if doubted else None
    options = {"bins": bins, "dropped": dropped, "dropped_by": "other" if doubted else None}
    kept = select(scores, rate, "ccs", seed=seed, doubts=doubts, **options).tolist()
    left = oracles.ccs_left(scores, n_dropped, doubts)
    assert set(kept) <= set(left)
    of_left = [scores[row] for row in left]
    bin_of = {row: oracles.ccs_bin(scores[row], of_left, bins) for row in left}
    sizes, found = ([sum(bin_of[row] == i for row in rows) for i in range(bins)] for rows in (left, kept))
    assert found == oracles.ccs_counts(sizes, n_kept)


def test_counts_by_eye():
    # Bins of 0..10: 2, 3, 6, 0 and 1 samples. Of 8 places 2, 2, 3, 0 and 1, of 4 the largest bin's second one is last.
    scores = [0.0, 1.0, 2.5, 3.0, 3.9, 4.0, 4.5, 5.0, 5.1, 5.2, 5.9, 10.0]
    bins = np.array([0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4])
    for rate, counts in ((1 / 3, [2, 2, 3, 0, 1]), (2 / 3, [1, 1, 1, 0, 1]), (7 / 12, [1, 1, 2, 0, 1])):
        kept = select(scores, rate, "ccs", bins=5, dropped=0.0)
        assert np.bincount(bins[kept], minlength=5).tolist() == counts
    assert select(scores, 11 / 12, "ccs", bins=5, dropped=0.0)[0] in range(5, 11)


def test_of_bins_of_one_size_the_higher_comes_first():
    assert all(select([0, 0, 5, 5, 9, 9], 5 / 6, "ccs", seed=seed, bins=3, dropped=0.0)[0] >= 4 for seed in range(20))


def test_within_a_bin_every_sample_is_kept_equally_often():
    counts, scores = np.zeros(20), np.repeat([0.0, 1.0], 10)
    for seed in range(2000):
        counts[select(scores, 0.75, "ccs", seed=seed, bins=2, dropped=0.0)] += 1
    np.testing.assert_allclose(counts[:10], 400, atol=5 * np.sqrt(2000 * 0.2 * 0.8))
    np.testing.assert_allclose(counts[10:], 600, atol=5 * np.sqrt(2000 * 0.3 * 0.7))


def test_one_order_of_all_samples_serves_all_scores_and_all_that_is_dropped():
    order = np.random.default_rng(derive_seed(5, "selection/ccs")).permutation(40)
    for scores, dropped in ((np.arange(40.0), 0.0), (np.arange(40.0), 0.25), (-np.arange(40.0), 0.25)):
        kept = select(scores, 0.75, "ccs", seed=5, bins=1, dropped=dropped)
        left = np.isin(order, oracles.ccs_left(scores, round(40 * dropped)))
        np.testing.assert_array_equal(kept, np.sort(order[left][:10]))


# What is dropped


def test_the_highest_are_dropped_and_of_equal_ones_the_lower_rows_stay():
    assert select([1, 7, 7, 7, 2], 0.4, "ccs", dropped=0.4).tolist() == [0, 1, 4]
    assert select([1, 7, 8, 7, 2], 0.4, "ccs", dropped=0.4).tolist() == [0, 1, 4]
    assert select(np.zeros(10), 0.3, "ccs", dropped=0.3).tolist() == list(range(7))


def test_another_score_says_which_are_dropped_where_one_is_named():
    scores, doubts = [1, 2, 3, 4, 5], [9, 0, 0, 8, 0]
    chosen = {"doubts": doubts, "dropped": 0.4}
    assert select(scores, 0.4, "ccs", **chosen, dropped_by="aum").tolist() == [1, 2, 4]
    assert select(scores, 0.4, "ccs", **chosen).tolist() == [0, 1, 2]


def test_rates_below_what_is_dropped_are_refused():
    message = (
        r"ccs: its option dropped = 0.3 leaves 7 of 10 samples, and 8 are to be kept; lower it to the share "
        r"that is pruned or less, or keep fewer"
    )
    with pytest.raises(InputFault, match=message):
        select(np.arange(10), 0.2, "ccs", dropped=0.3)
    assert len(select(np.arange(10), 0.3, "ccs", dropped=0.3)) == 7


@given(rates=st.lists(st.floats(0.1, 0.99), min_size=2, max_size=4), n=st.integers(2, 200), seed=st.integers(0, 3))
def test_what_is_kept_at_a_higher_rate_is_kept_at_a_lower_one(rates, n, seed):
    scores, doubts = np.random.default_rng(seed).normal(size=(2, n))
    rates = [rate for rate in sorted(rates) if 0 < count_kept(n, rate) <= n - round(0.1 * n)]
    kept = [set(select(scores, rate, "ccs", seed=seed, doubts=doubts, dropped_by="aum")) for rate in rates]
    assert all(fewer <= more for more, fewer in itertools.pairwise(kept))


# auto


def tables_of(embeddings, subset):
    return {
        "embeddings": {"sample_id": np.arange(len(embeddings)), "embedding": embeddings},
        "subset": {"sample_id": np.asarray(subset, np.int64)},
    }


@given(
    n=st.integers(4, 60),
    rate=st.sampled_from([0.0, 0.2, 0.35, 0.5, 0.7, 0.9]),
    bins=st.sampled_from([1, 3, 50]),
    doubted=st.booleans(),
    ridge=st.sampled_from([0.5, 1.0]),
    seed=st.integers(0, 9),
)
def test_the_best_share_is_that_whose_list_teaches_best(n, rate, bins, doubted, ridge, seed):
    rng = np.random.default_rng(seed)
    n_kept = max(1, count_kept(n, rate))
    labels = np.unique(rng.integers(0, 3, n), return_inverse=True)[1]
    scores, doubts = rng.integers(0, n, n), rng.integers(0, n, n) if doubted else None
    embeddings = (np.eye(3)[labels] + rng.normal(size=(n, 3))).astype(np.float32)
    subset = np.sort(rng.permutation(n)[: n // 4 + 1])
    same = {"labels": labels, "seed": seed, "doubts": doubts, "bins": bins, "dropped_by": "other" if doubted else None}
    tables, rate = tables_of(embeddings, subset), 1 - n_kept / n
    kept = select(scores, rate, "ccs", **same, dropped="auto", ridge=ridge, tables=tables).tolist()
    lists = [
        select(scores, rate, "ccs", **same, dropped=share).tolist()
        for share in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
        if round(share * n) + n_kept <= n
    ]
    right = [oracles.taught_by(rows, labels, embeddings, set(subset.tolist()), ridge) for rows in lists]
    assert kept == lists[right.index(max(right))]


def test_different_shares_are_best_of_different_samples():
    shares, chosen = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5), []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        labels, scores = np.arange(100) % 3, rng.permutation(100)
        tables = tables_of(np.eye(3)[labels] + rng.normal(size=(100, 3)), range(20))
        kept = select(scores, 0.5, "ccs", labels, dropped="auto", tables=tables).tolist()
        chosen.append([kept == select(scores, 0.5, "ccs", dropped=share).tolist() for share in shares].index(True))
    assert len(set(chosen)) > 3


def test_auto_reads_labels_and_tables():
    assert method_options("selection", "ccs")(dropped="auto").needs() == ("embeddings", "subset", "samples")
    assert method_options("selection", "ccs")().needs() == ()
    with pytest.raises(InputFault, match="labels are missing"):
        select(np.arange(10), 0.5, "ccs", dropped="auto", tables=tables_of(np.ones((10, 2)), [1]))
    for dropped in (-0.1, 1.0, "some"):
        with pytest.raises(ValueError, match="dropped"):
            select(np.arange(10), 0.5, "ccs", dropped=dropped)


# Odd scores


def test_a_single_sample_is_kept():
    assert select([3.0], 0.0, "ccs").tolist() == [0]


def test_equal_scores_are_one_bin():
    scores = np.full(30, 0.1)
    expected = select(np.arange(30), 0.5, "ccs", seed=2, bins=1, dropped=0.0)
    np.testing.assert_array_equal(select(scores, 0.5, "ccs", seed=2, dropped=0.0), expected)


def test_more_bins_than_samples_keep_of_all_scores_before_any_twice():
    kept = select([0, 0, 0, 1, 2, 2], 0.5, "ccs", bins=1000, dropped=0.0)
    assert sorted(np.array([0, 0, 0, 1, 2, 2])[kept]) == [0, 1, 2]


def test_classes_do_not_matter():
    scores, labels = np.random.default_rng(0).normal(size=50), np.arange(50) % 3
    kept = [select(scores, 0.5, "ccs", given) for given in (None, labels, 2 - labels)]
    assert kept[0].tolist() == kept[1].tolist() == kept[2].tolist()


@pytest.mark.parametrize("scores", [[0, 1, np.inf], [-np.inf, 1, 2], [np.inf] * 3, [-1e308, 0, 1e308], [0, 0, 1e307]])
def test_a_range_that_is_not_finite_is_refused(scores):
    with pytest.raises(InputFault, match="ccs: the range of the scores is not finite"):
        select(scores, 0.5, "ccs")


def test_what_is_dropped_may_be_infinite():
    assert select([0, np.inf, 1, 2], 0.25, "ccs", dropped=0.25).tolist() == [0, 2, 3]
    by_other = {"doubts": [0, np.inf, 0, -np.inf], "dropped_by": "aum"}
    assert select([0, 1, 2, 3], 0.25, "ccs", dropped=0.25, **by_other).tolist() == [0, 2, 3]


# The other score


def test_doubts_that_are_missing_too_few_or_nan_are_refused():
    for doubts, message in (
        (None, "doubts are missing; give one per score, or select by a method that reads none"),
        ([1.0, 2.0], "there are 2 doubts for 3 scores; give one per score"),
        ([1.0, np.nan, np.nan], "2 doubts are NaN, the first in row 1; none can be ranked"),
    ):
        with pytest.raises(InputFault, match=message):
            select([1.0, 2.0, 3.0], 0.5, "ccs", doubts=doubts, dropped_by="aum")


def test_doubts_are_not_read_where_no_option_names_them():
    assert len(select([1.0, 2.0, 3.0], 0.5, "ccs", doubts=[np.nan] * 3)) == 1
    assert len(select([1.0, 2.0, 3.0], 0.5, "top", doubts=[np.nan] * 3)) == 1


@pytest.fixture
def folder(tmp_path):
    rng, ids = np.random.default_rng(0), 3 * np.arange(100) + 7
    sources = np.array([f"image {i}" for i in ids], object)
    write_table(tmp_path / "samples.parquet", SAMPLES, {}, sample_id=ids, label=ids % 3, source=sources)
    for name in ("scores", "doubts"):
        write_table(tmp_path / f"{name}.parquet", SCORES, {}, sample_id=ids, score=rng.normal(size=100))
    return tmp_path


def kept_of(folder, doubts="doubts", rate=0.4, **options):
    paths = [folder / f"{name}.parquet" for name in ("samples", "scores")]
    doubts_path = doubts and folder / f"{doubts}.parquet"
    blocks = select_tables(*paths, {"rate": rate}, {"name": "ccs", **options}, 1, doubts_path)
    write_blocks(folder / "kept.parquet", KEPT, {}, blocks)
    return read_table(folder / "kept.parquet")


@pytest.mark.parametrize("batch", [7, 1000])
def test_tables_and_arrays_give_the_same(folder, batch, monkeypatch):
    monkeypatch.setattr("score_extrapolation.selection._samples.BATCH", batch)
    samples, scores, doubts = (read_table(folder / f"{name}.parquet") for name in ("samples", "scores", "doubts"))
    for options in ({"dropped_by": "aum"}, {}):
        kept = kept_of(folder, **options)
        rows = select(scores["score"], 0.4, "ccs", seed=1, doubts=doubts["score"], **options)
        np.testing.assert_array_equal(kept["sample_id"], samples["sample_id"][rows])
        np.testing.assert_array_equal(kept["score"], scores["score"][rows])
    assert kept_of(folder, doubts=None)["sample_id"].tolist() == kept["sample_id"].tolist()


@pytest.mark.parametrize("batch", [7, 1000])
def test_doubts_of_other_samples_are_refused_and_write_nothing(folder, batch, monkeypatch):
    monkeypatch.setattr("score_extrapolation.selection._samples.BATCH", batch)
    doubts = read_table(folder / "doubts.parquet")
    ids = doubts["sample_id"]
    write_table(folder / "moved.parquet", SCORES, {}, sample_id=ids + (ids > 100), score=doubts["score"])
    message = r"moved.parquet: row 32 is sample 104, but in .*samples.parquet it is sample 103; make it anew"
    with pytest.raises(InputFault, match=message):
        kept_of(folder, "moved", dropped_by="aum")
    write_table(folder / "few.parquet", SCORES, {}, sample_id=ids[1:], score=doubts["score"][1:])
    with pytest.raises(InputFault, match=r"few.parquet: has 99 samples, .*samples.parquet has 100; make it anew"):
        kept_of(folder, "few", dropped_by="aum")
    write_table(folder / "nan.parquet", SCORES, {}, sample_id=ids, score=np.where(ids == 10, np.nan, 0.0))
    with pytest.raises(InputFault, match="1 doubts are NaN, the first in row 1"):
        kept_of(folder, "nan", dropped_by="aum")
    with pytest.raises(InputFault, match="doubts are missing"):
        kept_of(folder, None, dropped_by="aum")
    assert not (folder / "kept.parquet").exists()
