"""Agreement with the truth by the number of neighbours k, of one extrapolator: what tables 10 and 11 share."""

import pandas as pd

from ..report import family, method_label, split_label
from ._runs import add_percent, k_of, of_experiment, residual
from ._statistics import add_best, summarize
from ._texts import percent, pivot, plus_minus

CHAPTER = "3 Agreement with the truth"
READS = ("agreement", "experiment")
NOTE = (
    "Correlation of extrapolated scores with those of a training on everything, on the residual set; mean ± standard "
    "error over seeds. Bold is the best k of a row and statistic, if the 95 % interval of its difference to the "
    "second best, paired by seed, excludes 0."
)
GROUP = ["score", "fraction", "family"]
STATISTICS = {"pearson": "Pearson", "spearman": "Spearman"}


def tabulate_by_k(tables: dict[str, pd.DataFrame], extrapolator: str) -> pd.DataFrame:
    """Return one row per score, fraction and k, and of each other set of options, on the residual set.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.
    extrapolator : str
        Such as ``knn``.

    Returns
    -------
    pandas.DataFrame
        dataset, model, score, fraction_percent, family (the extrapolator's label without its k), k, n_seeds; of pearson
        and spearman ``_mean`` and ``_se``, ``_lead`` over the second best k with ``_low`` and ``_high`` (in the row of
        the best), and ``_best``. Of subsets, those drawn at random.
    """
    runs = residual(tables["agreement"])
    runs = runs[runs["extrapolator"].map(lambda label: split_label(label)[0]) == extrapolator]
    runs = runs.assign(family=runs["extrapolator"].map(family), k=runs["extrapolator"].map(k_of).astype(int))
    group = runs.groupby(GROUP, sort=False).ngroup()
    runs = runs.assign(group=group).sort_values(["group", "k"], kind="stable")
    table = summarize(runs, [*GROUP, "k"], list(STATISTICS))
    for statistic in STATISTICS:
        table = add_best(table, runs, GROUP, "k", statistic)
    return of_experiment(add_percent(table), tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per score, subset and set of options, a column per statistic and k."""
    cells = []
    for row in table.to_dict("records"):
        index = method_label(row["score"]), percent(row["fraction_percent"]), method_label(row["family"])
        for statistic, name in STATISTICS.items():
            text = plus_minus(row[f"{statistic}_mean"], row[f"{statistic}_se"], 4, row[f"{statistic}_best"])
            cells.append(((*index, str(row["n_seeds"])), (name, f"k = {row['k']}"), text))
    columns = [(name, f"k = {k}") for name in STATISTICS.values() for k in sorted(set(table["k"]))]
    return pivot(cells, ["Score", "Subset", "Extrapolation", "Seeds"], columns)
