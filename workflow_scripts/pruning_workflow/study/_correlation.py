"""Agreement with the truth beside accuracy after pruning: what table 14 and figure 4 are made of."""

import pandas as pd

from ..names import RANDOM
from ._runs import in_percent, is_extrapolated, is_original
from ._statistics import summarize
from ._useful_rate import useful_rates

ANCHORS = {"random": 0.0, "original": 1.0}  # their correlation with the truth, by definition
RUN = ["score", "extrapolator", "fraction", "sampler"]
STATISTICS = ("pearson", "spearman")


def tabulate_points(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one point per score, budget and way to choose samples, at the score's maximum useful rate.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        ``retraining`` and ``agreement``.

    Returns
    -------
    pandas.DataFrame
        score, budget, rate_percent, useful (see `useful_rates`), kind (random, original or extrapolated), arm,
        fraction, sampler, n_seeds; pearson and spearman with the truth on the residual set and test_accuracy_percent,
        ``_mean`` and ``_se``. The anchors, random and original, correlate by 0 and 1 by definition, with no standard
        error.
    """
    runs, agreement = tables["retraining"], tables["agreement"]
    agreement = summarize(agreement[agreement["part"] == "residual"], RUN, list(STATISTICS)).drop(columns="n_seeds")
    runs = in_percent(runs)
    points = []
    for useful in useful_rates(tables["retraining"]).itertuples():
        own = runs[(runs["budget"] == useful.budget) & (runs["rate"] == useful.rate)]
        own = own[own["arm"].eq(RANDOM) | own["score"].eq(useful.score)]
        own = own[own["method"].isin(["top", RANDOM])]
        kinds = {"random": own["arm"] == RANDOM, "original": is_original(own), "extrapolated": is_extrapolated(own)}
        for kind, rows in kinds.items():
            arms = summarize(own[rows], ["arm", *RUN], ["test_accuracy_percent"])
            if kind in ANCHORS:
                arms = arms.assign(**{f"{s}_mean": ANCHORS[kind] for s in STATISTICS})
            else:
                arms = arms.merge(agreement, on=RUN)
            whose = {"score": useful.score, "budget": useful.budget, "rate_percent": round(100 * useful.rate, 9)}
            points.append(arms.assign(**whose, useful=useful.useful, kind=kind))
    values = [f"{value}_{end}" for value in (*STATISTICS, "test_accuracy_percent") for end in ("mean", "se")]
    columns = ["score", "budget", "rate_percent", "useful", "kind", "arm", "fraction", "sampler", "n_seeds", *values]
    points = [rows for rows in points if len(rows)]
    return (pd.concat(points, ignore_index=True) if points else pd.DataFrame()).reindex(columns=columns)
