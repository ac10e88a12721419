"""Table 1: accuracy and cost of every way to choose samples, at the largest rate at which that is worth anything."""

import pandas as pd

from ..names import RANDOM, Arm
from ..report import arm_label, method_label, with_budget
from ._runs import in_percent, is_extrapolated, is_original, is_training_free, of_experiment
from ._statistics import add_best, add_differences, summarize
from ._texts import NONE, difference, number, percent, pivot, plus_minus, seconds
from ._useful_rate import useful_rates

CHAPTER = "1 Accuracy"
TITLE = "Table 1. Accuracy and time at the maximum useful pruning rate"
NEEDS = ("test", "truth", "random", "top", "top_of_truth")
READS = ("retraining", "experiment")
NOTE = (
    "At the largest rate at which the full data's scores still beat random pruning (at the smallest, and marked, "
    "where there is no such rate); mean ± standard error over seeds, and the difference from random pruning paired by"
    " seed with its 95 % interval, in percentage points. Bold is the best of all but the original, if the interval of"
    " its difference to the second best excludes 0. Time is that of all stages, from samples to retraining, and work "
    "that in images, as a share of one training without pruning: those trained on, each as often as it is seen, and a "
    "third of those predicted or embedded, one counting the same in every network."
)
ACCURACY = "test_accuracy_percent"


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per budget, score and way to choose samples.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, score, budget, rate_percent (pruned), useful (whether the original beats random there), arm,
        kind (original, extrapolated, training-free or unscored), n_seeds; test_accuracy_percent and total_s, ``_mean``
        and ``_se``, and work_mean; relative_accuracy_percent and speedup, of the original's mean accuracy and time;
        difference_points from random, ``_low`` and ``_high``; lead_points over the second best of all but the original,
        and best. Of subsets, those drawn at random.
    """
    runs = in_percent(tables["retraining"])
    parts = [
        _at_rate(runs[(runs["budget"] == row.budget) & (runs["rate"] == row.rate)], row.score).assign(
            budget=row.budget, rate_percent=round(100 * row.rate, 9), useful=row.useful
        )
        for row in useful_rates(tables["retraining"]).itertuples()
    ]
    names = {f"{ACCURACY}_difference{end}": f"difference_points{end}" for end in ("", "_low", "_high")}
    names |= {f"{ACCURACY}_lead{end}": f"lead_points{end}" for end in ("", "_low", "_high")}
    columns = ["score", "budget", "rate_percent", "useful", "arm", "kind", "n_seeds"]
    columns += [f"{ACCURACY}_mean", f"{ACCURACY}_se", "relative_accuracy_percent", *names.values(), "best"]
    columns += ["total_s_mean", "total_s_se", "speedup", "work_mean"]
    table = pd.concat(parts).rename(columns=names | {f"{ACCURACY}_best": "best"}) if parts else pd.DataFrame()
    return of_experiment(table.reindex(columns=columns), tables)


def _at_rate(runs: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return the rows of one score, in the paper's order: original, large subsets, small ones, no training, random."""
    top = runs["method"] == "top"
    extrapolated = is_extrapolated(runs) & top & (runs["score"] == score) & (runs["sampler"] == RANDOM)
    kinds = {
        "original": is_original(runs) & top & (runs["score"] == score),
        "extrapolated": extrapolated,
        "training-free": is_training_free(runs) & top,
        "unscored": runs["score"].isna(),
    }
    shown = pd.concat([runs[rows].assign(kind=kind) for kind, rows in kinds.items()])
    share = shown["fraction"].astype(float).where(shown["kind"] == "extrapolated", 0.0)
    place = shown["kind"].map(list(kinds).index)
    shown = shown.assign(place=place, share=-share, last=shown["arm"] == RANDOM, group=score)
    shown = shown.sort_values(["place", "share", "last"], kind="stable")
    table = summarize(shown, ["group", "arm", "kind"], [ACCURACY, "total_s", "work"])
    table = add_differences(table, shown, ["group"], "arm", ACCURACY, RANDOM)
    table = add_best(table, shown, ["group"], "arm", ACCURACY, among=set(table.loc[table["kind"] != "original", "arm"]))
    original = table[table["kind"] == "original"].iloc[0]
    return table.assign(
        score=score,
        relative_accuracy_percent=100 * table[f"{ACCURACY}_mean"] / original[f"{ACCURACY}_mean"],
        speedup=original["total_s_mean"] / table["total_s_mean"],
    )


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per way to choose samples, five columns per budget and score."""
    cells = []
    for row in table.itertuples():
        seeds = f"{row.n_seeds} seed" + ("s" if row.n_seeds > 1 else "")
        head = f"{method_label(row.score)}, {percent(row.rate_percent)} pruned, {seeds}"
        head = with_budget(head, row.budget, table["budget"])
        head += "" if row.useful else "\n(random is as good at every rate)"
        name = {"original": "original: full data"}.get(row.kind, arm_label(Arm.parse(row.arm)))
        index = (name.removeprefix(f"{method_label(row.score)}, "),)
        of_original = "100" if row.kind == "original" else number(row.relative_accuracy_percent, 2)
        gain = difference(row.difference_points, row.difference_points_low, row.difference_points_high, 2)
        texts = {
            "Accuracy (%)": plus_minus(row.test_accuracy_percent_mean, row.test_accuracy_percent_se, 2, row.best),
            "of the\noriginal's (%)": f"**{of_original}**" if row.best else of_original,
            "against random\n(points)": NONE if row.arm == RANDOM else gain,
            "Time (s)": seconds(row.total_s_mean, row.total_s_se),
            "Work": number(row.work_mean, 2),
        }
        cells += [(index, (head, name), text) for name, text in texts.items()]
    return pivot(cells, ["Scores"])
