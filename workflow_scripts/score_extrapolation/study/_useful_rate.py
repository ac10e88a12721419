"""The pruning rate at which the paper compares: the largest at which a score is worth the name."""

import pandas as pd

from ._runs import RANDOM, is_original


def useful_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """Return, of each score, the largest rate at which its full data's scores still beat random pruning.

    Parameters
    ----------
    runs : pandas.DataFrame
        The evaluation's table `retraining`. Compared are the mean accuracies of the arm
        ``top/<score>/computed/fraction-100`` and of ``random``, trained for epochs of what they keep.

    Returns
    -------
    pandas.DataFrame
        score, rate and useful. Where the score beats random at no rate, useful is False and rate the smallest. No row
        of scores that were not computed on all data, or never compared with random.
    """
    runs = runs[(runs["budget"] == "epochs") & (runs["rate"] > 0)]
    random = runs[runs["arm"] == RANDOM].groupby("rate")["test_accuracy"].mean()
    table = []
    for score, own in runs[is_original(runs) & (runs["method"] == "top")].groupby("score", sort=False):
        gains = (own.groupby("rate")["test_accuracy"].mean() - random).dropna()
        if len(gains):
            useful = gains.index[gains > 0]
            rate = useful.max() if len(useful) else gains.index.min()
            table.append({"score": score, "rate": rate, "useful": len(useful) > 0})
    return pd.DataFrame(table, columns=["score", "rate", "useful"])
