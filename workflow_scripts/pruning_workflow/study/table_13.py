"""Table 13: how far a subset's distribution is from that of the rest, by how it was drawn."""

import pandas as pd

from ..names import RANDOM
from ..report import method_label
from ._runs import add_percent, of_experiment
from ._statistics import add_differences, summarize
from ._texts import NONE, difference, percent, pivot, plus_minus

CHAPTER = "4 Scores"
TITLE = "Table 13. Fréchet distance between the subset and the rest"
NEEDS = ("coverage",)
READS = ("coverage", "experiment")
NOTE = (
    "Between Gaussians fitted to the embeddings of both; less is closer. Mean ± standard error over seeds, and the "
    "difference from random subsets paired by seed with its 95 % interval; bold is what is closer than random subsets"
    " by an interval that excludes 0. Distances of different embeddings, data sets or sizes of subsets do not "
    "compare: that of two samples of one distribution is not 0 either, and grows as they get smaller."
)
GROUP = ["fraction", "embedding"]
VALUE = "frechet_distance"


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per fraction, embedding and sampler.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, fraction_percent, embedding, sampler, n_subset, n_residual, width (of the embedding),
        n_seeds; frechet_distance (>= 0) ``_mean``, ``_se`` and ``_difference`` from the sampler random, with ``_low``
        and ``_high``.
    """
    runs = tables["coverage"]
    runs = runs.assign(group=runs.groupby(GROUP, sort=False).ngroup()).sort_values("group", kind="stable")
    table = summarize(runs, [*GROUP, "sampler", "n_subset", "n_residual", "width"], [VALUE])
    return of_experiment(add_percent(add_differences(table, runs, GROUP, "sampler", VALUE, RANDOM)), tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per sampler."""
    cells = []
    for row in table.to_dict("records"):
        whose = percent(row["fraction_percent"]), f"{row['embedding']}, {row['width']:,} wide", f"{row['n_subset']:,}"
        index = *whose, method_label(row["sampler"]), str(row["n_seeds"])
        gain, low, high = (row[f"{VALUE}_difference{end}"] for end in ("", "_low", "_high"))
        better = high < 0
        gained = NONE if row["sampler"] == RANDOM else difference(gain, low, high, 4, better)
        distance = plus_minus(row[f"{VALUE}_mean"], row[f"{VALUE}_se"], 4, better)
        cells += [(index, ("Fréchet distance",), distance), (index, ("against random",), gained)]
    return pivot(cells, ["Subset", "Embedding", "n", "Drawn", "Seeds"])
