"""Table 2: agreement of each family of extrapolators with the truth, at a k that could be known and at the best."""

import pandas as pd

from ..names import RANDOM
from ..report import family, method_label
from ._runs import add_percent, k_of, of_experiment, residual
from ._statistics import add_best, summarize
from ._texts import NONE, percent, pivot, plus_minus

CHAPTER = "3 Agreement with the truth"
TITLE = "Table 2. Correlation of extrapolated scores with the truth"
NEEDS = ("truth",)
READS = ("agreement", "experiment")
ALSO_READS = ("estimates",)
NOTE = (
    "Correlation of extrapolated scores with those of a training on everything, on the residual set; mean ± standard "
    "error over seeds. On the left k is chosen as who prunes can choose it, without the truth: by the nested estimate"
    " or, where there is none, the first in the config; on the right is the k with the highest Pearson correlation "
    "with the truth, as in the paper, which nobody has who prunes. Bold is the best extrapolation of a score, subset "
    "and statistic, if the 95 % interval of its difference to the second best, paired by seed, excludes 0."
)
STATISTICS = {"pearson": "Pearson", "spearman": "Spearman"}
NESTED, FIRST, ONE, TRUTH = "nested estimate", "first configured", "only one", "truth"
GROUP = ["score", "fraction", "with_truth"]


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return two rows per score, fraction and family of extrapolators: those that differ in k alone.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS` and, where there are estimates, of `ALSO_READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, score, fraction_percent, family, chosen_by, extrapolator, k, n_seeds; of pearson and spearman
        ``_mean`` and ``_se``, ``_lead`` over the second best family with ``_low`` and ``_high`` (in the row of the
        best), and ``_best``. chosen_by is ``nested estimate`` (the highest mean, over seeds, of both correlations
        within the subset), ``first configured`` (where not all of the family have that), ``only one`` or ``truth``
        (the highest mean Pearson correlation with the truth; equals: the first configured). Of subsets, those drawn at
        random.
    """
    runs = residual(tables["agreement"]).assign(family=lambda rows: rows["extrapolator"].map(family))
    estimated = _nested(tables.get("estimates"))
    chosen = []
    for (score, fraction, _), of_family in runs.groupby(["score", "fraction", "family"], sort=False):
        labels = list(dict.fromkeys(of_family["extrapolator"]))
        without = {label: estimated.get((score, fraction, label)) for label in labels}
        known = {label: value for label, value in without.items() if value is not None and not pd.isna(value)}
        pearson = of_family.groupby("extrapolator")["pearson"].mean(numeric_only=True).fillna(-2)
        blind = (max(labels, key=known.__getitem__), NESTED) if len(known) == len(labels) else (labels[0], FIRST)
        blind = blind if len(labels) > 1 else (labels[0], ONE)
        for label, chosen_by in (blind, (max(labels, key=pearson.get), TRUTH)):
            own = of_family[of_family["extrapolator"] == label]
            chosen.append(own.assign(chosen_by=chosen_by, with_truth=chosen_by == TRUTH))
    runs = pd.concat(chosen) if chosen else runs.assign(chosen_by="", with_truth=False)
    table = summarize(
        runs, ["score", "fraction", "family", "with_truth", "chosen_by", "extrapolator"], list(STATISTICS)
    )
    for statistic in STATISTICS:
        table = add_best(table, runs, GROUP, "family", statistic)
    table.insert(6, "k", pd.array([k_of(label) for label in table["extrapolator"]], dtype="Int64"))
    return of_experiment(add_percent(table.drop(columns="with_truth")), tables)


def _nested(estimates: pd.DataFrame | None) -> dict[tuple, float]:
    """Return the mean over seeds of both nested correlations, by score, fraction and extrapolator."""
    if estimates is None or not len(estimates):
        return {}
    rows = estimates[(estimates["estimate"] == "nested") & (estimates["sampler"] == RANDOM)]
    both = rows.assign(both=rows[["pearson", "spearman"]].mean(axis=1, skipna=False))
    return both.groupby(["score", "fraction", "extrapolator"])["both"].mean(skipna=False).to_dict()


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per score, subset and family, at the k that could be known and at the best."""
    cells = []
    for row in table.to_dict("records"):
        index = method_label(row["score"]), percent(row["fraction_percent"]), method_label(row["family"])
        with_truth = row["chosen_by"] == TRUTH
        head = "best k by the truth\n(not known to who prunes)" if with_truth else "k chosen without the truth"
        texts = {} if with_truth else {"chosen by": row["chosen_by"]}
        texts["k"] = NONE if pd.isna(row["k"]) else str(row["k"])
        for statistic, name in STATISTICS.items():
            best = row[f"{statistic}_best"]
            texts[name] = plus_minus(row[f"{statistic}_mean"], row[f"{statistic}_se"], 4, best)
        cells += [((*index, str(row["n_seeds"])), (head, name), text) for name, text in texts.items()]
    return pivot(cells, ["Score", "Subset", "Extrapolation", "Seeds"])
