"""The paper's tables and figures, each made from the evaluation's tables of one experiment; one file each.

A table or figure is a file of this folder, such as ``table_1`` or ``figure_2``, with the literals

- ``TITLE``: what people read above it, such as ``"Table 1. Accuracy"``;
- ``CHAPTER``: the chapter of Snakemake's report that has it, such as ``"1 Accuracy"``;
- ``NEEDS``: what an experiment must have to bring it, names of `items.CONDITIONS` such as ``("test", "truth")``;
- ``READS``: the names of the evaluation's tables that it is made from, such as ``("agreement", "experiment")``: keys of
  ``EVALUATED`` in ``rules/study.smk``, and ``experiment``, one row that names it. ``("scores",)`` has the rule for
  images make it, which calls ``draw`` as `figure_5` has it;
- ``ALSO_READS``, where it has one: the names of those that it reads where the experiment makes them;
- ``NOTE``: one to three sentences on how to read it, what ± and bold are;
- ``FORMAT = "png"``, where a figure is no SVG

and the functions

- ``tabulate(tables)``: a dict of these names to DataFrames, as `evaluation.read_csv` returns them, to one tidy
  DataFrame of raw numbers, which is written as CSV. Columns carry their units: ``*_percent``, ``*_points`` (percentage
  points), ``*_s``. Of what was not measured there is no row;
- ``format_table(table)``, of a table: that DataFrame to one of texts, whose index and columns are read by people, for
  `write_html`. A text between two pairs of stars is bold, a line break is one;
- ``draw(table, path)``, of a figure: that DataFrame to an SVG or PNG in the house's style. `report.style.drawing` sets
  it, and makes equal bytes of equal tables; `report.style.draw_sentence` draws a sentence where there is nothing.

An item that differs from another in a parameter, as ``table_11`` from ``table_10``, imports what they share, literals
too, from a file whose name starts with an underscore.

Numbers over seeds are the mean, its standard error (``_se``, NaN of one seed) and the number of seeds (``n_seeds``).
That one is better than another is said of differences paired by seed, with a 95 % Student interval; where it contains
0, and of one seed, nothing is bold.
"""

from html import escape
from itertools import groupby

import pandas as pd

from score_extrapolation.io.atomic import replacing

STYLE = """
body { font: 13px/1.4 system-ui, sans-serif; color: #111; background: #fff; margin: 1.5rem; }
h1 { font-size: 1.15rem; margin: 0 0 0.8rem; }
table { border-collapse: collapse; border-block: 2px solid #111; font-variant-numeric: tabular-nums; }
thead { border-bottom: 1px solid #111; }
th, td { padding: 0.2rem 0.55rem; text-align: right; vertical-align: baseline; white-space: nowrap; }
thead th { font-weight: 600; vertical-align: bottom; white-space: pre-line; }
thead th[colspan] { text-align: center; border-bottom: 1px solid #999; }
tbody th, thead th.index { font-weight: 400; text-align: left; }
thead th.index { font-weight: 600; }
tbody th { vertical-align: top; }
tbody tr.first { border-top: 1px solid #bbb; }
tbody tr:first-child { border-top: none; }
p { max-width: 48rem; color: #333; }
div { overflow-x: auto; }
@page { size: landscape; margin: 1cm; }
@media print { body { margin: 0; font-size: 8pt; } th, td { padding: 0.12rem 0.35rem; } div { overflow: visible; } }
"""


def write_html(table: pd.DataFrame, title: str, note: str, path) -> None:
    """Write a table of texts as one small HTML page that needs nothing else; whole or not at all.

    Parameters
    ----------
    table : pandas.DataFrame
        As a table's `format_table` returns it. The index, which may have levels, becomes the rows' heads and the
        columns, which may have levels, the columns' heads; equal neighbours in them share one cell.
    title, note : str
        Above and below it.
    path : path
    """
    body = _table(table) if len(table) else "<p>This experiment measured nothing that belongs here.</p>"
    page = f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style></head>
<body>
<h1>{escape(title)}</h1>
{body}
<p>{escape(note)}</p>
</body>
</html>
"""
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _table(table: pd.DataFrame) -> str:
    heads = [column if isinstance(column, tuple) else (column,) for column in table.columns]
    n_levels = len(heads[0])
    rows = []
    for level in range(n_levels):
        # A head spans what it has in common with its neighbours at this level and all above it.
        spans = [(name, len(list(group))) for name, group in groupby(heads, key=lambda head: head[: level + 1])]
        cells = [f"<th{_span('col', n)}>{_text(name[-1])}</th>" for name, n in spans]
        last = level == n_levels - 1
        names = [name if last and name else "" for name in table.index.names]
        rows.append("".join([*(f'<th class="index">{_text(name)}</th>' for name in names), *cells]))
    lines = ["<div><table>", "<thead>", *(f"<tr>{row}</tr>" for row in rows), "</thead>", "<tbody>"]
    index = [label if isinstance(label, tuple) else (label,) for label in table.index]
    for i, values in enumerate(table.itertuples(index=False, name=None)):
        cells = []
        for level in range(len(index[i])):
            own = index[i][: level + 1]
            if i == 0 or index[i - 1][: level + 1] != own:
                n = next((j for j, label in enumerate(index[i:]) if label[: level + 1] != own), len(index) - i)
                cells.append(f'<th scope="row"{_span("row", n)}>{_text(own[-1])}</th>')
        first = len(index[i]) > 1 and (i == 0 or index[i - 1][:1] != index[i][:1])
        cells += [f"<td>{_text(value)}</td>" for value in values]
        kind = ' class="first"' if first else ""
        lines.append(f"<tr{kind}>{''.join(cells)}</tr>")
    return "\n".join([*lines, "</tbody>", "</table></div>"])


def _span(kind: str, n: int) -> str:
    return f' {kind}span="{n}"' if n > 1 else ""


def _text(text: str) -> str:
    """Return a cell's HTML; text between two pairs of stars is bold."""
    parts = escape(str(text)).split("**")
    bold = "".join(f"<b>{part}</b>" if i % 2 else part for i, part in enumerate(parts))
    return bold.replace("\n", "<br>")
