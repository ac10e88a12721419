"""Table 5: adversarial training on own images and what is kept of a pool, to which scores were extrapolated."""

import pandas as pd

from ..report import arm_label
from ._runs import RANDOM, in_percent, is_extrapolated, of_experiment
from ._statistics import add_differences, summarize
from ._texts import NONE, difference, percent, pivot, plus_minus

CHAPTER = "1 Accuracy"
TITLE = "Table 5. Robust and clean accuracy of adversarial training with a pruned pool"
NEEDS = ("test", "random", "pool", "adversarial", "robustness")
READS = ("retraining", "experiment")
NOTE = (
    "Accuracy on test images in %, clean and under attack, of adversarial trainings on all own images and on what is "
    "kept of the pool; mean ± standard error over seeds, and below it the difference from random pruning, paired by "
    "seed, with its 95 % interval. Bold is a difference whose interval excludes 0. At 0 % nothing is pruned."
)
# The columns of retraining.csv, and what people read above them; those that were measured are shown.
ACCURACIES = {
    "robust_autoattack_accuracy": "Robust, AutoAttack",
    "robust_pgd_accuracy": "Robust, PGD",
    "test_accuracy": "Clean",
}
RUN = ["budget", "rate_percent"]


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per budget, rate and arm: random, or the highest of extrapolated scores.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, norm (of the attack that is trained against, null where the experiment names none), budget,
        rate_percent (of the pool, pruned), arm, n_seeds; of each of `ACCURACIES` that was measured ``_percent_mean``,
        ``_percent_se`` and ``_percent_difference`` (points) from random pruning, with ``_low`` and ``_high``.
    """
    runs = in_percent(tables["retraining"])
    chosen = is_extrapolated(runs) & (runs["method"] == "top")
    runs = runs[(chosen | (runs["arm"] == RANDOM)) & chosen.any()]
    measured = {name: f"{name}_percent" for name in ACCURACIES if name in runs}
    runs = runs.assign(**{column: 100 * runs[name] for name, column in measured.items()})
    runs = runs.sort_values(RUN, kind="stable")
    table = summarize(runs, [*RUN, "arm"], list(measured.values()))
    for column in measured.values():
        table = add_differences(table, runs, RUN, "arm", column, RANDOM)
    table.insert(0, "norm", tables["experiment"].iloc[0].get("norm"))
    return of_experiment(table, tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per norm, rate and way to choose what is kept of the pool."""
    cells = []
    for row in table.to_dict("records"):
        norm = NONE if pd.isna(row["norm"]) else str(row["norm"])
        index = norm, row["budget"], percent(row["rate_percent"]), arm_label(row["arm"]), str(row["n_seeds"])
        for name, head in ACCURACIES.items():
            column = f"{name}_percent"
            if f"{column}_mean" in row:
                gain = [row[f"{column}_difference{end}"] for end in ("", "_low", "_high")]
                differs = gain[1] > 0 or gain[2] < 0
                text = plus_minus(row[f"{column}_mean"], row[f"{column}_se"], 2)
                text += "" if row["arm"] == RANDOM else f"\n{difference(*gain, 2, differs)}"
                cells.append((index, (head,), text))
    return pivot(cells, ["Norm", "Trained for", "Pruned", "Pool", "Seeds"])
