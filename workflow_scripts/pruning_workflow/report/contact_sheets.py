"""Contact sheets: the images at both ends of a score, with their class, scores and sample_id."""

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from score_extrapolation.io.atomic import replacing

COLUMNS, ROWS = 10, 4
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
FONT_SIZE, LINE_HEIGHT, GAP, MARGIN = 15, 19, 14, 20  # pixels
SMALLEST, LARGEST = 128, 224  # pixels of an image's longer side, as near as whole factors come


def choose_samples(scores: pd.DataFrame, n: int = COLUMNS * ROWS) -> pd.DataFrame:
    """Choose the samples at the ends of a score; equal values in the order of sample_id.

    Parameters
    ----------
    scores : pandas.DataFrame
        Columns sample_id, score and, where there is a truth, truth; others are kept.
    n : int
        On each sheet; fewer where there are fewer.

    Returns
    -------
    pandas.DataFrame
        The chosen rows, sheet by sheet, with the columns sheet (highest, lowest and, where there is a truth,
        overestimated, underestimated) and place (from 1).
    """
    scores = scores.sort_values("sample_id")
    keys = {"highest": -scores["score"], "lowest": scores["score"]}
    if "truth" in scores:
        error = scores["score"] - scores["truth"]
        # What is overestimated by less than nothing does not belong on that sheet.
        keys |= {"overestimated": -error[error > 0], "underestimated": error[error < 0]}
    sheets = []
    for sheet, key in keys.items():
        chosen = scores.loc[key.sort_values(kind="stable").index[:n]]
        sheets.append(chosen.assign(sheet=sheet, place=range(1, len(chosen) + 1)))
    chosen = pd.concat(sheets)
    first = ["sheet", "place"]
    return chosen[first + [column for column in chosen if column not in first]]


def draw_contact_sheet(images: np.ndarray, lines: list[list[str]], title: str, path) -> None:
    """Draw images in rows of ten, the lines of text of each below it.

    Parameters
    ----------
    images : (n, h, w, c) uint8 array
        c is 1 or 3. Small ones are enlarged and large ones reduced, by whole factors.
    lines : list of list of str
        Of each image, the first in bold; cut with an ellipsis where they would leave its cell.
    title : str
    path : path
        PNG.
    """
    regular, bold = (ImageFont.truetype(FONTS / name, FONT_SIZE) for name in ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf"))
    tiles = [resize_whole(image) for image in images]
    tile_width, tile_height = tiles[0].size if tiles else (SMALLEST, 0)
    cell_width = max(tile_width, SMALLEST + GAP) + GAP
    cell_height = tile_height + LINE_HEIGHT * max(map(len, lines), default=0) + GAP
    top = MARGIN + 2 * LINE_HEIGHT
    n_rows = -(-len(tiles) // COLUMNS)
    size = (2 * MARGIN + COLUMNS * cell_width - GAP, top + n_rows * cell_height + MARGIN - GAP)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN), title, "black", ImageFont.truetype(FONTS / "DejaVuSans.ttf", FONT_SIZE + 3))
    for i, (tile, text) in enumerate(zip(tiles, lines, strict=True)):
        x, y = MARGIN + i % COLUMNS * cell_width, top + i // COLUMNS * cell_height
        sheet.paste(tile, (x, y))
        draw.rectangle((x - 1, y - 1, x + tile_width, y + tile_height), outline="#BBBBBB")
        for row, line in enumerate(text):
            font = regular if row else bold
            place = x, y + tile_height + 3 + row * LINE_HEIGHT
            draw.text(place, shorten(line, font, cell_width - GAP // 2), "black", font)
    with replacing(path) as partial:
        sheet.save(partial, "PNG")


def resize_whole(image: np.ndarray) -> Image.Image:
    """Return an (h, w, c) image at a size to look at: each pixel a square of pixels, or a mean of whole squares."""
    height, width = image.shape[:2]
    picture = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    factor = SMALLEST // max(height, width)
    if factor > 1:
        return picture.resize((factor * width, factor * height), Image.Resampling.NEAREST)
    shrink = -(-max(height, width) // LARGEST)
    return picture.reduce(shrink) if shrink > 1 else picture


def shorten(text: str, font, width: float) -> str:
    """Return `text`, cut with an ellipsis where it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


def caption(sample: dict) -> list[str]:
    """Return the lines below an image: class and true score where there are such, score, sample_id."""
    truth = [f"true {three_digits(sample['truth'])}"] if "truth" in sample else []
    label = [str(sample["label"])] if sample["label"] != "" else []
    return [*label, f"score {three_digits(sample['score'])}", *truth, f"id {sample['sample_id']}"]


def three_digits(value: float) -> str:
    """Return a number with three significant digits, zeros kept: 0.120."""
    return f"{value:#.3g}".rstrip(".").replace("-", "−")
