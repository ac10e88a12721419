"""Numbers as people read them."""

import numpy as np
import pandas as pd

NONE = "–"  # what was not measured, or is undefined


def plus_minus(mean: float, error: float, digits: int, bold: bool = False) -> str:
    """Return a mean and its standard error: 0.6318 ± 0.0021; of one seed the mean alone."""
    if pd.isna(mean):
        return NONE
    text = number(mean, digits) + ("" if pd.isna(error) else f" ± {number(error, digits)}")
    return f"**{text}**" if bold else text


def difference(mean: float, low: float, high: float, digits: int, bold: bool = False) -> str:
    """Return a difference and its interval: +0.56 [+0.10, +1.02]; of one seed the difference alone."""
    if pd.isna(mean):
        return NONE
    signed = [number(value, digits, sign="+") for value in (mean, low, high) if not pd.isna(value)]
    text = signed[0] + (f" [{', '.join(signed[1:])}]" if len(signed) > 1 else "")
    return f"**{text}**" if bold else text


def number(value: float, digits: int, sign: str = "") -> str:
    """Return a number with its digits after the point, a true minus, and commas in thousands."""
    if pd.isna(value):
        return NONE
    return f"{np.round(value, digits) + 0.0:{sign},.{digits}f}".replace("-", "−")


def seconds(mean: float, error: float) -> str:
    """Return a time in seconds, with one digit after the point below 100."""
    return plus_minus(mean, error, 1 if mean < 100 else 0)


def percent(value: float) -> str:
    """Return 20 % or 2.5 %."""
    return f"{value:g} %"


def pivot(rows: list[tuple], names: list[str], columns: list[tuple] | None = None) -> pd.DataFrame:
    """Put texts in a table.

    Parameters
    ----------
    rows : list of (index, column, text)
        Index and column are tuples of str, all of one length each.
    names : list of str
        Of the index's levels.
    columns : list of tuple, optional
        In their order; by default, as the index always, in that in which they come.

    Returns
    -------
    pandas.DataFrame
        Where there is no text there is a dash.
    """
    if not rows:
        return pd.DataFrame()
    index, found = (list(dict.fromkeys(row[i] for row in rows)) for i in (0, 1))
    columns = columns or found
    cells = {(i, column): text for i, column, text in rows}
    values = [[cells.get((i, column), NONE) for column in columns] for i in index]
    return pd.DataFrame(
        values,
        index=pd.MultiIndex.from_tuples(index, names=names),
        columns=pd.MultiIndex.from_tuples(columns) if len(columns[0]) > 1 else [name for (name,) in columns],
        dtype=object,
    )
