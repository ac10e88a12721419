"""What is measured of the results: agreement with the truth, accuracy and time, as tables."""

import os

from ..extras import extra
from ..io.atomic import replacing

with extra("evaluation"):
    import pandas as pd


def write_csv(path: str | os.PathLike, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole or not at all; a missing value is an empty field."""
    with replacing(path) as partial:
        table.to_csv(partial, index=False, lineterminator="\n")


def read_csv(path: str | os.PathLike) -> pd.DataFrame:
    """Read a table that `write_csv` wrote; fractions stay the texts of paths: a column of 20 and 2.5 has no 20.0."""
    return pd.read_csv(path, dtype={"fraction": str})
