"""The forecast as a table of numbers, and as one that people read."""

import pandas as pd

from .break_even import say_seconds

TARGETS = {"kept": "the lists (kept)", "report": "lists and evidence (report)"}
COLUMNS = {
    "jobs": "jobs",
    "jobs_left": "left",
    "seconds_of_a_job": "one job",
    "range": "all jobs, in turn",
    "cpu_hours": "CPU hours",
    "gpu_hours": "GPU hours",
    "memory_mb": "memory, GB",
    "disk_bytes": "disk, MB",
}
NOTE = (
    "Forecast from the experiment in small. One job: the mean. All jobs, in turn: two standard errors less to two "
    "more. CPU hours: hours times cores, of jobs that run on no GPU. Memory: of the largest job. A search for "
    "neighbours is taken to be exact; one of more than 10^10 pairs is approximate, and faster, unless it runs on a GPU."
)


def tabulate_plan(stages: dict[str, list[dict]], clocks: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Return one row per target and stage.

    Parameters
    ----------
    stages : dict
        target -> rows as of `forecast.sum_stages`.
    clocks : dict
        target -> clock_s and clock_left_s, of all jobs and of those that are not done.

    Returns
    -------
    pandas.DataFrame
        target, the columns of those rows, and in the row ``all`` of each target the two clocks.
    """
    rows = [
        {"target": target} | row | (clocks[target] if row["stage"] == "all" else {})
        for target, found in stages.items()
        for row in found
    ]
    return pd.DataFrame(rows)


def format_plan(table: pd.DataFrame) -> pd.DataFrame:
    """Return a plan as texts, for `study.write_html`."""
    texts = pd.DataFrame(
        {
            "jobs": table["jobs"].map("{:,}".format),
            "jobs_left": table["jobs_left"].map("{:,}".format),
            "seconds_of_a_job": table["seconds_of_a_job"].map(say_seconds),
            "range": [
                f"{say_seconds(low)} to {say_seconds(high)}"
                for low, high in zip(table["low_s"], table["high_s"], strict=True)
            ],
            "cpu_hours": table["cpu_hours"].map("{:,.3f}".format),
            "gpu_hours": table["gpu_hours"].map("{:,.3f}".format),
            "memory_mb": (table["memory_mb"] / 1000).map("{:,.1f}".format),
            "disk_bytes": (table["disk_bytes"] / 1e6).map("{:,.1f}".format),
        }
    )
    texts.index = pd.MultiIndex.from_arrays([table["target"].map(TARGETS), table["stage"]], names=["", "stage"])
    return texts.rename(columns=COLUMNS)


def say_clock(table: pd.DataFrame, cores: int) -> list[str]:
    """Return a sentence per target: how long it takes on this machine."""
    sentences = []
    for row in table[table["stage"] == "all"].to_dict("records"):
        left = f", {say_seconds(row['clock_left_s'])} of it still to come" if row["jobs_left"] < row["jobs"] else ""
        sentences.append(f"snakemake {row['target']}: about {say_seconds(row['clock_s'])} on {cores} cores{left}.")
    return sentences
