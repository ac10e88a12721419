"""Figure 6: accuracy against pruning rate, scores from the smaller subsets."""

import pandas as pd

from ._accuracy import draw_accuracy, tabulate_accuracy

CHAPTER = "1 Accuracy"
TITLE = "Figure 6. Accuracy against pruning rate, scores from smaller subsets"
NEEDS = ("test", "fractions")
READS = ("retraining", "experiment")
NOTE = (
    "Above, mean ± standard error over seeds, each seed a dot, with training without pruning as the dashed line and "
    "its band; below, the difference from random pruning, paired by seed, with its 95 % interval: where that leaves "
    "out 0 an arm is better or worse than random. Arms are drawn a little beside the rate that all share."
)


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what is drawn, as `tabulate_accuracy` says."""
    return tabulate_accuracy(tables, largest=False)


def draw(table: pd.DataFrame, path) -> None:
    """Draw the table: a panel per score, subset, selection and budget."""
    draw_accuracy(table, path)
