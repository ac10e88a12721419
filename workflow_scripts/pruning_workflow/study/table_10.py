"""Table 10: agreement of KNN extrapolation with the truth, by its number of neighbours."""

from functools import partial

from ._by_k import CHAPTER, NOTE, READS, format_table, tabulate_by_k

__all__ = ["CHAPTER", "NOTE", "READS", "format_table", "tabulate"]
TITLE = "Table 10. Correlation of KNN extrapolation with the truth by the number of neighbours k"
NEEDS = ("truth", "knn")
tabulate = partial(tabulate_by_k, extrapolator="knn")
