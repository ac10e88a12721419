"""Figure 3: accuracy against the time of everything that led to it, and which time nobody gets around."""

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from ..evaluation.pareto import find_front
from ..report import split_arm
from ..report.figures import ACCURACY, STEPS, TIME, group_panels, is_reference
from ..report.style import (
    BLACK,
    LIGHT_GREY,
    NO_PRUNING_STYLE,
    arm_styles,
    draw_sentence,
    drawing_panels,
    label_points,
    legend_keys,
)
from ._runs import in_percent, is_original, of_experiment
from ._statistics import summarize

CHAPTER = "2 Time"
TITLE = "Figure 3. Accuracy against the time of every stage"
NEEDS = ("test",)
READS = ("retraining", "experiment")
NOTE = (
    "Mean ± standard error over seeds, the pruned share beside those of the fastest and the slowest arm. The broad "
    "line is the Pareto front: nothing takes less time and is as accurate. The dotted line is the work that nobody "
    "who extrapolates gets around, (subset fraction) x training on everything for scores + (kept share) x retraining "
    "on everything, as both were measured, at the accuracy of the best extrapolation of each rate: what lies between "
    "the two is overhead."
)
VALUES, ENDS = ["test_accuracy_percent", "total_s"], ("mean", "se")
FRONT = {"color": LIGHT_GREY, "linewidth": 6, "alpha": 0.7, "solid_capstyle": "round", "zorder": 1}
UNAVOIDABLE = {"color": BLACK, "linewidth": 1.2, "linestyle": ":", "marker": "|", "markersize": 8}
LOGARITHMIC = 4  # times as long as without pruning: what takes longer would press all else together


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per panel, arm and rate.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, panel (its title: score, subset, selection and budget), budget, arm, rate_percent (0 of random:
        no pruning), n_seeds; test_accuracy_percent and total_s ``_mean`` and ``_se``; relative_time (of training
        without pruning), unavoidable_s (the mean training_s of the full data's scores times the arm's subset fraction,
        and the mean retraining_s without pruning times the kept share, or, of as many steps, once; NaN where one of the
        two was not measured), on_front (whether no other of its panel takes as little time and is as accurate).
    """
    runs = in_percent(tables["retraining"])
    reference, pruned = runs[is_reference(runs)], runs[~is_reference(runs)]
    retraining_s = reference["retraining_s"].mean()
    parts = []
    for panel, (budget, arms) in group_panels(pruned).items():
        shown = pd.concat([reference, pruned[pruned["arm"].isin(arms) & (pruned["budget"] == budget)]])
        table = summarize(shown, ["arm", "rate_percent"], VALUES)
        scores = {part.score for part in map(split_arm, arms) if part.score and not part.training_free}
        training_s = runs.loc[is_original(runs) & runs["score"].isin(scores), "training_s"].mean()
        kept = 1 - table["rate_percent"] / 100 if budget == "epochs" else 1.0
        share = table["arm"].map(_subset_share)
        table = table.assign(
            panel=panel.replace("\n", ", ") or "no scores",
            budget=budget,
            relative_time=table["total_s_mean"] / reference["total_s"].mean(),
            unavoidable_s=kept * retraining_s + (share * training_s).where(share > 0, 0.0),
            on_front=find_front(table["total_s_mean"], table["test_accuracy_percent_mean"]),
        )
        parts.append(table)
    columns = ["panel", "budget", "arm", "rate_percent", "n_seeds", *(f"{v}_{end}" for v in VALUES for end in ENDS)]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return of_experiment(table.reindex(columns=[*columns, "relative_time", "unavoidable_s", "on_front"]), tables)


def _subset_share(arm: str) -> float:
    """Return the share of the training set that an arm's scores train on."""
    part = split_arm(arm)
    return float(part.subset.partition("-")[0]) / 100 if part.score else 0.0


def _is_extrapolated(arm: str) -> bool:
    part = split_arm(arm)
    return bool(part.score) and not part.training_free and part.extrapolator != "computed"


