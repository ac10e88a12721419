"""One look for all figures: what it must survive is print, colour blindness and a second run (the same bytes)."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np

from score_extrapolation.io.atomic import replacing

from ..names import COMPUTED, PRETRAINED, Arm
from . import NO_PRUNING, family, method_label, split_label

matplotlib.use("Agg")

import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

# Okabe and Ito's colours, told apart by the colour-blind; yellow is too faint on white for lines.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, YELLOW = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442",
)  # fmt: skip
TEAL, WINE, OLIVE, INDIGO, SAND = "#44AA99", "#882255", "#999933", "#332288", "#DDCC77"  # Tol's, for what is more
GREY, LIGHT_GREY, BLACK = "#767676", "#BBBBBB", "#000000"
# Whatever the experiment, a family of methods has its colour and its first markers; further k and options have the
# next marker and kind of line, so that print in grey tells them apart too.
FAMILY_LOOKS = {
    "computed": (BLUE, "o"),
    "knn": (ORANGE, "sD"),
    "gnn": (GREEN, "^<"),
    "held_out": (VERMILION, "Pp"),
    "auto": (TEAL, "h"),
    "ssp": (PURPLE, ">"),
    "zcoreset": (SKY, "v"),
    "random": (GREY, "X"),
    "rs2": ("#303030", "d"),
}
OTHER_COLORS = (WINE, OLIVE, INDIGO)
HEADING_LETTERS = 11  # to an inch
MARKERS, LINES = "osD^v<>PXdHhp8*", ("-", "--", "-.", ":")
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
LABEL_SIZE, LETTER_WIDTH = np.array([27, 10]), 5.2  # points of print that a label such as 80 % covers; of longer ones
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


def draw_sentence(sentence: str, path) -> None:
    """Draw a figure of one sentence, in the place of one that there is nothing to draw in."""
    with drawing(path, 7.5, 1) as figure:
        figure.text(0.02, 0.5, sentence, va="center")


@contextmanager
def drawing_panels(
    path,
    heading: str,
    titles: Sequence[str | None],
    labels: tuple[str, str],
    keys: list[Line2D],
    columns: int | None = None,
    share: str = "all",
) -> Iterator[tuple[Figure, list]]:
    """Yield a figure and its panels, with one legend below.

    Parameters
    ----------
    path : path
    heading : str
        Above all panels.
    titles : list of str or None
        One per panel; where there is None the place stays empty.
    labels : (str, str)
        Of the horizontal and the vertical axes.
    keys : list of matplotlib.lines.Line2D
        The legend's entries.
    columns : int, optional
        Panels in a row; by default as many as look well.
    share : {"all", "row"}
        Which panels have one vertical scale.
    """
    columns = columns or {1: 1, 2: 2, 4: 2}.get(len(titles), 3)
    rows = -(-len(titles) // columns)
    width, height = (7.5, 3.9) if len(titles) == 1 else (max(7.5, 4.6 * columns), 3.4 * rows)
    key_columns = int(width / 3.6)
    with drawing(path, width, height + 0.9 + 0.21 * -(-len(keys) // key_columns)) as figure:
        grid = list(figure.subplots(rows, columns, squeeze=False, sharey=share).flat)
        for axes in grid[::columns]:
            axes.set_ylabel(labels[1])
        titles = [*titles, *[None] * (len(grid) - len(titles))]
        for axes, title in zip(grid, titles, strict=True):
            if title is None:
                axes.remove()
            else:
                axes.set(title=title, xlabel=labels[0])
        grid = [axes for axes, title in zip(grid, titles, strict=True) if title is not None]
        figure.suptitle(textwrap.fill(heading, int(width * HEADING_LETTERS)), x=0.015, ha="left")
        figure.legend(handles=keys, loc="outside lower center", ncols=key_columns)
        yield figure, grid


def arm_styles(arms) -> dict[str, dict]:
    """Return label, colour, marker and line of each arm, in the order of a legend, those that read no scores last.

    They tell whose scores, not which score, how it is selected by them and from which subset, which a panel's title
    says: so the same extrapolator looks the same in all panels and figures. The colour is that of its family
    (`FAMILY_LOOKS`) in all experiments; other families have theirs by their names' order in the experiment. Of one
    family, 60 looks differ.

    Parameters
    ----------
    arms : iterable of str
        Such as ``random`` and ``top/du/knn-10/fraction-20``, in any order.

    Returns
    -------
    dict of str to dict
        Settings of a matplotlib line.
    """
    whose = {arm: _whose(arm) for arm in sorted(set(arms), key=_place_in_legend)}
    families: dict[str, list[str]] = {}
    for name, label in dict.fromkeys(whose.values()):
        families.setdefault(name, []).append(label)
    others, looks = sorted(families.keys() - FAMILY_LOOKS.keys()), {}
    for name, labels in families.items():
        if name in FAMILY_LOOKS:
            color, first = FAMILY_LOOKS[name]
        else:
            color, first = OTHER_COLORS[others.index(name) % len(OTHER_COLORS)], "8"
        markers = first + "".join(marker for marker in MARKERS if marker not in first)
        for i, label in enumerate(labels):
            shape = {
                "marker": markers[i % len(markers)],
                "linestyle": LINES[(i % len(markers) + i // len(markers)) % len(LINES)],
            }
            looks[name, label] = {"label": label, "color": color, "markersize": 7, **shape}
    return {arm: looks[name_and_label] for arm, name_and_label in whose.items()}


def _whose(name: str) -> tuple[str, str]:
    """Return the family that an arm's colour is of, and the arm's name in a legend."""
    arm = Arm.parse(name)
    if not (arm.score and arm.extrapolator):
        return arm.method, method_label(arm.method)
    if arm.is_training_free:
        whose = PRETRAINED if arm.extrapolator == PRETRAINED else "subset's"
        return arm.score, f"{method_label(arm.score)}, {whose} embeddings"
    return split_label(arm.extrapolator)[0], method_label(arm.extrapolator)


def _place_in_legend(name: str) -> tuple:
    """Return a key: full data, extrapolators by family and k, what needs no training, what reads no scores."""
    arm = Arm.parse(name)
    if not (arm.score and arm.extrapolator):
        return 3, arm.method, 0, name
    if arm.is_training_free:
        return 2, arm.score, 0, name
    return arm.extrapolator != COMPUTED, family(arm.extrapolator), split_label(arm.extrapolator)[1] or 0, name


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
    points_per_pixel = 72 / axes.figure.dpi
    places = axes.transData.transform(points) * points_per_pixel
    low, high = axes.bbox.get_points() * points_per_pixel
    written: list[tuple[np.ndarray, np.ndarray]] = []
    for place, point, label, color in zip(places, points, labels, colors, strict=True):
        size = np.maximum(LABEL_SIZE, (len(label) * LETTER_WIDTH, 0))
        offsets = [side * (far * LABEL_SIZE * 0.7 + (size - LABEL_SIZE) / 2) for far in (1, 1.6) for side in sides]
        for offset in offsets if label else []:
            centre = place + offset
            inside = (centre - size / 2 >= low).all() and (centre + size / 2 <= high).all()
            free = all((abs(centre - other) > (size + other_size) / 2).any() for other, other_size in written)
            if inside and free and all((abs(centre - other) > 0.6 * size).any() for other in places):
                look = {"ha": "center", "va": "center", "fontsize": 9, "color": color, "path_effects": [HALO]}
                axes.annotate(label, point, offset, textcoords="offset points", **look)
                written.append((centre, size))
                break
