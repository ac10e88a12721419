"""Table 3: agreement of extrapolated scores of an unsupervised training with the truth."""

import pandas as pd

from ..report import method_label
from ._texts import NONE, percent, pivot, plus_minus
from .table_2 import STATISTICS, TRUTH
from .table_2 import tabulate as tabulate_all

CHAPTER = "3 Agreement with the truth"
TITLE = "Table 3. Correlation of extrapolated scores with the truth, without labels"
NEEDS = ("truth", "unsupervised")
READS = ("agreement", "experiment")
ALSO_READS = ("estimates",)
NOTE = (
    "Scores of an unsupervised training (TURTLE) on a subset, extrapolated in the embeddings that it read, against "
    "those of the same training on everything; on the residual set, mean ± standard error over seeds. k is chosen as "
    "who prunes can choose it, without the truth: by the nested estimate or, where there is none, the first in the "
    "config. Bold is the best extrapolation of a score, subset and statistic, if the 95 % interval of its difference "
    "to the second best, paired by seed, excludes 0."
)


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of table 2 whose k was chosen without the truth, of the scores of unsupervised trainings.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS` and, where there are estimates, of `ALSO_READS`.

    Returns
    -------
    pandas.DataFrame
        As of `table_2.tabulate`.
    """
    scores = tables["experiment"].iloc[0]["unsupervised"].split()
    agreement = tables["agreement"]
    table = tabulate_all({**tables, "agreement": agreement[agreement["score"].isin(scores)]})
    return table[table["chosen_by"] != TRUTH].reset_index(drop=True)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per score and subset, three columns per family of extrapolators."""
    cells = []
    for row in table.to_dict("records"):
        index = method_label(row["score"]), percent(row["fraction_percent"]), str(row["n_seeds"])
        # That the graph network is without labels goes without saying.
        family = method_label(row["family"].replace("-no_labels", ""))
        cells.append((index, (family, "k"), NONE if pd.isna(row["k"]) else str(int(row["k"]))))
        for statistic, name in STATISTICS.items():
            text = plus_minus(row[f"{statistic}_mean"], row[f"{statistic}_se"], 4, row[f"{statistic}_best"])
            cells.append((index, (family, name), text))
    return pivot(cells, ["Score", "Subset", "Seeds"])
