"""Figure 5: what extrapolation gets wrong: the distribution of scores, and the images whose rank it misses most."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ..report.contact_sheets import three_digits
from ..report.distributions import count_scores, draw_distributions
from ..report.style import drawing
from ._texts import number

CHAPTER = "5 Images"
TITLE = "Figure 5. Distribution of the scores, and the images that are extrapolated best and worst"
NEEDS = ("truth",)
READS = ("scores",)
FORMAT = "png"
NOTE = (
    "Of one seed, one score and one extrapolation, on the residual set. The rank difference is that of a sample's "
    "places by its extrapolated and by its true score, in percent of the samples; images are those with the least and"
    " with the largest, of all classes, equal ones in the order of sample_id."
)
COLUMNS, ROWS = 6, 2
GROUPS = {"least": "least rank difference", "most": "largest rank difference"}


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the samples with the least and with the largest rank difference: twelve each, or half of all if fewer.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        scores: sample_id, label, score and truth, one row per sample of the residual set. Cost: n log n.

    Returns
    -------
    pandas.DataFrame
        group (least or most), place (from 1, in it), sample_id, label, score, truth, and score_rank_percent,
        truth_rank_percent (0..100, 100 the highest score; tied values share their mean) and rank_difference_percent
        (extrapolated less true: above 0 is overestimated).
    """
    scores = tables["scores"].sort_values("sample_id")
    n = len(scores)
    for column in ("score", "truth"):
        scores = scores.assign(**{f"{column}_rank_percent": 100 * (rankdata(scores[column]) - 1) / max(1, n - 1)})
    difference = scores["score_rank_percent"] - scores["truth_rank_percent"]
    scores = scores.assign(rank_difference_percent=difference)
    # Rounded, or what is equal on paper would be told apart by the last bit.
    distance, parts = difference.abs().round(9), []
    for group, sign in (("least", 1), ("most", -1)):
        order = (sign * distance).sort_values(kind="stable").index[: min(COLUMNS * ROWS, n // 2)]
        distance = distance.drop(order)  # or equal ones could be among both
        parts.append(scores.loc[order].assign(group=group, place=range(1, len(order) + 1)))
    columns = ["group", "place", "sample_id", "label", "score", "truth"]
    columns += ["score_rank_percent", "truth_rank_percent", "rank_difference_percent"]
    return pd.concat(parts, ignore_index=True)[columns]


def draw(table: pd.DataFrame, path, scores: pd.DataFrame, images: np.ndarray) -> None:
    """Draw (a) both distributions, (b) the images with the least and (c) those with the largest rank difference.

    Parameters
    ----------
    table : pandas.DataFrame
        As `tabulate` returns it.
    path : path
        PNG or SVG.
    scores : pandas.DataFrame
        Columns score and truth, of the residual set.
    images : (n, h, w, c) uint8 array, or a sequence of n (h, w, c) arrays
        Those of the table's rows, in their order; c is 1 or 3.
    """
    with drawing(path, 9, 10.5) as figure:
        parts = figure.subfigures(3, 1, height_ratios=[3.2, 4, 4])
        counts = count_scores({"true": scores["truth"].to_numpy(), "extrapolated": scores["score"].to_numpy()})
        axes = parts[0].subplots()
        draw_distributions(axes, counts)
        axes.legend()
        parts[0].suptitle("(a) Scores of the residual set", x=0.015, ha="left")
        for part, letter, (group, name) in zip(parts[1:], "bc", GROUPS.items(), strict=True):
            part.suptitle(f"({letter}) Images with the {name}", x=0.015, ha="left")
            rows = np.flatnonzero(table["group"] == group)
            for axes in (grid := part.subplots(ROWS, COLUMNS, squeeze=False)).flat:
                axes.set_axis_off()
            for axes, row in zip(grid.flat, rows, strict=False):
                image = np.asarray(images[row])
                # Small images keep their pixels, large ones are averaged.
                axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=255)
                axes.set_title(_caption(table.iloc[row]), fontsize=8, loc="center")


def _caption(sample: pd.Series) -> str:
    """Return class, where there is one, both scores and the difference of their ranks."""
    ranks = number(sample["rank_difference_percent"], 1, sign="+")
    scores = f"{three_digits(sample['score'])} (true {three_digits(sample['truth'])})"
    return f"{sample['label']}\n{scores}\nrank {ranks} %".lstrip()
