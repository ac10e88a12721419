"""The pruning rate at which the paper compares: the largest at which a score is worth the name."""

import pandas as pd

from ..names import RANDOM
from ._runs import is_original


def useful_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """Return, of each budget and score, the largest rate at which its full data's scores still beat random pruning.

    Parameters
    ----------
    runs : pandas.DataFrame
        The evaluation's table `retraining`. Compared are the mean accuracies of the arm
        ``top/<score>/computed/fraction-100`` and of ``random``, trained for the same budget.

    Returns
    -------
    pandas.DataFrame
        budget (epochs before steps), score, rate and useful. Where the score beats random at no rate, useful is False
        and rate the smallest. No row of scores that were not computed on all data, or never compared with random.
    """
    table = []
    for budget, of_budget in runs[runs["rate"] > 0].groupby("budget", sort=True):
        random = of_budget[of_budget["arm"] == RANDOM].groupby("rate")["test_accuracy"].mean()
        originals = of_budget[is_original(of_budget) & (of_budget["method"] == "top")]
        for score, own in originals.groupby("score", sort=False):
            gains = (own.groupby("rate")["test_accuracy"].mean() - random).dropna()
            if len(gains):
                useful = gains.index[gains > 0]
                rate = useful.max() if len(useful) else gains.index.min()
                table.append({"budget": budget, "score": score, "rate": rate, "useful": len(useful) > 0})
    return pd.DataFrame(table, columns=["budget", "score", "rate", "useful"])
