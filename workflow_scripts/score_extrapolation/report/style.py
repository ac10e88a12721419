"""One look for all figures: what it must survive is print, colour blindness and a second run (the same bytes)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import seaborn as sns
from matplotlib.figure import Figure

from ..atomic import replacing
from . import NO_PRUNING, arm_label

# Okabe and Ito's colours, told apart by the colour-blind; yellow last, since it is faint on white.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, YELLOW = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442",
)  # fmt: skip
GREY, BLACK = "#767676", "#000000"
ARM_COLORS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
ARM_MARKERS = ("s", "D", "^", "v", "P", "X", "p")
SETTINGS = {
    "svg.hashsalt": "score_extrapolation",  # or the ids in the file would be drawn at random
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.grid": True,
    "grid.color": "#E5E5E5",
    "legend.frameon": False,
    "legend.fontsize": 10,
}
DPI = 160


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
    with sns.axes_style("ticks", SETTINGS), sns.plotting_context("notebook", font_scale=0.9, rc=SETTINGS):
        with matplotlib.rc_context(SETTINGS):
            figure = Figure(figsize=(width, height), layout="constrained")
            yield figure
            kind = Path(path).suffix.removeprefix(".")
            undated = {"Date": None} if kind == "svg" else {"Software": None}
            with replacing(path) as partial:
                figure.savefig(partial, format=kind, dpi=DPI, metadata=undated)


def arm_styles(arms) -> dict[str, dict]:
    """Return label, colour and marker of each arm: the same for the same experiment, whichever figure draws it.

    Arms that read no scores are grey; the others take colours in alphabetical order, and every combination of colour
    and marker occurs once in 42 arms.
    """
    scored = sorted(arm for arm in set(arms) if "/" in arm)
    unscored = sorted(set(arms) - set(scored), key=lambda arm: (arm != "random", arm))
    styles = {
        arm: {"color": ARM_COLORS[i % len(ARM_COLORS)], "marker": ARM_MARKERS[i % len(ARM_MARKERS)]}
        for i, arm in enumerate(scored)
    }
    greys = sns.color_palette("Greys_r", len(unscored) + 2).as_hex()[1:] if unscored else []
    for i, arm in enumerate(unscored):
        styles[arm] = {"color": GREY if arm == "random" else greys[i], "marker": "o<>*h"[i % 5]}
    return {arm: {"label": arm_label(arm), **styles[arm]} for arm in [*scored, *unscored]}


NO_PRUNING_STYLE = {"label": NO_PRUNING, "color": BLACK, "marker": "*"}
