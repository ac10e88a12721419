"""Figure 6: accuracy against pruning rate, scores from the smaller subsets."""

import pandas as pd

from ._accuracy import draw_accuracy, tabulate_accuracy

CHAPTER = "1 Accuracy"
TITLE = "Figure 6. Accuracy against pruning rate, scores from smaller subsets"
NEEDS = ("test", "random", "top", "fractions")
READS = ("retraining", "experiment")
NOTE = (
    "Mean ± standard error over seeds, each seed a dot; arms are drawn a little beside the rate that all share. The "
    "dashed line and its band are training without pruning. Colours tell the family of scores, in all figures alike."
)


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what is drawn, as `tabulate_accuracy` says."""
    return tabulate_accuracy(tables, largest=False)


def draw(table: pd.DataFrame, path) -> None:
    """Draw the table: a panel per score, subset, selection and budget."""
    draw_accuracy(table, path)
