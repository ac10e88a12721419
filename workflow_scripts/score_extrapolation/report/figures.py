"""The figures of the report: each function draws tables into one file, SVG or, of many points, PNG."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..evaluation.agreement import pearson, spearman
from . import NO_PRUNING, arm_label, method_label
from .style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    NO_PRUNING_STYLE,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    arm_styles,
    drawing,
)

STAGE_COLORS = {
    "samples": GREY,
    "subset": YELLOW,
    "training": BLUE,
    "scores": BLACK,
    "embeddings": SKY,
    "neighbors": GREEN,
    "extrapolation": VERMILION,
    "selection": PURPLE,
    "retraining": ORANGE,
}
SCATTER_AT_MOST = 3000  # more points than that hide each other


def is_reference(table: pd.DataFrame) -> pd.Series:
    """Return which rows are trainings on everything: nothing removed at random."""
    return (table["arm"] == "random") & (table["rate"] == 0)


def plot_accuracy(runs: pd.DataFrame, path) -> None:
    """Draw test accuracy against pruning rate: a line per arm, mean and standard deviation, each seed a dot.

    Parameters
    ----------
    runs : pandas.DataFrame
        Columns arm, rate, seed, test_accuracy; the rows of random at rate 0 become the dashed line and its band.
    path : path
    """
    reference = 100 * runs.loc[is_reference(runs), "test_accuracy"]
    pruned = runs[~is_reference(runs)]
    styles = arm_styles(pruned["arm"])
    with drawing(path, 7.5, 5) as figure:
        axes = figure.subplots()
        mean, spread = reference.mean(), reference.std(ddof=1)
        axes.axhline(mean, color=BLACK, linestyle="--", linewidth=1.2, label=NO_PRUNING)
        if spread > 0:
            axes.axhspan(mean - spread, mean + spread, color=BLACK, alpha=0.08, linewidth=0)
        for position, (arm, style) in enumerate(styles.items()):
            of_arm = pruned[pruned["arm"] == arm]
            # A little aside, or the bars of arms of one accuracy would hide each other.
            x = 100 * of_arm["rate"] + 1.2 * (position - (len(styles) - 1) / 2) / max(1, len(styles) - 1)
            y = 100 * of_arm["test_accuracy"]
            axes.scatter(x, y, s=14, color=style["color"], alpha=0.5, linewidth=0)
            sns.lineplot(
                x=x, y=y, ax=axes, errorbar="sd", err_style="bars", err_kws={"capsize": 2.5}, markersize=7, **style
            )
        axes.set(xlabel="Pruned share of the training set (%)", ylabel="Test accuracy (%)")
        axes.set_xticks(100 * np.unique(pruned["rate"]))
        axes.set_title(f"Test accuracy after pruning, mean ± s.d. of {seeds_text(runs)}")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def plot_time(summary: pd.DataFrame, path) -> None:
    """Draw test accuracy against the time of all stages, a point per arm and rate with its rate written beside it.

    Parameters
    ----------
    summary : pandas.DataFrame
        As `evaluation.retraining.summarize_retraining` returns it.
    path : path
    """
    reference = is_reference(summary)
    styles = arm_styles(summary.loc[~reference, "arm"])
    with drawing(path, 7.5, 5) as figure:
        axes = figure.subplots()
        for arm, style in styles.items():
            _draw_time(axes, summary[(summary["arm"] == arm) & ~reference].sort_values("rate"), style)
        if reference.any():
            _draw_time(axes, summary[reference], {**NO_PRUNING_STYLE, "markersize": 12})
        axes.set(xlabel="Time of all stages, samples to retraining (s)", ylabel="Test accuracy (%)")
        axes.set_xlim(left=0)
        axes.set_title("What accuracy costs: every stage counted; beside each point the pruned share")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def _draw_time(axes, rows: pd.DataFrame, style: dict) -> None:
    """Draw one arm's points, joined in the order of its rates."""
    x, y = rows["total_s_mean"], 100 * rows["test_accuracy_mean"]
    spread = {"xerr": rows["total_s_sd"], "yerr": 100 * rows["test_accuracy_sd"]}
    axes.errorbar(x, y, **spread, **{"linewidth": 1, "markersize": 7, "elinewidth": 0.8, "capsize": 2} | style)
    for at, rate in zip(zip(x, y, strict=True), rows["rate"], strict=True):
        axes.annotate(f"{100 * rate:g} %", at, (6, 6), textcoords="offset points", fontsize=9, color=style["color"])


