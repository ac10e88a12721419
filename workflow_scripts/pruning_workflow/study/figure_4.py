"""Figure 4: whether scores that agree more with the truth prune better, point by point."""

import pandas as pd

from ..names import RANDOM
from ..report import method_label, with_budget
from ..report.figures import ACCURACY
from ..report.style import arm_styles, draw_sentence, drawing_panels, label_points, legend_keys
from ._correlation import ANCHORS, tabulate_points
from ._runs import add_percent, of_experiment
from ._texts import percent

CHAPTER = "3 Agreement with the truth"
TITLE = "Figure 4. Accuracy after pruning against agreement with the truth"
NEEDS = ("test", "truth", "random", "top", "top_of_truth")
READS = ("retraining", "agreement", "experiment")
NOTE = (
    "Each point is a way to choose samples, at the largest rate at which the full data's scores beat random pruning, "
    "beside it its subset where there is room; mean ± standard error over seeds, of both. The two hollow points are "
    "anchors: random pruning counts as agreement 0 and the full data's scores as 1, by definition. Agreement is that "
    "of the residual set."
)
STATISTICS = {"pearson": "Pearson", "spearman": "Spearman"}


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the points as `tabulate_points` does, with dataset and model before them and fraction_percent."""
    return of_experiment(add_percent(tabulate_points(tables)), tables)


def draw(table: pd.DataFrame, path) -> None:
    """Draw the table: a row of panels per score and budget, one per statistic; of no rows a line that says so."""
    if not len(table):
        return draw_sentence("No score has both a truth and an accuracy after pruning.", path)
    styles = arm_styles(table["arm"])
    hollow = {"markerfacecolor": "white", "markeredgewidth": 1.6}
    anchors = set(table.loc[table["kind"].isin(ANCHORS), "arm"])
    styles = {arm: {**look, "linestyle": "none", **(hollow if arm in anchors else {})} for arm, look in styles.items()}
    panels = {}
    for (score, budget, rate, useful), rows in table.groupby(["score", "budget", "rate_percent", "useful"], sort=False):
        for statistic, name in STATISTICS.items():
            title = f"{method_label(score)}, {percent(rate)} pruned" + ("" if useful else " (not useful)")
            title = with_budget(f"{title}: {name}", budget, table["budget"])
            panels[score, budget, statistic] = (title, rows.dropna(subset=[f"{statistic}_mean"]))
    n = table["n_seeds"].max()
    heading = f"Accuracy against agreement with the truth, {f'mean ± s.e. of {n} seeds' if n > 1 else '1 seed'}"
    titles, labels = [title for title, _ in panels.values()], ("Correlation with the truth", ACCURACY)
    with drawing_panels(path, heading, titles, labels, legend_keys(styles), columns=2, share="row") as (figure, grid):
        for axes, ((*_, statistic), (_, rows)) in zip(grid, panels.items(), strict=True):
            for row in rows.to_dict("records"):
                x, y = row[f"{statistic}_mean"], row["test_accuracy_percent_mean"]
                spread = {"xerr": row[f"{statistic}_se"], "yerr": row["test_accuracy_percent_se"]}
                color = styles[row["arm"]]["color"]
                axes.errorbar(x, y, **spread, fmt="none", ecolor=color, elinewidth=0.8, capsize=2)
                axes.plot(x, y, **styles[row["arm"]])
        figure.draw_without_rendering()  # lays it out
        for axes, ((*_, statistic), (_, rows)) in zip(grid, panels.items(), strict=True):
            points = rows[[f"{statistic}_mean", "test_accuracy_percent_mean"]].to_numpy(float)
            label_points(
                axes,
                points,
                [_subset(row) for row in rows.to_dict("records")],
                [styles[a]["color"] for a in rows["arm"]],
            )


def _subset(row: dict) -> str:
    """Return what is written beside a point: 20 %, and how the subset was drawn if not at random."""
    if row["kind"] in ANCHORS:
        return ""
    return percent(row["fraction_percent"]) + ("" if row["sampler"] == RANDOM else f" {method_label(row['sampler'])}")
