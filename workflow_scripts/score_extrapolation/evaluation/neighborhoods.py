"""What of a sample's neighbourhood goes with its score: how many neighbours share its label, how near they are."""

import numpy as np
import pandas as pd

from .agreement import pearson, spearman


def neighborhood_statistics(labels: np.ndarray, neighbor_rows: np.ndarray, distances: np.ndarray) -> dict:
    """Describe each sample's nearest others of its own label and of other labels.

    Parameters
    ----------
    labels : (n,) int array
    neighbor_rows : (n, k) int array
        Of each sample its neighbours' rows in `labels`, k >= 1, in any order; itself is not among them. Of a table of
        all samples' neighbours (scope ``all``) and one of labels, both sorted by sample_id:
        ``rows_of(samples["sample_id"], table["neighbor_ids"])``.
    distances : (n, k) float array
        To each of them, such as ``table["neighbor_distances"]``.

    Returns
    -------
    dict of (n,) float64
        n_same_label and n_other_label, 0..k, which add up to k; mean_distance_same, mean_distance_other,
        min_distance_same, min_distance_other: NaN where there is no such neighbour.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Notes
    -----
    Cost: O(n k). Memory: some (n, k) arrays.
    """
    labels, neighbor_rows = np.asarray(labels), np.asarray(neighbor_rows)
    distances = np.asarray(distances, np.float64)
    if neighbor_rows.ndim != 2 or neighbor_rows.shape != distances.shape or labels.shape != neighbor_rows.shape[:1]:
        raise ValueError(
            f"labels {labels.shape}, rows {neighbor_rows.shape} and distances {distances.shape} are not (n,) and (n, k)"
        )
    is_same = labels[neighbor_rows] == labels[:, None]
    statistics = {}
    for name, of_label in (("same", is_same), ("other", ~is_same)):
        count, total = of_label.sum(axis=1), np.where(of_label, distances, 0).sum(axis=1)
        is_there, missing = count > 0, np.full(len(labels), np.nan)
        statistics[f"n_{name}_label"] = count.astype(np.float64)
        statistics[f"mean_distance_{name}"] = np.divide(total, count, out=missing.copy(), where=is_there)
        nearest = np.where(of_label, distances, np.inf).min(axis=1, initial=np.inf)
        statistics[f"min_distance_{name}"] = np.where(is_there, nearest, missing)
    order = [f"{metric}_{name}" for metric in ("mean_distance", "min_distance") for name in ("same", "other")]
    return {name: statistics[name] for name in ("n_same_label", "n_other_label", *order)}


def correlate_neighborhoods(scores: np.ndarray, statistics: dict) -> pd.DataFrame:
    """Correlate scores with each statistic of the neighbourhoods, as in the paper's Table 15.

    Parameters
    ----------
    scores : (n,) float array
        Finite; in the order of the samples of `statistics`.
    statistics : dict of (n,) float64
        As `neighborhood_statistics` returns them.

    Returns
    -------
    pandas.DataFrame
        One row per statistic: metric, n (the samples that have it), pearson and spearman over these, NaN where n < 2
        or one of the two is constant.

    Notes
    -----
    The two counts add up to k for each sample, so that their correlations are each other's negatives. The paper's are
    not (-0.2971 and 0.2630), which it does not explain.
    """
    scores, table = np.asarray(scores), []
    for metric, values in statistics.items():
        known = ~np.isnan(values)
        pair = scores[known], values[known]
        table.append({"metric": metric, "n": len(pair[0]), "pearson": pearson(*pair), "spearman": spearman(*pair)})
    return pd.DataFrame(table, columns=["metric", "n", "pearson", "spearman"])
