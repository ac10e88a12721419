"""One look for all figures: what it must survive is print, colour blindness and a second run (the same bytes)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ..atomic import replacing
from . import NO_PRUNING, arm_label, method_label

# Okabe and Ito's colours, told apart by the colour-blind; yellow is too faint on white for lines.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, YELLOW = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442",
)  # fmt: skip
TEAL, WINE = "#44AA99", "#882255"  # of Tol's, for the two stages more
GREY, LIGHT_GREY, BLACK = "#767676", "#BBBBBB", "#000000"
SCORED_COLORS, SCORED_MARKERS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY), "sD^vPXp"
UNSCORED_COLORS, UNSCORED_MARKERS = (GREY, "#404040", "#A0A0A0"), "o<>h"
NO_PRUNING_STYLE = {"label": NO_PRUNING, "color": BLACK, "marker": "*", "markersize": 12, "linestyle": "none"}
SETTINGS = {
    "svg.hashsalt": "score_extrapolation",  # or the ids in the file would be drawn at random
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.titlesize": 12,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "legend.fontsize": 10,
}
DPI = 160
LABEL_SIZE = np.array([27, 10])  # points of print that a label such as 80 % covers
HALO = withStroke(linewidth=2.5, foreground="white")  # keeps text legible where lines cross it


@contextmanager
def drawing(path, width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure in the house's style and write it to `path` (.svg or .png) when the block ends.

    Parameters
    ----------
    path : path
        Written whole or not at all; equal drawings give equal bytes.
    width, height : float
        Inches.
    """
    with matplotlib.rc_context({**sns.axes_style("ticks"), **sns.plotting_context("notebook", 0.9), **SETTINGS}):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # inches
        yield figure
        kind = Path(path).suffix.removeprefix(".")
        undated = {"Date": None} if kind == "svg" else {"Software": None}
        with replacing(path) as partial:
            figure.savefig(partial, format=kind, dpi=DPI, metadata=undated)


@contextmanager
def drawing_panels(
    path, heading: str, titles: list[str], labels: tuple[str, str], keys: list[Line2D]
) -> Iterator[tuple[Figure, list]]:
    """Yield a figure and its panels, with one vertical scale and one legend below.

    Parameters
    ----------
    path : path
    heading : str
        Above all panels.
    titles : list of str
        One per panel.
    labels : (str, str)
        Of the horizontal and the vertical axes.
    keys : list of matplotlib.lines.Line2D
        The legend's entries.
    """
    columns = {1: 1, 2: 2, 4: 2}.get(len(titles), 3)
    rows = -(-len(titles) // columns)
    width, height = (7.5, 3.9) if len(titles) == 1 else (4.6 * columns, 3.4 * rows)
    key_columns = int(width / 3.6)
    with drawing(path, width, height + 0.9 + 0.21 * -(-len(keys) // key_columns)) as figure:
        grid = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
        for axes in grid[len(titles) :]:
            axes.remove()
        grid = grid[: len(titles)]
        for axes, title in zip(grid, titles, strict=True):
            axes.set(title=title, xlabel=labels[0])
        for axes in grid[::columns]:
            axes.set_ylabel(labels[1])
        figure.suptitle(heading, x=0.015, ha="left")
        figure.legend(handles=keys, loc="outside lower center", ncols=key_columns)
        yield figure, grid


def arm_styles(arms) -> dict[str, dict]:
    """Return label, colour and marker of each arm, in alphabetical order, those that read no scores last and grey.

    They tell whose scores, not how it is selected by them and from which subset, which a panel's title says: so the
    same scores look the same in all panels and figures. They depend on the experiment's arms alone; every combination
    of colour and marker occurs once in 42.
    """
    whose = {arm: tuple(arm.split("/")[1:3]) for arm in sorted({arm for arm in arms if "/" in arm})}
    unscored = sorted({arm for arm in arms if "/" not in arm}, key=lambda arm: (arm != "random", arm))
    looks = {
        **_looks(sorted(set(whose.values())), SCORED_COLORS, SCORED_MARKERS),
        **_looks(unscored, UNSCORED_COLORS, UNSCORED_MARKERS),
    }
    return {
        **{arm: {"label": ", ".join(map(method_label, scores)), **looks[scores]} for arm, scores in whose.items()},
        **{arm: {"label": arm_label(arm), **looks[arm]} for arm in unscored},
    }


def _looks(names: list, colors: tuple, markers: str) -> dict:
    return {
        name: {"color": colors[i % len(colors)], "marker": markers[i % len(markers)], "markersize": 7}
        for i, name in enumerate(names)
    }


def legend_keys(styles: dict[str, dict], **more) -> list[Line2D]:
    """Return one entry of a legend for each look."""
    return [Line2D([], [], **more, **look) for look in {look["label"]: look for look in styles.values()}.values()]


def label_points(axes, points: np.ndarray, labels: list[str], colors: list[str]) -> None:
    """Write a label beside each point where there is room: inside the axes, on no other label and no point.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Of a figure that has been laid out, or no distance on paper is known.
    points : (n, 2) float array
        In units of the data.
    labels : list of str
        An empty one is only kept clear of.
    colors : list of str
    """
    sides = np.array([(1, 1), (-1, 1), (1, -1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0)])
    offsets = [far * side * LABEL_SIZE * 0.7 for far in (1, 1.6) for side in sides]
    points_per_pixel = 72 / axes.figure.dpi
    places = axes.transData.transform(points) * points_per_pixel
    low, high = axes.bbox.get_points() * points_per_pixel + [LABEL_SIZE / 2, -LABEL_SIZE / 2]
    written = []
    for place, point, label, color in zip(places, points, labels, colors, strict=True):
        for offset in offsets if label else []:
            centre = place + offset
            inside = (centre >= low).all() and (centre <= high).all()
            free = all((abs(centre - other) > LABEL_SIZE).any() for other in written)
            if inside and free and all((abs(centre - other) > 0.6 * LABEL_SIZE).any() for other in places):
                look = {"ha": "center", "va": "center", "fontsize": 9, "color": color, "path_effects": [HALO]}
                axes.annotate(label, point, offset, textcoords="offset points", **look)
                written.append(centre)
                break