def plot_stages(runs: pd.DataFrame, path) -> None:
    """Draw where the time goes: a bar per arm and rate, made of its stages, mean over seeds.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `evaluation.retraining.tabulate_retraining` returns it.
    path : path
    """
    columns = [column for column in runs if column.endswith("_s") and column != "total_s" and runs[column].any()]
    means = runs.groupby(["arm", "rate"], sort=False)[columns].mean().reset_index()
    reference = is_reference(means)
    means = pd.concat([means[reference], means[~reference]])
    arms = means["arm"].map(arm_label).where(~reference, NO_PRUNING)
    shares = [f", {100 * rate:g} % pruned" if rate else "" for rate in means["rate"]]
    with drawing(path, 9, 1.6 + 0.3 * len(means)) as figure:
        axes = figure.subplots()
        left = np.zeros(len(means))
        for column in columns:
            stage = column.removesuffix("_s")
            color = STAGE_COLORS.get(stage, "white")
            axes.barh(range(len(means)), means[column], left=left, label=stage, color=color, edgecolor="white")
            left += means[column].to_numpy()
        axes.set_yticks(range(len(means)), [arm + share for arm, share in zip(arms, shares, strict=True)])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"Time (s), mean of {seeds_text(runs)}")
        axes.set_title("Where the time goes: subset training and retraining are unavoidable, the rest is overhead")
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=5)


def seeds_text(runs: pd.DataFrame) -> str:
    """Return `1 seed` or, say, `3 seeds`."""
    n = runs["seed"].nunique()
    return f"{n} seed" if n == 1 else f"{n} seeds"


