"""Table 15: true scores against what the neighbourhood of a sample is like."""

import pandas as pd

from ..report import method_label
from ._runs import of_experiment
from ._statistics import summarize
from ._texts import pivot, plus_minus

CHAPTER = "4 Scores"
TITLE = "Table 15. Correlation of true scores with the neighbourhood of a sample"
NEEDS = ("truth", "neighborhoods")
READS = ("neighborhoods", "experiment")
NOTE = (
    "Scores of a training on everything, and the k nearest neighbours of each sample in its embeddings; mean ± "
    "standard error over seeds. A sample that has no such neighbour is not in that row (the CSV says how many are). "
    "The two counts add up to k, so that their correlations are each other's negatives."
)
METRICS = {
    "n_same_label": "number of same-label neighbours",
    "n_other_label": "number of different-label neighbours",
    "mean_distance_same": "mean distance to same-label neighbours",
    "mean_distance_other": "mean distance to different-label neighbours",
    "min_distance_same": "least distance to a same-label neighbour",
    "min_distance_other": "least distance to a different-label neighbour",
}
STATISTICS = {"pearson": "Pearson", "spearman": "Spearman"}


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per score, k and metric of the neighbourhood.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, score, k, metric, n_seeds; of n (samples), pearson and spearman ``_mean`` and ``_se``.
    """
    return of_experiment(summarize(tables["neighborhoods"], ["score", "k", "metric"], ["n", *STATISTICS]), tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per metric, a column per score and statistic."""
    cells = []
    for row in table.to_dict("records"):
        seeds = f"{row['n_seeds']} seed" + ("s" if row["n_seeds"] > 1 else "")
        head = f"{method_label(row['score'])}, k = {row['k']}, {seeds}"
        index = (METRICS.get(row["metric"], row["metric"].replace("_", " ")),)
        for statistic, name in STATISTICS.items():
            text = plus_minus(row[f"{statistic}_mean"], row[f"{statistic}_se"], 4)
            cells.append((index, (head, name), text))
    return pivot(cells, ["Metric of the neighbourhood"])
