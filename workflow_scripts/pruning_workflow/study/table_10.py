"""Table 10: agreement of KNN extrapolation with the truth, by its number of neighbours."""

import pandas as pd

from ._by_k import format_by_k, tabulate_by_k

CHAPTER = "3 Agreement with the truth"
TITLE = "Table 10. Correlation of KNN extrapolation with the truth by the number of neighbours k"
NEEDS = ("truth", "knn")
READS = ("agreement", "experiment")
NOTE = (
    "Correlation of extrapolated scores with those of a training on everything, on the residual set; mean ± standard "
    "error over seeds. Bold is the best k of a row and statistic, if the 95 % interval of its difference to the "
    "second best, paired by seed, excludes 0."
)


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the table as `tabulate_by_k` says, of KNN."""
    return tabulate_by_k(tables, "knn")


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people."""
    return format_by_k(table)
