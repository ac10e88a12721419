"""The figures of accuracy and of the time of stages; each function draws a table into an SVG."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from score_extrapolation.evaluation.intervals import paired_interval

from ..names import COMPUTED, NOTHING, RANDOM, Arm
from . import NO_PRUNING, arm_label, method_label, subset_label, with_budget
from .style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    INDIGO,
    LIGHT_GREY,
    ORANGE,
    PURPLE,
    SAND,
    SKY,
    TEAL,
    VERMILION,
    WINE,
    YELLOW,
    arm_styles,
    drawing,
    drawing_panels,
    legend_keys,
)

STAGE_COLORS = {
    "samples": LIGHT_GREY,
    "subset": YELLOW,
    "training": BLUE,
    "scores": PURPLE,
    "nested": WINE,
    "training_free": SAND,
    "embeddings": SKY,
    "predictions": TEAL,
    "neighbors": GREEN,
    "extrapolation": VERMILION,
    "trials": INDIGO,
    "selection": GREY,
    "retraining": ORANGE,
}
BARS_AT_MOST = 30
PRUNED = "Pruned share of the training set (%)"
TIME = "Time of all stages, samples to retraining (s)"
WORK = "Work of all stages (trainings without pruning)"
ACCURACY = "Test accuracy (%)"
GAIN = "Better than random (points)"
# The standard deviation with ddof 1; a single seed has no bar.
MEAN_AND_SPREAD = {"errorbar": "sd", "err_style": "bars", "err_kws": {"capsize": 2.5}, "legend": False}
NO_PRUNING_LINE = {"color": BLACK, "linestyle": "--", "linewidth": 1.2, "label": NO_PRUNING}
SEED_DOTS = {"s": 24, "facecolor": "white", "linewidth": 0.9, "zorder": 1.9}  # below lines and means


def is_reference(table: pd.DataFrame) -> pd.Series:
    """Return which rows are trainings on everything: nothing removed at random."""
    return (table["arm"] == RANDOM) & (table["rate"] == 0)


def group_arms(arms) -> dict[str, list[str]]:
    """Return the arms of each panel by its title: per score, subset and selection, each with all to compare with.

    To compare with are the arms that read no scores, those of the full data's scores with the same selection, and those
    of scores that need no training: with the same selection where there are such, else of their highest scores.

    Parameters
    ----------
    arms : iterable of str
        In the order that the arms of a panel are to have; more than once will do.
    """
    named = {name: Arm.parse(name) for name in dict.fromkeys(arms)}
    trained = [arm for arm in named.values() if arm.score and not arm.is_training_free]
    extrapolated = [arm for arm in trained if arm.extrapolator != COMPUTED]
    found = {(arm.method, arm.score) for arm in extrapolated}
    panels = {}
    for own in extrapolated + [arm for arm in trained if (arm.method, arm.score) not in found]:
        assert own.score and own.part, "an arm that reads scores has both"
        subset = method_label(COMPUTED) if own.extrapolator == COMPUTED else subset_label(own.part)
        words = [method_label(own.score), subset, *([] if own.method == "top" else [method_label(own.method)])]
        title = ", ".join(words)
        panels[title] = [name for name, arm in named.items() if _belongs(arm, own, named.values())]
    return panels or {"": list(named)}


def _belongs(arm: Arm, own: Arm, arms) -> bool:
    """Return whether an arm is shown where another's score, subset and selection are."""
    if not arm.score:
        return True
    if arm.is_training_free:
        as_selected = replace(arm, method=own.method) in arms
        return arm.method == (own.method if as_selected else "top") and arm.part in (NOTHING, own.part)
    same = (arm.method, arm.score) == (own.method, own.score)
    return same and (arm.extrapolator == COMPUTED or arm.part == own.part)


def mean_text(runs: pd.DataFrame, spread: str = " ± s.d.") -> str:
    """Return what is drawn of how many seeds: `1 seed`, `mean ± s.d. of 3 seeds`."""
    n = runs["seed"].nunique()
    return "1 seed" if n == 1 else f"mean{spread} of {n} seeds"


def group_panels(runs: pd.DataFrame) -> dict[str, tuple[str, list[str]]]:
    """Return budget and arms of each panel by its title: of each budget those of `group_arms`.

    Parameters
    ----------
    runs : pandas.DataFrame
        Columns arm and budget: ``epochs`` of what is kept or ``steps``, as many as training on everything takes.
    """
    panels = {}
    for budget, own in runs.groupby("budget", sort=True):
        for title, arms in group_arms(own["arm"]).items():
            panels[with_budget(title, budget, runs["budget"])] = (budget, arms)
    return panels


