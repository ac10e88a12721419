"""Table 14: whether scores that agree more with the truth prune better."""

import pandas as pd

from score_extrapolation.evaluation.agreement import pearson, spearman

from ..report import method_label, with_budget
from ._correlation import ANCHORS, STATISTICS, tabulate_points
from ._runs import of_experiment
from ._texts import number, percent, pivot

CHAPTER = "3 Agreement with the truth"
TITLE = "Table 14. Correlation between agreement with the truth and accuracy after pruning"
NEEDS = ("test", "truth", "random", "top", "top_of_truth")
READS = ("retraining", "agreement", "experiment")
NOTE = (
    "Over the ways to choose samples, at the largest rate at which the full data's scores beat random pruning: "
    "correlation (ρ Pearson, rₛ Spearman) of agreement with the truth on the residual set and accuracy A, both means "
    "over seeds. With the anchors, as in the paper, random pruning counts as agreement 0 and the full data's scores "
    "as 1, so that a line is nearly guaranteed; without them only extrapolated scores are compared. Of few points "
    "such a correlation is mostly chance, and of fewer than three there is none."
)
OVER_POINTS = {"pearson": pearson, "spearman": spearman}
SYMBOLS = {"pearson": "ρ", "spearman": "rₛ"}


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return two rows per score and budget: with the two anchors and without them.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, score, budget, rate_percent, useful, anchors (whether random and the original are among the
        points), n_points and ``<over points>_of_<agreement>_and_accuracy``, each pearson or spearman, in [-1, 1];
        NaN of fewer than three points and where one of the two does not vary.
    """
    table = []
    own_rate = ["score", "budget", "rate_percent", "useful"]
    for values, points in tabulate_points(tables).groupby(own_rate, sort=False):
        for anchors in (True, False):
            own = (points if anchors else points[~points["kind"].isin(ANCHORS)]).dropna(subset=["pearson_mean"])
            row = dict(zip(own_rate, values, strict=True)) | {"anchors": anchors, "n_points": len(own)}
            for over, correlate in OVER_POINTS.items():
                for statistic in STATISTICS:
                    pair = own[f"{statistic}_mean"], own["test_accuracy_percent_mean"]
                    value = correlate(*pair) if len(own) >= 3 else float("nan")
                    row[f"{over}_of_{statistic}_and_accuracy"] = value
            table.append(row)
    columns = [*own_rate, "anchors", "n_points"]
    columns += [f"{over}_of_{statistic}_and_accuracy" for over in OVER_POINTS for statistic in STATISTICS]
    return of_experiment(pd.DataFrame(table, columns=columns), tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people, its columns as the paper's: of agreement by either correlation and accuracy A."""
    cells = []
    for row in table.to_dict("records"):
        pruned = percent(row["rate_percent"]) + ("" if row["useful"] else " (not useful)")
        pruned = with_budget(pruned, row["budget"], table["budget"])
        anchors = "with random and original" if row["anchors"] else "extrapolated alone"
        index = method_label(row["score"]), pruned, anchors, str(row["n_points"])
        for over in OVER_POINTS:
            for statistic in STATISTICS:
                head = f"{SYMBOLS[over]}({SYMBOLS[statistic]}, A)"
                cells.append((index, (head,), number(row[f"{over}_of_{statistic}_and_accuracy"], 3)))
    return pivot(cells, ["Score", "Pruned", "Points", "n"])