def draw(table: pd.DataFrame, path) -> None:
    """Draw the table: a panel per score, subset, selection and budget, above it the time as a multiple of no pruning's.

    The time is logarithmic where something takes more than four times as long as training without pruning.
    """
    if not len(table):
        return draw_sentence("Nothing was pruned.", path)
    panels = {name: rows for name, rows in table.groupby("panel", sort=False)}
    styles = arm_styles(table.loc[table["rate_percent"] > 0, "arm"])
    keys = [
        *legend_keys(styles, linewidth=1),
        Line2D([], [], **NO_PRUNING_STYLE),
        Line2D([], [], label="Pareto front", **FRONT),
    ]
    if table.loc[table["arm"].map(_is_extrapolated), "unavoidable_s"].notna().any():
        keys.append(Line2D([], [], label="unavoidable work", **UNAVOIDABLE))
    n = table["n_seeds"].max()
    heading = f"Accuracy against the time of every stage, {f'mean ± s.e. of {n} seeds' if n > 1 else '1 seed'}"
    titles = [name.replace(f", {STEPS}", f"\n{STEPS}") for name in panels]
    with drawing_panels(path, heading, titles, (TIME, ACCURACY), keys) as (figure, grid):
        for axes, rows in zip(grid, panels.values(), strict=True):
            _draw_panel(axes, rows, styles)
        figure.draw_without_rendering()  # lays it out
        for axes, rows in zip(grid, panels.values(), strict=True):
            points = rows[["total_s_mean", "test_accuracy_percent_mean"]].to_numpy()
            # More labels would hide what they name: accuracies of one rate are near each other.
            seconds = rows[rows["rate_percent"] > 0].groupby("arm")["total_s_mean"].mean()
            named = {seconds.idxmin(), seconds.idxmax()}
            labels = [
                f"{row.rate_percent:g} %" if row.rate_percent and row.arm in named else "" for row in rows.itertuples()
            ]
            label_points(axes, points, labels, [styles.get(arm, NO_PRUNING_STYLE)["color"] for arm in rows["arm"]])


def _draw_panel(axes, rows: pd.DataFrame, styles: dict[str, dict]) -> None:
    """Draw the front below, the arms each joined in the order of its rates, and the unavoidable work."""
    front = rows[rows["on_front"]].sort_values("total_s_mean")
    axes.plot(front["total_s_mean"], front["test_accuracy_percent_mean"], drawstyle="steps-post", **FRONT)
    reference, pruned = rows[rows["rate_percent"] == 0], rows[rows["rate_percent"] > 0].sort_values("rate_percent")
    for arm in (arm for arm in styles if (pruned["arm"] == arm).any()):
        _draw_arm(axes, pruned[pruned["arm"] == arm], styles[arm])
    _draw_arm(axes, reference, NO_PRUNING_STYLE)
    best = (
        pruned[pruned["arm"].map(_is_extrapolated)]
        .groupby("rate_percent")
        .agg({"unavoidable_s": "first", VALUES[0] + "_mean": "max"})
    )
    axes.plot(best["unavoidable_s"], best[VALUES[0] + "_mean"], **UNAVOIDABLE)
    logarithmic = rows["relative_time"].max() > LOGARITHMIC
    if logarithmic:
        axes.set_xscale("log")
        _name_decades(axes.xaxis)
    else:
        axes.set_xlim(left=0)
    if len(reference):
        unit = reference["total_s_mean"].iloc[0]
        above = axes.secondary_xaxis("top", functions=(lambda s: s / unit, lambda times: times * unit))
        if logarithmic:
            _name_decades(above.xaxis)
        above.set_xlabel("Times as long as without pruning", fontsize=9)
        above.tick_params(labelsize=9)
        above.spines["top"].set_visible(True)


def _name_decades(axis) -> None:
    """Write 0.5, 1, 2, 5, 10 along a logarithmic axis, instead of powers and of every step between them."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(lambda value, _: f"{value:,g}")
    axis.set_minor_formatter(NullFormatter())


def _draw_arm(axes, rows: pd.DataFrame, style: dict) -> None:
    """Draw one arm's points; the legend shows the markers without their bars."""
    x, y = rows["total_s_mean"], rows["test_accuracy_percent_mean"]
    spread = {"xerr": rows["total_s_se"], "yerr": rows["test_accuracy_percent_se"]}
    axes.errorbar(x, y, **spread, fmt="none", ecolor=style["color"], elinewidth=0.8, capsize=2)
    axes.plot(x, y, linewidth=1, markeredgecolor="white", **style)
