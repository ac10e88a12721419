"""Table 11: agreement of GNN extrapolation with the truth, by its number of neighbours."""

from functools import partial

from ._by_k import CHAPTER, NOTE, READS, format_table, tabulate_by_k

__all__ = ["CHAPTER", "NOTE", "READS", "format_table", "tabulate"]
TITLE = "Table 11. Correlation of GNN extrapolation with the truth by the number of neighbours k"
NEEDS = ("truth", "gnn")
tabulate = partial(tabulate_by_k, extrapolator="gnn")
