"""Figure 3: accuracy against the time and work of everything that led to it, and what of these nobody gets around."""

from typing import NamedTuple

import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from score_extrapolation.evaluation.pareto import find_front

from ..names import COMPUTED, Arm
from ..report import BUDGETS
from ..report.figures import ACCURACY, TIME, WORK, group_panels, is_reference
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
TITLE = "Figure 3. Accuracy against the time and the work of every stage"
NEEDS = ("test",)
READS = ("retraining", "experiment")
NOTE = (
    "Mean ± standard error over seeds, the pruned share beside those of the cheapest and the dearest arm; above is "
    "time, below work in images, as a share of one training without pruning: those trained on, each as often as it is "
    "seen, and a third of those predicted or embedded, one counting the same in every network. The broad line is the "
    "Pareto front: nothing costs less and is as accurate. The dotted line is what nobody who extrapolates gets around, "
    "at the accuracy of the best extrapolation of each rate: in time (subset fraction) x training on everything for "
    "scores + (kept share) x retraining on everything, as both were measured, and in work the training for scores and "
    "the retraining; what lies between the two is overhead."
)
ACCURACY_MEAN, ENDS = "test_accuracy_percent_mean", ("mean", "se")
FRONT = {"color": LIGHT_GREY, "linewidth": 6, "alpha": 0.7, "solid_capstyle": "round", "zorder": 1}
UNAVOIDABLE = {"color": BLACK, "linewidth": 1.2, "linestyle": ":", "marker": "|", "markersize": 8}
LOGARITHMIC = 4  # times as much as without pruning: what costs more would press all else together


class Cost(NamedTuple):
    """What accuracy is drawn against: its axis, and the columns of the table that are about it."""

    axis: str
    relative: str  # to training without pruning
    unavoidable: str
    on_front: str


COSTS = {
    "total_s": Cost(TIME, "relative_time", "unavoidable_s", "on_front"),
    "work": Cost(WORK, "work_mean", "unavoidable_work", "on_front_in_work"),
}
VALUES = ["test_accuracy_percent", *COSTS]


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
        no pruning), n_seeds; test_accuracy_percent, total_s and work (see `lineage`) ``_mean`` and ``_se``;
        relative_time (of training without pruning); unavoidable_s (the mean training_s of the full data's scores times
        the arm's subset fraction, and the mean retraining_s without pruning times the kept share, or, of as many steps,
        once; NaN where one of the two was not measured) and unavoidable_work (the arm's mean training_work and
        retraining_work); on_front and on_front_in_work (whether no other of its panel costs as little and is as
        accurate).
    """
    runs = in_percent(tables["retraining"])
    runs = runs.assign(unavoidable_work=runs["training_work"] + runs["retraining_work"])
    reference, pruned = runs[is_reference(runs)], runs[~is_reference(runs)]
    retraining_s = reference["retraining_s"].mean()
    parts = []
    for panel, (budget, arms) in group_panels(pruned).items():
        shown = pd.concat([reference, pruned[pruned["arm"].isin(arms) & (pruned["budget"] == budget)]])
        table = summarize(shown, ["arm", "rate_percent"], [*VALUES, "unavoidable_work"])
        scores = {arm.score for arm in map(Arm.parse, arms) if arm.score and not arm.is_training_free}
        training_s = runs.loc[is_original(runs) & runs["score"].isin(scores), "training_s"].mean()
        kept = 1 - table["rate_percent"] / 100 if budget == "epochs" else 1.0
        share = table["arm"].map(_subset_share)
        table = table.assign(
            panel=panel.replace("\n", ", ") or "no scores",
            budget=budget,
            relative_time=table["total_s_mean"] / reference["total_s"].mean(),
            unavoidable_s=kept * retraining_s + (share * training_s).where(share > 0, 0.0),
            unavoidable_work=table["unavoidable_work_mean"],
            **{cost.on_front: find_front(table[f"{name}_mean"], table[ACCURACY_MEAN]) for name, cost in COSTS.items()},
        )
        parts.append(table)
    columns = ["panel", "budget", "arm", "rate_percent", "n_seeds", *(f"{v}_{end}" for v in VALUES for end in ENDS)]
    columns += ["relative_time", *(column for cost in COSTS.values() for column in (cost.unavoidable, cost.on_front))]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return of_experiment(table.reindex(columns=columns), tables)


def _subset_share(arm: str) -> float:
    """Return the share of the training set that an arm's scores train on."""
    part = Arm.parse(arm).part
    return part.fraction if part else 0.0


def _is_extrapolated(name: str) -> bool:
    arm = Arm.parse(name)
    return bool(arm.score) and not arm.is_training_free and arm.extrapolator != COMPUTED