def plot_agreement(agreement: pd.DataFrame, path) -> None:
    """Draw how Pearson and Spearman with the truth depend on k: a panel per score and fraction, each seed a dot.

    Parameters
    ----------
    agreement : pandas.DataFrame
        As `evaluation.agreement.tabulate_agreement` returns it. Dashed: the agreement of the computed scores of the
        subset, that of the training alone, no extrapolation in it.
    path : path
    """
    panels = list(agreement.groupby(["score", "fraction"], sort=False))
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    with drawing(path, max(6.5, 4.2 * columns), 1.2 + 3.4 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes, ((score, fraction), panel) in zip(grid.flat, panels, strict=False):
            _draw_agreement(axes, panel)
            axes.set_title(f"{method_label(score)}, {fraction} % subset")
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel("Correlation with the truth")
        names = ("Pearson, residual set", "Spearman, residual set", "Pearson, subset", "Spearman, subset")
        looks = [(c, *look) for look in (("o", "-"), ("", "--")) for c in (BLUE, VERMILION)]
        keys = [Line2D([], [], color=c, marker=marker, linestyle=line) for c, marker, line in looks]
        figure.legend(keys, names, loc="outside lower center", ncols=2)


def _draw_agreement(axes, panel: pd.DataFrame) -> None:
    """Draw one panel: extrapolators side by side, those that differ in k alone joined by a line."""
    labels = sorted(set(panel["extrapolator"]), key=lambda label: (label.split("-")[0], _k_of(label)))
    residual = panel[panel["part"] == "residual"]
    subset = panel[(panel["part"] == "subset") & (panel["extrapolator"] == labels[0])]
    for shift, statistic, color in ((-0.06, "pearson", BLUE), (0.06, "spearman", VERMILION)):
        for name in dict.fromkeys(label.split("-")[0] for label in labels):
            family = residual[residual["extrapolator"].str.split("-").str[0] == name]
            x = family["extrapolator"].map(labels.index) + shift
            axes.scatter(x, family[statistic], s=14, color=color, alpha=0.5, linewidth=0)
            sns.lineplot(
                x=x,
                y=family[statistic],
                ax=axes,
                errorbar="sd",
                err_style="bars",
                color=color,
                marker="o",
                markersize=7,
            )
        axes.axhline(subset[statistic].mean(), color=color, linestyle="--", linewidth=1)
    axes.axhline(0, color=BLACK, linewidth=0.8)
    axes.set_xticks(range(len(labels)), [method_label(label).replace(" ", "\n") for label in labels])
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set(xlabel="", ylabel="")


def _k_of(label: str) -> int:
    return int(label.partition("-")[2] or 0)


def plot_against_truth(extrapolated: np.ndarray, truth: np.ndarray, title: str, path) -> pd.DataFrame:
    """Draw extrapolated against true scores, with the diagonal and both correlations.

    Parameters
    ----------
    extrapolated, truth : (n,) float arrays
        Of the residual set; up to 3,000 are drawn as points, more as hexagons coloured by their number.
    title : str
    path : path

    Returns
    -------
    pandas.DataFrame
        What is drawn: truth, extrapolated and the count of samples of each point or hexagon.
    """
    limits = _limits(np.concatenate([extrapolated, truth]))
    with drawing(path, 6.4, 6) as figure:
        axes = figure.subplots()
        axes.grid(False)
        axes.plot(limits, limits, color=BLACK, linestyle="--", linewidth=1)
        if len(truth) > SCATTER_AT_MOST:
            shape = {"gridsize": 50, "extent": (*limits, *limits), "bins": "log", "mincnt": 1}
            cells = axes.hexbin(truth, extrapolated, cmap="cividis", linewidths=0, **shape)
            figure.colorbar(cells, ax=axes, label="Samples", shrink=0.8)
            places, counts = cells.get_offsets(), cells.get_array().astype(int)
        else:
            axes.scatter(truth, extrapolated, s=12, color=BLUE, alpha=0.5, linewidth=0)
            places, counts = np.column_stack([truth, extrapolated]), 1
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        axes.set(xlabel="True score (training on all samples)", ylabel="Extrapolated score")
        axes.set_title(title)
        note = f"Pearson {pearson(extrapolated, truth):.3f}\nSpearman {spearman(extrapolated, truth):.3f}"
        axes.text(0.03, 0.97, f"{note}\nn = {len(truth):,}", transform=axes.transAxes, va="top", bbox=NOTE)
    return pd.DataFrame({"truth": places[:, 0], "extrapolated": places[:, 1], "count": counts})


NOTE = {"boxstyle": "round", "facecolor": "white", "edgecolor": "#BBBBBB", "alpha": 0.9}


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


def count_scores(groups: dict[str, np.ndarray], n_bins: int = 40) -> pd.DataFrame:
    """Count each group's scores in bins that all share.

    Parameters
    ----------
    groups : dict of name to (n,) float array
    n_bins : int

    Returns
    -------
    pandas.DataFrame
        bin_start, bin_stop and one column of counts per group.
    """
    edges = np.histogram_bin_edges(np.concatenate(list(groups.values())).astype(np.float64), n_bins)
    counts = {name: np.histogram(values, edges)[0] for name, values in groups.items()}
    return pd.DataFrame({"bin_start": edges[:-1], "bin_stop": edges[1:], **counts})


def plot_distributions(counts: pd.DataFrame, title: str, path) -> None:
    """Draw the distribution of each group of scores, each with area 1.

    Parameters
    ----------
    counts : pandas.DataFrame
        As `count_scores` returns it.
    title : str
    path : path
    """
    edges = np.append(counts["bin_start"], counts["bin_stop"].iloc[-1])
    with drawing(path, 7.5, 4.6) as figure:
        axes = figure.subplots()
        for name, color in zip(counts.columns[2:], (BLUE, VERMILION, BLACK), strict=False):
            filled = color != BLACK
            sns.histplot(
                x=edges[:-1],
                bins=edges,
                weights=counts[name],
                stat="density",
                element="step",
                fill=filled,
                alpha=0.25 if filled else 1,
                color=color,
                linewidth=1.5,
                linestyle="-" if filled else "--",
                label=f"{name} (n = {counts[name].sum():,})",
                ax=axes,
            )
        axes.set(xlabel="Score", ylabel="Density")
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.set_title(title)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
