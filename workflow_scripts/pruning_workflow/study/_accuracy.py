"""Accuracy against pruning rate: what figures 2 and 6 share, which differ in the subsets that they show."""

import pandas as pd

from ..names import RANDOM
from ..report.figures import plot_accuracy
from ..report.style import draw_sentence
from ._runs import in_percent, is_extrapolated, of_experiment
from ._statistics import add_differences, summarize

CHAPTER = "1 Accuracy"
READS = ("retraining", "experiment")
NOTE = (
    "Above, mean ± standard error over seeds, each seed a dot, with training without pruning as the dashed line and "
    "its band; below, the difference from random pruning, paired by seed, with its 95 % interval: where that leaves "
    "out 0 an arm is better or worse than random. Arms are drawn a little beside the rate that all share."
)
VALUE = "test_accuracy_percent"
RUN = ["arm", "budget", "rate_percent"]


def tabulate_accuracy(tables: dict[str, pd.DataFrame], largest: bool) -> pd.DataFrame:
    """Return one row per retrained model whose scores come from the largest subset, or from all smaller ones.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.
    largest : bool

    Returns
    -------
    pandas.DataFrame
        dataset, model, arm, budget, rate_percent (0 of random: no pruning), seed, test_accuracy_percent, work (of
        all that led to it, see `lineage`), and of the seeds of such a model n_seeds, ``_mean``, ``_se`` and
        difference_points from random pruning at the same rate and budget, paired by seed, with its 95 % interval
        ``_low`` and ``_high``. What was scored on everything, or on nothing, is in both; no rows of smaller subsets
        where there are none.
    """
    runs = in_percent(tables["retraining"])
    of_subset = is_extrapolated(runs) | (runs["extrapolator"] == "subset")
    share = runs["fraction"].astype(float).where(of_subset)
    shown = ~of_subset | ((share == share.max()) if largest else (share < share.max()))
    if not largest and not shown[of_subset].any():
        shown[:] = False
    runs = runs[shown]
    summary = add_differences(summarize(runs, RUN, [VALUE]), runs, RUN[1:], "arm", VALUE, RANDOM)
    names = {f"{VALUE}_difference{end}": f"difference_points{end}" for end in ("", "_low", "_high")}
    table = runs[[*RUN, "seed", VALUE, "work"]].merge(summary.rename(columns=names), on=RUN, how="left")
    return of_experiment(table, tables)


def draw(table: pd.DataFrame, path) -> None:
    """Draw a panel per score, subset, selection and budget; of a table without rows a line that says so."""
    if not (table["rate_percent"] > 0).any():
        return draw_sentence("Nothing was pruned by scores from such a subset.", path)
    runs = table.assign(rate=table["rate_percent"] / 100, test_accuracy=table[VALUE] / 100)
    plot_accuracy(runs, path)
