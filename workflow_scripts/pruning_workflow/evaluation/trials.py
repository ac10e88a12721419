"""What was tried within the subset to choose a selection method, and what the choice was worth in the end."""

import numpy as np
import pandas as pd

from score_extrapolation.io.atomic import read_json
from score_extrapolation.selection.auto import as_rows, choose, mean_accuracies

RUN = ("score", "extrapolator", "fraction", "sampler", "seed")
COLUMNS = [
    *RUN,
    "rate",
    "candidate",
    "n_kept",
    "n_tested",
    "repeats",
    "accuracy",
    "accuracy_sd",
    "chosen",
    "test_accuracy",
    "regret",
]


def tabulate_trials(rows: list[dict]) -> pd.DataFrame:
    """Return one row per trial: how accurate the network of each candidate was within the subset, and which was taken.

    Parameters
    ----------
    rows : list of dict
        One per choice: score, extrapolator, fraction, sampler, seed, rate (fraction removed; None where it follows from
        a number to keep, to four digits), `trials` (paths of JSON, in the order of the candidates), `retrained`
        (candidate -> path of the metrics of a network that was trained on what it keeps of all samples, for those of
        which there is one) and `metrics` (that path of the method that was chosen; None where `retrained` is empty).

    Returns
    -------
    pandas.DataFrame
        The first five of these, rate, candidate, n_kept and n_tested (samples of the trial), repeats, accuracy (0..1,
        mean over repeats), accuracy_sd (ddof 1; NaN of one repeat), chosen, test_accuracy (0..1, of the candidate's own
        network; NaN where there is none) and, in the row of the one that was chosen, regret: the highest of these test
        accuracies less that of the network that was trained on what the choice keeps. NaN where there are none. It is
        at least 0 where the chosen one is among the retrained; else it may be less.
    """
    table = []
    for row in rows:
        trials = [read_json(path) for path in row["trials"]]
        means, chosen = mean_accuracies(as_rows(trials)), choose(as_rows(trials))
        tested = {name: read_json(path)["test_accuracy"] for name, path in row["retrained"].items()}
        regret = max(tested.values()) - read_json(row["metrics"])["test_accuracy"] if tested else np.nan
        for trial in trials:
            name, accuracies = trial["candidate"], trial["accuracies"]
            table.append(
                {
                    **{key: row[key] for key in RUN},
                    "rate": round(trial["rate"], 4) if row["rate"] is None else row["rate"],
                    "candidate": name,
                    "n_kept": trial["n_kept"],
                    "n_tested": trial["n_tested"],
                    "repeats": len(accuracies),
                    "accuracy": means[name],
                    "accuracy_sd": np.std(accuracies, ddof=1) if len(accuracies) > 1 else np.nan,
                    "chosen": name == chosen,
                    "test_accuracy": tested.get(name, np.nan),
                    "regret": regret if name == chosen else np.nan,
                }
            )
    return pd.DataFrame(table, columns=COLUMNS)
