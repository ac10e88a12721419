"""Estimates without the truth: cross-validation by the oracle, the table beside the truth, and what is chosen."""

import math

import numpy as np
import pandas as pd
import pytest

import oracles
from score_extrapolation.evaluation import estimates, read_csv, write_csv
from score_extrapolation.evaluation.agreement import pearson, spearman, tabulate_agreement
from score_extrapolation.evaluation.estimates import FOLDS, RUN, choose, cross_validate, tabulate_estimates
from score_extrapolation.extrapolators import extrapolate
from score_extrapolation.extrapolators._draws import certain_draws
from score_extrapolation.faults import InputFault
from score_extrapolation.io.atomic import write_json
from score_extrapolation.io.tables import EXTRAPOLATED, SCORES, write_table
from score_extrapolation.plugins import method_options
from score_extrapolation.rng import derive_seed

# ------------------------------------------------------------ cross-validation


def study(m=43, n=70, seed=0):
    """Embeddings of all samples, the subset with labels and its scores, which neighbours tell something of."""
    rng = np.random.default_rng(seed)
    ids = np.sort(rng.choice(3000, n, replace=False))
    vectors = rng.normal(size=(n, 3)).astype(np.float32)
    rows = np.sort(rng.permutation(n)[:m])
    subset = {"sample_id": ids[rows], "label": rng.integers(0, 3, m)}
    scores = {"sample_id": ids[rows], "score": (vectors[rows, 0] + rng.normal(0, 0.3, m)).astype(np.float32)}
    return {"embeddings": {"sample_id": ids, "embedding": vectors}, "subset": subset, "scores": scores}


def validate(tables, name="knn", seed=0, **options):
    settings = method_options("extrapolators", name)(**options)
    return cross_validate(
        {"name": name, "step_up": False, **settings.model_dump()}, settings.needs(), **tables, seed=seed
    )


@pytest.fixture
def recorded(monkeypatch):
    """Record each extrapolation: the ids and scores that it was given and the columns that it returned."""
    calls = []

    def recording(extrapolator, ids, scores, *others):
        columns = extrapolate(extrapolator, ids, scores, *others)
        calls.append((ids.tolist(), scores.tolist(), columns))
        return columns

    monkeypatch.setattr(estimates, "extrapolate", recording)
    return calls


def left_out(calls):
    """Return (sample_id, score) of all that was extrapolated."""
    columns = [columns for _, _, columns in calls]
    pairs = [
        zip(c["sample_id"][~c["computed"]].tolist(), c["score"][~c["computed"]].tolist(), strict=True) for c in columns
    ]
    return [pair for of_fold in pairs for pair in of_fold]


@pytest.mark.parametrize("m", [10, 43])
@pytest.mark.parametrize(
    "options", [{}, {"weighting": "uniform"}, {"same_label": True}, {"weighting": "uniform", "same_label": True}]
)
def test_cross_validation_equals_the_oracle(options, m, recorded):
    tables = study(m)
    found = validate(tables, seed=2, k=4, **options)
    fold_of = np.random.default_rng(derive_seed(2, "evaluation/folds")).permutation(m) % FOLDS
    ids, known = tables["scores"]["sample_id"], tables["scores"]["score"].astype(np.float64)
    vector_of = dict(zip(tables["embeddings"]["sample_id"].tolist(), tables["embeddings"]["embedding"], strict=True))
    vectors = np.array([vector_of[sample_id] for sample_id in ids.tolist()])
    labels = tables["subset"]["label"] if "same_label" in options else None
    expected = oracles.cross_validated(vectors, known, fold_of, 4, options.get("weighting", "distance"), labels)
    by_id = dict(left_out(recorded))
    np.testing.assert_allclose([by_id[sample_id] for sample_id in ids.tolist()], expected, atol=1e-6)
    assert (found["n"], found["folds"]) == (m, 5)
    assert found["pearson"] == pytest.approx(pearson(expected, known), abs=1e-5)
    assert found["spearman"] == pytest.approx(spearman(expected, known), abs=1e-5)


