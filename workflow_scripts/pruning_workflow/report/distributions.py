"""The figures of one set of scores: how they are distributed, and extrapolated against true ones."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from score_extrapolation.evaluation.agreement import pearson, spearman

from .style import BLACK, BLUE, LIGHT_GREY, VERMILION, drawing

SCATTER_AT_MOST = 3000  # more points than that hide each other
NOTE = {"boxstyle": "round", "facecolor": "white", "edgecolor": LIGHT_GREY, "alpha": 0.9}


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
    extrapolated, truth = np.asarray(extrapolated), np.asarray(truth)
    limits = _limits(np.concatenate([extrapolated, truth]))
    dense = len(truth) > SCATTER_AT_MOST
    with drawing(path, 7.2 if dense else 6.4, 6) as figure:
        axes = figure.subplots()
        axes.grid(False)
        axes.plot(limits, limits, color=BLACK, linestyle="--", linewidth=1)
        if dense:
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
        note = f"{note}\nn = {len(truth):,}".replace("-", "−")
        axes.text(0.03, 0.97, note, transform=axes.transAxes, va="top", bbox=NOTE)
    return pd.DataFrame({"truth": places[:, 0], "extrapolated": places[:, 1], "count": counts})


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = values.min(), values.max()
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
    """Draw the distribution of up to three groups of scores, each with area 1; the third as a dashed outline.

    Parameters
    ----------
    counts : pandas.DataFrame
        As `count_scores` returns it.
    title : str
    path : path
    """
    with drawing(path, 7.5, 5) as figure:
        axes = figure.subplots()
        draw_distributions(axes, counts)
        axes.set_title(title)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center")


def draw_distributions(axes, counts: pd.DataFrame) -> None:
    """Draw what `plot_distributions` does into axes, with the labels of a legend but no legend."""
    edges = np.append(counts["bin_start"], counts["bin_stop"].iloc[-1])
    for name, color in zip(counts.columns[2:], (BLUE, VERMILION, BLACK), strict=False):
        n = counts[name].sum()
        density = counts[name] / n / np.diff(edges)
        line = {"color": color, "linewidth": 1.5, "linestyle": "--" if color == BLACK else "-"}
        axes.stairs(density, edges, label=f"{name} (n = {n:,})", **line)
        if color != BLACK:
            axes.stairs(density, edges, color=color, fill=True, alpha=0.2)
    axes.set(xlabel="Score", ylabel="Density")
    axes.yaxis.set_major_locator(MaxNLocator(5))