def plot_accuracy(runs: pd.DataFrame, path) -> None:
    """Draw test accuracy against pruning rate and, below, by how much each arm is better than random pruning.

    A line per arm: above, mean and standard error, each seed a dot; below, the mean of the differences paired by seed
    and their 95 % interval. Without random pruning there is nothing below.

    Parameters
    ----------
    runs : pandas.DataFrame
        Columns arm, rate, seed, test_accuracy and, unless all were trained for epochs of what they keep, budget; the
        rows of random at rate 0 become the dashed line and its band.
    path : path
    """
    runs = runs if "budget" in runs else runs.assign(budget="epochs")
    reference, pruned = runs[is_reference(runs)], runs[~is_reference(runs)]
    styles, panels = arm_styles(pruned["arm"]), group_panels(pruned)
    heading = f"Test accuracy after pruning, {mean_text(runs, ' ± s.e.')}"
    drawn: list[Callable] = [_draw_accuracy]
    if (pruned["arm"] == "random").any():
        drawn.append(_draw_gain)
        heading += "; below, difference from random pruning"
        heading += ", 95 % interval" if runs["seed"].nunique() > 1 else ""
    columns = min(3, len(panels))
    rows = [list(panels)[i : i + columns] for i in range(0, len(panels), columns)]
    titles: list[str | None] = []
    for names in rows:
        for draw in drawn:
            titles += [name if draw is _draw_accuracy else "" for name in names] + [None] * (columns - len(names))
    keys = [Line2D([], [], **NO_PRUNING_LINE), *legend_keys(styles)]
    with drawing_panels(path, heading, titles, (PRUNED, ACCURACY), keys, columns, "row") as (_, grid):
        places = iter(grid)
        for names in rows:
            for draw in drawn:
                for budget, arms in (panels[name] for name in names):
                    axes = next(places)
                    own = pruned[pruned["arm"].isin(arms) & (pruned["budget"] == budget)]
                    draw(axes, own, reference, {arm: look for arm, look in styles.items() if arm in arms})
                    axes.set_xticks(100 * np.unique(pruned["rate"]))
                    axes.set_xlim(100 * pruned["rate"].min() - 4, 100 * pruned["rate"].max() + 4)
        above = [
            axes for axes, title in zip(grid, filter(lambda title: title is not None, titles), strict=True) if title
        ]
        limits = np.array([axes.get_ylim() for axes in above])
        for axes in above:
            axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())


def _draw_accuracy(axes, pruned: pd.DataFrame, reference: pd.DataFrame, styles: dict[str, dict]) -> None:
    """Draw one panel: a line per arm, and no pruning's line and band."""
    mean, error = 100 * reference["test_accuracy"].mean(), 100 * reference["test_accuracy"].sem()
    axes.axhline(mean, **NO_PRUNING_LINE)
    if error > 0:
        axes.axhspan(mean - error, mean + error, color=BLACK, alpha=0.08, linewidth=0)
    for aside, arm in _asides(styles, 1.6):
        of_arm = pruned[pruned["arm"] == arm]
        x, y = 100 * of_arm["rate"] + aside, 100 * of_arm["test_accuracy"]
        axes.scatter(x, y, edgecolor=styles[arm]["color"], **SEED_DOTS)
        sns.lineplot(x=x, y=y, ax=axes, **{**MEAN_AND_SPREAD, "errorbar": "se"}, **styles[arm])


def _draw_gain(axes, pruned: pd.DataFrame, _, styles: dict[str, dict]) -> None:
    """Draw the panel below: a line per arm, its difference from random pruning at the same rates and seeds."""
    accuracy = 100 * pruned.set_index(["arm", "rate", "seed"])["test_accuracy"].sort_index()
    if axes.get_ylabel():
        axes.set_ylabel(GAIN)
    axes.axhline(0, color=styles["random"]["color"], linewidth=1.2)
    for aside, arm in _asides([arm for arm in styles if arm != "random"], 3):
        differences = (accuracy[arm] - accuracy["random"]).dropna().groupby("rate")
        mean, low, _ = np.transpose([paired_interval(of_rate) for _, of_rate in differences])
        rates = 100 * np.array(list(differences.groups)) + aside
        color = styles[arm]["color"]
        axes.errorbar(rates, mean, mean - low, fmt="none", ecolor=color, elinewidth=0.9, capsize=2)
        axes.plot(rates, mean, markeredgecolor="white", linewidth=1.2, **styles[arm])


def _asides(arms, width: float) -> list[tuple[float, str]]:
    """Return how far beside its rate each arm is drawn, or the bars of arms of one accuracy would hide each other."""
    return [(width * (i / max(1, len(arms) - 1) - 0.5), arm) for i, arm in enumerate(arms)]


def plot_stages(runs: pd.DataFrame, path) -> None:
    """Draw where the time goes: a bar per arm, rate and budget, made of its stages, mean over seeds.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `evaluation.retraining.tabulate_retraining` returns it, budget left out where it is ``epochs`` alone. Where
        there would be more than 30 bars, those of the highest rate are drawn.
    path : path
    """
    runs = runs if "budget" in runs else runs.assign(budget="epochs")
    columns = [column for column in runs if column.endswith("_s") and column != "total_s" and runs[column].any()]
    means = runs.groupby(["arm", "rate", "budget"], sort=False)[columns].mean().reset_index()
    reference = means[is_reference(means)]
    pruned = means[~is_reference(means)]
    if len(pruned) > BARS_AT_MOST:
        pruned = pruned[pruned["rate"] == pruned["rate"].max()]
    bars = pd.concat([reference, pruned])
    names = [NO_PRUNING] * len(reference)
    told = not set(pruned["budget"]) <= {"epochs"}
    for row in pruned.itertuples():
        budget = f" ({row.budget})" if told else ""
        names.append(f"{arm_label(Arm.parse(row.arm))}, {100 * row.rate:g} % pruned{budget}")
    with drawing(path, 9, 1.6 + 0.3 * len(bars)) as figure:
        axes = figure.subplots()
        left = np.zeros(len(bars))
        for column in columns:
            stage = column.removesuffix("_s")
            color = STAGE_COLORS.get(stage, "#555555")
            axes.barh(range(len(bars)), bars[column], left=left, color=color, label=stage, linewidth=0)
            left += bars[column].to_numpy()
        axes.set_yticks(range(len(bars)), names)
        axes.set_ylim(len(bars) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"Time (s), {mean_text(runs, spread='')}")
        figure.suptitle("Where the time goes, stage by stage", x=0.015, ha="left")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)