@pytest.mark.parametrize("name, options", [("knn", {"k": 3}), ("gnn", {"k": 3, "epochs": 2})])
def test_every_sample_is_extrapolated_once_and_never_from_itself(name, options, recorded):
    tables = study()
    ids = tables["subset"]["sample_id"].tolist()
    validate(tables, name, **options)
    assert sorted(sample_id for sample_id, _ in left_out(recorded)) == ids
    for given, _, columns in recorded:
        others = columns["sample_id"][~columns["computed"]].tolist()
        assert sorted([*given, *others]) == ids
        assert len(others) in (len(ids) // FOLDS, len(ids) // FOLDS + 1)
    before = dict(left_out(recorded))
    recorded.clear()
    changed = ids[11]
    tables["scores"]["score"][11] += 50
    validate(tables, name, **options)
    after = dict(left_out(recorded))
    assert after[changed] == before[changed]
    assert after != before


def test_folds_are_drawn_by_the_seed(recorded):
    tables = study()
    assert validate(tables, k=3) == validate(tables, k=3)
    assert recorded[0][0] == recorded[FOLDS][0]
    validate(tables, k=3, seed=1)
    assert recorded[0][0] != recorded[2 * FOLDS][0]


@pytest.mark.parametrize("options", [{}, {"labels": False}])
def test_a_network_is_validated_on_one_graph_of_the_subset(options, recorded, monkeypatch):
    searched = []
    find_scope = estimates.find_scope
    monkeypatch.setattr(estimates, "find_scope", lambda *given: searched.append(given[0]) or find_scope(*given))
    tables = study()
    found = validate(tables, "gnn", k=3, epochs=2, **options)
    assert searched == ["all"]
    assert found["n"] == 43
    assert -1 <= found["pearson"] <= 1
    assert found == validate(tables, "gnn", k=3, epochs=2, **options)


def test_samples_outside_the_subset_and_their_order_say_nothing():
    tables = study()
    found = validate(tables, k=3)
    ids = tables["embeddings"]["sample_id"]
    outside = ~np.isin(ids, tables["subset"]["sample_id"])
    tables["embeddings"]["embedding"][outside] = 1e3
    assert validate(tables, k=3) == found
    rows = ~outside
    tables["embeddings"] = {name: column[rows] for name, column in tables["embeddings"].items()}
    assert validate(tables, k=3) == found


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
@pytest.mark.parametrize("name, options", [("knn", {}), ("knn", {"same_label": True}), ("gnn", {"epochs": 2})])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 5, 6])
def test_a_tiny_subset_is_validated_or_refused_in_one_sentence(m, name, options):
    tables = study(m)
    for k in (1, 3):
        # Folds of ceil(m / 5) samples are left out; a graph is of all m.
        if k > (m - 1 if name == "gnn" else m - math.ceil(m / FOLDS)):
            with pytest.raises(
                InputFault, match=rf"^extrapolation: k = {k} neighbours of \d .* samples were asked for"
            ):
                validate(tables, name, k=k, **options)
        else:
            found = validate(tables, name, k=k, **options)
            assert found["n"] == m
            assert all(found[key] is None or -1 <= found[key] <= 1 for key in ("pearson", "spearman"))


@pytest.mark.filterwarnings("error", "ignore::ResourceWarning")
@pytest.mark.parametrize("score", [0.1, 0.0, -7.7])
@pytest.mark.parametrize("name, options", [("knn", {}), ("knn", {"weighting": "uniform"}), ("gnn", {"epochs": 2})])
def test_constant_scores_have_no_correlation(name, options, score):
    tables = study()
    tables["scores"]["score"][:] = score
    found = validate(tables, name, k=3, **options)
    assert found == {"n": 43, "folds": FOLDS, "pearson": None, "spearman": None}


# ----------------------------------------------------------------- the table


def run_of(extrapolator="knn-5", fraction="20", seed=0, score="du"):
    return {"score": score, "extrapolator": extrapolator, "fraction": fraction, "sampler": "random", "seed": seed}


@pytest.fixture
def write(tmp_path):
    """Return a function that writes scores by id; those of computed samples with it make them an extrapolated table."""

    def write(name, scores, computed=None):
        columns = {"sample_id": np.array(list(scores)), "score": np.array(list(scores.values()), np.float32)}
        if computed is None:
            write_table(tmp_path / name, SCORES, {}, **columns)
        else:
            mask = np.isin(columns["sample_id"], computed)
            draws = certain_draws(columns["score"])
            write_table(
                tmp_path / name, EXTRAPOLATED, {}, **columns, computed=mask, spread=np.zeros(len(scores)), draws=draws
            )
        return tmp_path / name

    return write


