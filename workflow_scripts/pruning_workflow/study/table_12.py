"""Table 12: agreement with the truth by how the subset was drawn."""

import pandas as pd

from ..names import RANDOM
from ..report import method_label
from ._runs import add_percent, of_experiment, residual
from ._statistics import add_differences, summarize
from ._texts import NONE, difference, percent, pivot, plus_minus

CHAPTER = "3 Agreement with the truth"
TITLE = "Table 12. Correlation with the truth by the way in which the subset is drawn"
NEEDS = ("truth", "samplers")
READS = ("agreement", "experiment")
NOTE = (
    "Correlation of extrapolated scores with those of a training on everything, on the residual set, which is another"
    " for each way; mean ± standard error over seeds, and the difference from random subsets paired by seed with its "
    "95 % interval. Bold is what is better than random subsets by an interval that excludes 0."
)
GROUP = ["score", "fraction", "extrapolator"]
STATISTICS = {"pearson": "Pearson", "spearman": "Spearman"}


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per score, fraction, extrapolator and sampler, where there is more than one sampler.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, score, fraction_percent, extrapolator, sampler, n_seeds; of pearson and spearman ``_mean``,
        ``_se`` and ``_difference`` from the sampler random, with ``_low`` and ``_high``.
    """
    runs = residual(tables["agreement"], sampler=None)
    runs = runs[runs.groupby(GROUP)["sampler"].transform("nunique") > 1]
    table = summarize(runs, [*GROUP, "sampler"], list(STATISTICS))
    for statistic in STATISTICS:
        table = add_differences(table, runs, GROUP, "sampler", statistic, RANDOM)
    order = table.groupby(GROUP, sort=False).ngroup().sort_values(kind="stable").index
    table = table.loc[order, ["score", "fraction", "extrapolator", *table.columns[3:]]]
    return of_experiment(add_percent(table), tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per sampler, correlations and their difference from random subsets."""
    cells = []
    for row in table.to_dict("records"):
        whose = method_label(row["score"]), percent(row["fraction_percent"]), method_label(row["extrapolator"])
        index = *whose, method_label(row["sampler"]), str(row["n_seeds"])
        for statistic, name in STATISTICS.items():
            gain, low, high = (row[f"{statistic}_difference{end}"] for end in ("", "_low", "_high"))
            better = low > 0
            mean = plus_minus(row[f"{statistic}_mean"], row[f"{statistic}_se"], 4, better)
            gained = NONE if row["sampler"] == RANDOM else difference(gain, low, high, 4, better)
            cells += [(index, (name, "mean"), mean), (index, (name, "against random"), gained)]
    return pivot(cells, ["Score", "Subset", "Extrapolation", "Drawn", "Seeds"])