def draw(table: pd.DataFrame, path) -> None:
    """Draw the table: a panel per score, subset, selection and budget; time above, work below where it is known.

    Above the time is the same as a multiple of no pruning's. Both are logarithmic where something costs more than four
    times as much as training without pruning.
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
    unavoidable = [cost.unavoidable for cost in COSTS.values()]
    if table.loc[table["arm"].map(_is_extrapolated), unavoidable].notna().any(axis=None):
        keys.append(Line2D([], [], label="unavoidable", **UNAVOIDABLE))
    n = table["n_seeds"].max()
    seeds = f"mean ± s.e. of {n} seeds" if n > 1 else "1 seed"
    heading = f"Accuracy against the time and the work of every stage, {seeds}"
    costs = [cost for cost in COSTS if table[f"{cost}_mean"].notna().any()]
    columns = {1: 1, 2: 2, 4: 2}.get(len(panels), 3)
    titles: list[str | None] = []
    places: list[tuple[str, pd.DataFrame]] = []
    for names in (list(panels)[i : i + columns] for i in range(0, len(panels), columns)):
        for cost in costs:
            titles += [_title(name) if cost == costs[0] else "" for name in names] + [None] * (columns - len(names))
            places += [(cost, panels[name]) for name in names]
    with drawing_panels(path, heading, titles, (TIME, ACCURACY), keys, columns) as (figure, grid):
        for axes, (cost, rows) in zip(grid, places, strict=True):
            _draw_panel(axes, rows, styles, cost)
        figure.draw_without_rendering()  # lays it out
        for axes, (cost, rows) in zip(grid, places, strict=True):
            points = rows[[f"{cost}_mean", ACCURACY_MEAN]].to_numpy()
            # More labels would hide what they name: accuracies of one rate are near each other.
            means = rows[rows["rate_percent"] > 0].groupby("arm")[f"{cost}_mean"].mean().dropna()
            named = {means.idxmin(), means.idxmax()} if len(means) else set()
            labels = [
                f"{row.rate_percent:g} %" if row.rate_percent and row.arm in named else "" for row in rows.itertuples()
            ]
            label_points(axes, points, labels, [styles.get(arm, NO_PRUNING_STYLE)["color"] for arm in rows["arm"]])


def _title(panel: str) -> str:
    """Return a panel's title with the budget on a line of its own."""
    for budget in BUDGETS.values():
        panel = panel.replace(f", {budget}", f"\n{budget}")
    return panel


def _draw_panel(axes, rows: pd.DataFrame, styles: dict[str, dict], cost: str) -> None:
    """Draw the front below, the arms each joined in the order of its rates, and what is unavoidable."""
    axes.set_xlabel(COSTS[cost].axis)
    mean, unavoidable = f"{cost}_mean", COSTS[cost].unavoidable
    front = rows[rows[COSTS[cost].on_front]].sort_values(mean)
    axes.plot(front[mean], front[ACCURACY_MEAN], drawstyle="steps-post", **FRONT)
    reference, pruned = rows[rows["rate_percent"] == 0], rows[rows["rate_percent"] > 0].sort_values("rate_percent")
    for arm in (arm for arm in styles if (pruned["arm"] == arm).any()):
        _draw_arm(axes, pruned[pruned["arm"] == arm], styles[arm], cost)
    _draw_arm(axes, reference, NO_PRUNING_STYLE, cost)
    best = (
        pruned[pruned["arm"].map(_is_extrapolated)]
        .groupby("rate_percent")
        .agg({unavoidable: "first", ACCURACY_MEAN: "max"})
    )
    axes.plot(best[unavoidable], best[ACCURACY_MEAN], **UNAVOIDABLE)
    logarithmic = rows[COSTS[cost].relative].max() > LOGARITHMIC
    if logarithmic:
        axes.set_xscale("log")
        _name_decades(axes.xaxis)
    else:
        axes.set_xlim(left=0)
    if len(reference) and cost == "total_s":
        unit = reference[mean].iloc[0]
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


def _draw_arm(axes, rows: pd.DataFrame, style: dict, cost: str) -> None:
    """Draw one arm's points; the legend shows the markers without their bars."""
    x, y = rows[f"{cost}_mean"], rows[ACCURACY_MEAN]
    spread = {"xerr": rows[f"{cost}_se"], "yerr": rows["test_accuracy_percent_se"]}
    axes.errorbar(x, y, **spread, fmt="none", ecolor=style["color"], elinewidth=0.8, capsize=2)
    axes.plot(x, y, linewidth=1, markeredgecolor="white", **style)