@pytest.fixture
def lists(write, tmp_path):
    """One run of each list: the subset is 1, 3, 4, 7, 9, of which 3 and 9 are nested."""
    write_json(tmp_path / "metrics.json", {"n": 5, "folds": 5, "pearson": 0.25, "spearman": None})
    scores = write("scores", {1: 1, 3: 5, 4: 2, 7: 3, 9: 8})
    nested = write("nested", {9: 2, 3: 1})
    extrapolated = write("extrapolated", {1: 3, 3: 1, 4: 2, 7: 1, 9: 2}, computed=[3, 9])
    return (
        [run_of() | {"metrics": tmp_path / "metrics.json"}],
        [run_of() | {"extrapolated": extrapolated, "truth": scores}],
        [
            {key: run_of()[key] for key in ("score", "fraction", "sampler", "seed")}
            | {"scores": scores, "nested_scores": nested}
        ],
    )


def agreement_of(*runs):
    """As `tabulate_agreement` returns it; each run says its correlations on the residual set and on the subset."""
    rows = [
        {**run, "part": part, "n": 4, "pearson": value, "spearman": value / 2}
        for run, residual, subset in runs
        for part, value in (("residual", residual), ("subset", subset), ("all", 99))
    ]
    return pd.DataFrame(rows)


def test_a_row_for_each_estimate_by_hand(lists):
    table = tabulate_estimates(*lists)
    assert list(table) == [*RUN, "estimate", "n", "pearson", "spearman"]
    assert table["estimate"].tolist() == ["cross_validation", "nested", "shift"]
    assert table["extrapolator"].tolist() == ["knn-5", "knn-5", "none"]
    assert (table[["score", "fraction", "seed"]] == ["du", "20", 0]).all(axis=None)
    assert table["n"].tolist() == [5, 3, 2]  # the subset, the rest of it, those nested in it
    # Nested, of 1, 4 and 7: (3, 2, 1) against (1, 2, 3). The shift is of 3 and 9: (1, 2) against (5, 8).
    np.testing.assert_allclose(table["pearson"].astype(float), [0.25, -1, 1])
    np.testing.assert_allclose(table["spearman"].astype(float), [np.nan, -1, 1])


def test_the_truth_stands_beside_the_estimates_of_its_run(lists):
    validated, nested, shifts = lists
    other = run_of("gnn-10", "5", 1)
    validated = [*validated, other | {"metrics": validated[0]["metrics"]}]
    agreement = agreement_of((other, 0.1, 0.2), (run_of(seed=1), 0.3, 0.4), (run_of(), 0.5, 0.6))
    table = tabulate_estimates(validated, nested, shifts, agreement)
    assert list(table)[-2:] == ["true_pearson", "true_spearman"]
    assert table["true_pearson"].tolist() == [0.5, 0.1, 0.5, 0.6]
    assert table["true_spearman"].tolist() == [0.25, 0.05, 0.25, 0.3]
    np.testing.assert_array_equal(table["pearson"], tabulate_estimates(validated, nested, shifts)["pearson"])


@pytest.mark.parametrize("order", [1, -1])
def test_the_truth_of_a_shift_is_that_of_the_scores_as_computed(lists, order):
    stepped = [(run_of("knn-5-step_up"), 0.8, 0.9), (run_of("auto"), 0.7, 0.9), (run_of("gnn-10-step_up"), 0.8, 0.95)]
    computed = [(run_of("knn-10"), 0.1, 0.2), (run_of("knn-5"), 0.5, 0.2)]
    table = tabulate_estimates([], [], lists[2], agreement_of(*[*stepped, *computed][::order]))
    assert table["true_pearson"].tolist() == [0.2]
    # Where nobody left them as computed, their agreement is not known.
    table = tabulate_estimates([], [], lists[2], agreement_of(*stepped[::order]))
    assert table["true_pearson"].isna().tolist() == [True]
    assert table["pearson"].tolist() == [1]


def test_what_has_no_truth_is_still_there(lists):
    table = tabulate_estimates(*lists, agreement_of((run_of(seed=5), 0.1, 0.2)))
    assert table["estimate"].tolist() == ["cross_validation", "nested", "shift"]
    assert table["true_pearson"].isna().all()


