"""What the rows of the evaluation's tables are: which experiment's, which arm's, of which subset."""

import pandas as pd

from ..names import COMPUTED, RANDOM, SPACES
from ..report import split_label


def of_experiment(table: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a table with its experiment's data set and model before its columns, so that several can be joined."""
    experiment = tables["experiment"].iloc[0]
    table = table.reset_index(drop=True)
    table.insert(0, "dataset", experiment["dataset"])
    table.insert(1, "model", experiment["model"])
    return table


def in_percent(runs: pd.DataFrame) -> pd.DataFrame:
    """Return retrained models with rate_percent and test_accuracy_percent."""
    # Rounded, or 0.95 would be 94.99999999999999 in a CSV.
    return runs.assign(rate_percent=(100 * runs["rate"]).round(9), test_accuracy_percent=100 * runs["test_accuracy"])


def add_percent(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with fraction_percent, a number, in the place of its fraction, a text."""
    place = table.columns.get_loc("fraction")
    table = table.copy()
    table.insert(place, "fraction_percent", table.pop("fraction").astype(float))
    return table


def residual(agreement: pd.DataFrame, sampler: str | None = RANDOM) -> pd.DataFrame:
    """Return the agreement on the residual set, of subsets that were drawn in one way or, with None, in any."""
    of_residual = agreement["part"] == "residual"
    return agreement[of_residual if sampler is None else of_residual & (agreement["sampler"] == sampler)]


def is_training_free(runs: pd.DataFrame) -> pd.Series:
    """Return which rows are of scores that come of no training."""
    return runs["extrapolator"].isin(SPACES)


def is_extrapolated(runs: pd.DataFrame) -> pd.Series:
    """Return which rows are of scores that were extrapolated from a subset."""
    return runs["score"].notna() & ~runs["extrapolator"].isin([COMPUTED, *SPACES])


def is_original(runs: pd.DataFrame) -> pd.Series:
    """Return which rows are of scores of a training on everything."""
    return runs["extrapolator"] == COMPUTED


def k_of(label: str) -> int | None:
    """Return the k in an extrapolator's label."""
    return split_label(label)[1]
