"""How well scores agree with the truth: the scores of a training on all samples."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ..io.tables import read_table, rows_of

PARTS = ("residual", "subset", "all")


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Return the linear correlation of two (n,) arrays, in [-1, 1]; NaN where n < 2 or one of them is constant."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of the ranks of two (n,) arrays, tied values sharing their mean rank; NaN as `pearson`."""
    return pearson(rankdata(a), rankdata(b))


def tabulate_agreement(rows: list[dict]) -> pd.DataFrame:
    """Correlate extrapolated and computed scores of each run with the truth, aligned by sample_id.

    Parameters
    ----------
    rows : list of dict
        One per run: what it is, such as score, extrapolator, fraction (percent, as in paths), sampler and seed, and
        the paths `extrapolated` and `truth` of its tables.

    Returns
    -------
    pandas.DataFrame
        One row per run and part: what it is, part, n, pearson and spearman. Parts: `residual`, the extrapolated scores
        of samples that were not trained on; `subset`, the computed scores of those that were; `all`, both.
    """
    table = []
    for row in rows:
        run = {key: value for key, value in row.items() if key not in ("extrapolated", "truth")}
        scores = read_scores(row["extrapolated"], row["truth"])
        computed = scores["computed"].to_numpy()
        for part, members in zip(PARTS, (~computed, computed, np.ones_like(computed)), strict=True):
            pair = scores.loc[members, "score"].to_numpy(), scores.loc[members, "truth"].to_numpy()
            table.append(
                {**run, "part": part, "n": len(pair[0]), "pearson": pearson(*pair), "spearman": spearman(*pair)}
            )
    return pd.DataFrame(table)


def tabulate_ceiling(rows: list[dict]) -> pd.DataFrame:
    """Correlate the scores of two trainings on all samples that differ in their seed alone.

    Nothing that is extrapolated from less can be expected to agree with either any better.

    Parameters
    ----------
    rows : list of dict
        One per pair: score, seed, other_seed, and the paths `scores` and `other_scores` of their tables.

    Returns
    -------
    pandas.DataFrame
        One row per pair, with n, pearson and spearman.
    """
    table = []
    for row in rows:
        scores, other = (read_table(row[key], ["sample_id", "score"]) for key in ("scores", "other_scores"))
        pair = scores["score"], other["score"][rows_of(other["sample_id"], scores["sample_id"])]
        run = {key: row[key] for key in ("score", "seed", "other_seed")}
        table.append({**run, "n": len(pair[0]), "pearson": pearson(*pair), "spearman": spearman(*pair)})
    return pd.DataFrame(table, columns=["score", "seed", "other_seed", "n", "pearson", "spearman"])


def read_scores(extrapolated_path, truth_path=None) -> pd.DataFrame:
    """Return sample_id, score and computed of an extrapolated table and, given the path of the true scores, truth."""
    extrapolated = read_table(extrapolated_path, ["sample_id", "score", "computed"])
    if truth_path:
        truth = read_table(truth_path)
        extrapolated["truth"] = truth["score"][rows_of(truth["sample_id"], extrapolated["sample_id"])]
    return pd.DataFrame(extrapolated)
