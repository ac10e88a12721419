"""Table 5: adversarial training on own images and what is kept of a pool, to which scores were extrapolated."""

import pandas as pd

from . import table_4

CHAPTER = "1 Accuracy"
TITLE = "Table 5. Robust and clean accuracy of adversarial training with a pruned pool"
NEEDS = ("test", "random", "top", "pool", "adversarial", "robustness")
READS = ("retraining", "experiment")
NOTE = (
    "Of adversarial trainings on all own images and on what is kept of the pool; pruned is the share of the pool. "
    "Robust is the share of the attacked test images that are right whatever the attack does, clean that of all test "
    "images as they are; mean ± standard error over seeds, and the difference from random pruning paired by seed with "
    "its 95 % interval, in percentage points. Bold is what is better than random pruning by an interval that excludes "
    "0; at 0 % nothing is pruned."
)


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per budget, rate and way to choose what is kept of the pool, as of `table_4.tabulate`.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.
    """
    return table_4.tabulate(tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per budget, rate and way to choose what is kept of the pool."""
    return table_4.format_table(table)