def test_percentages_come_out_of_a_csv_as_they_went_in(lists, tmp_path):
    validated = [run_of(fraction=fraction) | {"metrics": lists[0][0]["metrics"]} for fraction in ("20", "2.5", "0.1")]
    agreement = agreement_of(*((run, value, 0) for run, value in zip(validated, (0.1, 0.2, 0.3), strict=True)))
    agreement = agreement.drop(columns="metrics")
    write_csv(tmp_path / "agreement.csv", agreement)
    assert read_csv(tmp_path / "agreement.csv")["fraction"].tolist() == agreement["fraction"].tolist()
    for table in (agreement, read_csv(tmp_path / "agreement.csv")):
        assert tabulate_estimates(validated, [], [], table)["true_pearson"].tolist() == [0.1, 0.2, 0.3]
    write_csv(tmp_path / "agreement.csv", agreement[agreement["fraction"] == "20"])
    table = tabulate_estimates(validated, [], [], read_csv(tmp_path / "agreement.csv"))
    np.testing.assert_array_equal(table["true_pearson"], [0.1, np.nan, np.nan])


@pytest.mark.parametrize("with_truth", [False, True])
@pytest.mark.parametrize("there", [(0, 1), (0, 2), (1, 2), (0,), (1,), (2,), ()])
def test_each_list_may_be_empty(lists, there, with_truth, tmp_path):
    some = [rows if i in there else [] for i, rows in enumerate(lists)]
    table = tabulate_estimates(*some, agreement_of((run_of(), 0.5, 0.6)) if with_truth else None)
    names = ["cross_validation", "nested", "shift"]
    assert table["estimate"].tolist() == [names[i] for i in there]
    assert list(table) == [
        *RUN,
        "estimate",
        "n",
        "pearson",
        "spearman",
        *["true_pearson", "true_spearman"][: 2 * with_truth],
    ]
    write_csv(tmp_path / "estimates.csv", table)
    assert pd.read_csv(tmp_path / "estimates.csv")["extrapolator"].tolist() == table["extrapolator"].tolist()


# ---------------------------------------------------------------- the choice


@pytest.fixture
def candidates(write):
    """Return a function that writes candidates' scores of samples 0 to 5 as rows; each one's true score is its id."""
    # The nested sample's own score is an outlier, by which any two would correlate.
    truth = write("truth", {i: i for i in range(6)} | {9: 100})

    def rows(**scores):
        tables = {
            name: write(name, dict(enumerate(values)) | {9: 100}, computed=[9]) for name, values in scores.items()
        }
        return [run_of(name) | {"extrapolated": path, "truth": truth} for name, path in tables.items()]

    return rows


RIGHT, NEARLY, WRONG, UNKNOWN = (0, 1, 2, 3, 4, 5), (1, 0, 2, 3, 4, 5), (5, 4, 3, 2, 1, 0), (7, 7, 7, 7, 7, 7)


@pytest.mark.parametrize(
    "scores, best",
    [
        ({"a": NEARLY, "b": RIGHT, "c": WRONG}, "b"),
        ({"a": WRONG, "b": NEARLY}, "b"),
        ({"a": NEARLY, "b": NEARLY}, "a"),
        ({"b": NEARLY, "a": NEARLY}, "b"),
        ({"a": UNKNOWN, "b": NEARLY, "c": UNKNOWN}, "b"),
        ({"a": UNKNOWN, "b": WRONG}, "b"),
        ({"a": UNKNOWN, "b": UNKNOWN}, "a"),
        ({"a": WRONG}, "a"),
    ],
)
def test_the_best_is_chosen_of_equals_the_first_and_the_unknown_never(candidates, scores, best):
    assert choose(candidates(**scores)) == best


@pytest.mark.parametrize(
    "best, other, misleading",
    [
        # Of the other one all ranks are right, but one value is far off.
        ((0, 2, 1, 3, 5, 4), (0, 1, 2, 3, 4, 500), "spearman"),
        ((0, 1, 2, 3, 4, 9), (0.2, 0, 2.2, 2, 4.2, 4), "pearson"),
    ],
)
def test_both_correlations_count(candidates, best, other, misleading):
    rows = candidates(other=other, best=best)
    residual = tabulate_agreement(rows).query("part == 'residual'").set_index("extrapolator")
    assert residual.loc["other", misleading] > residual.loc["best", misleading]
    assert choose(rows) == "best"
