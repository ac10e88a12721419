"""What a table says of several seeds: mean, standard error, and differences paired by seed."""

import pandas as pd

from score_extrapolation.evaluation.intervals import paired_interval


def summarize(runs: pd.DataFrame, by: list[str], values: list[str]) -> pd.DataFrame:
    """Return one row per group, in their order: n_seeds and, of each value, ``_mean`` and its standard error ``_se``.

    Parameters
    ----------
    runs : pandas.DataFrame
        One row per group and seed: the columns `by`, seed and `values`.
    by, values : list of str

    Returns
    -------
    pandas.DataFrame
        The mean is NaN where a seed's value is, the standard error of one seed too.
    """
    groups = runs.groupby(by, sort=False, dropna=False)
    columns = {"n_seeds": groups["seed"].nunique()}
    for value in values:
        columns[f"{value}_mean"] = groups[value].mean(skipna=False)
        columns[f"{value}_se"] = groups[value].sem(skipna=False)
    return pd.DataFrame(columns).reset_index()


def add_differences(
    summary: pd.DataFrame, runs: pd.DataFrame, by: list[str], unit: str, value: str, base: str
) -> pd.DataFrame:
    """Add the mean of a value less that of one unit of its group, seed by seed, and the interval of that.

    Parameters
    ----------
    summary : pandas.DataFrame
        One row per group and unit: the columns `by` and `unit`.
    runs : pandas.DataFrame
        One row per group, unit and seed.
    by : list of str
        The columns that a group has in common.
    unit, value : str
        Columns: what is compared, and by what.
    base : str
        The unit that is compared with.

    Returns
    -------
    pandas.DataFrame
        `summary` with ``<value>_difference`` and its ``_low`` and ``_high``; all NaN of the base itself, and where a
        group has no base.
    """
    wide = _wide(runs, by, unit, value)
    table = []
    for group, name in _keys(summary, by, unit):
        values = wide.get(group, {})
        known = name != base and {base, name} <= set(values)
        table.append(paired_interval(values[name] - values[base] if known else []))
    columns = [f"{value}_difference{end}" for end in ("", "_low", "_high")]
    return summary.assign(**pd.DataFrame(table, columns=columns, index=summary.index))


def add_best(
    summary: pd.DataFrame, runs: pd.DataFrame, by: list[str], unit: str, value: str, among=None
) -> pd.DataFrame:
    """Add by how much the unit with the highest mean of its group leads the second, and whether the interval says so.

    Parameters
    ----------
    summary, runs, by, unit, value
        As of `add_differences`.
    among : collection of str, optional
        The units that compete; all by default.

    Returns
    -------
    pandas.DataFrame
        `summary` with ``<value>_lead`` and its ``_low`` and ``_high``, NaN but of the unit with the highest mean, and
        ``<value>_best``: True of that, if the interval excludes 0.
    """
    wide = _wide(runs, by, unit, value)
    table = []
    for group, name in _keys(summary, by, unit):
        values, lead = wide.get(group), []
        if values is not None:
            values = values[[other for other in values if among is None or other in among]]
            means = values.mean(skipna=False).dropna().sort_values(ascending=False, kind="stable")
            if len(means) > 1 and means.index[0] == name:
                lead = values[name] - values[means.index[1]]
        table.append(paired_interval(lead))
    columns = [f"{value}_lead{end}" for end in ("", "_low", "_high")]
    leads = pd.DataFrame(table, columns=columns, index=summary.index)
    return summary.assign(**leads, **{f"{value}_best": leads[columns[1]] > 0})


def _wide(runs: pd.DataFrame, by: list[str], unit: str, value: str) -> dict[tuple, pd.DataFrame]:
    """Return the values of each group: a row per seed, a column per unit in their order."""
    return {
        group: rows.pivot(index="seed", columns=unit, values=value)[list(dict.fromkeys(rows[unit]))]
        for group, rows in runs.groupby(by, sort=False)
    }


def _keys(summary: pd.DataFrame, by: list[str], unit: str):
    return ((tuple(row[:-1]), row[-1]) for row in summary[[*by, unit]].itertuples(index=False, name=None))
