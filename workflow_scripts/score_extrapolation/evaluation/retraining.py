"""What pruning costs and gives: accuracy of the retrained models, and the time of everything that led to them."""

import pandas as pd

from ..atomic import read_json
from ..config import STAGES
from .intervals import paired_interval

RUN = ("arm", "method", "score", "extrapolator", "fraction", "sampler", "budget", "seed", "rate")
# All stages of the pipeline, and what the smaller task within the subset takes (see `parts`), its stages together.
TIMED = (
    *STAGES[: STAGES.index("scores") + 1],
    "nested",
    *STAGES[STAGES.index("embeddings") : STAGES.index("evaluation")],
)
# Nobody who prunes by scores gets around these two; all other time is what the method adds.
UNAVOIDABLE = ["training_s", "retraining_s"]


def tabulate_retraining(rows: list[dict]) -> pd.DataFrame:
    """Return one row per retrained model: its arm, seed and rate, its accuracies, the seconds of each stage.

    Parameters
    ----------
    rows : list of dict
        arm, method, score, extrapolator, fraction, sampler (the last four None where the method reads no scores),
        budget (how long was trained: ``epochs`` of what is kept, or as many ``steps`` as on everything), seed, rate
        (fraction removed), `metrics` (path of JSON) and `benchmarks` (stage -> paths of Snakemake's TSV).

    Returns
    -------
    pandas.DataFrame
        Those keys, n_kept, test_accuracy and, where measured, validation_accuracy (0..1), ``<stage>_s`` for every
        stage (0 where the arm does without it) and total_s, their sum: wall-clock seconds of jobs, so that work that
        several arms share is counted in full for each.
    """
    seconds = {path: read_seconds(path) for row in rows for paths in row["benchmarks"].values() for path in paths}
    table = []
    for row in rows:
        metrics = read_json(row["metrics"])
        accuracies = {key: metrics[key] for key in ("test_accuracy", "validation_accuracy") if key in metrics}
        times = {f"{stage}_s": sum(seconds[path] for path in row["benchmarks"].get(stage, ())) for stage in TIMED}
        run = {key: row[key] for key in RUN}
        table.append({**run, "n_kept": metrics["n_samples"], **accuracies, **times, "total_s": sum(times.values())})
    return pd.DataFrame(table)


def read_seconds(path) -> float:
    """Return the wall-clock seconds of a job: the mean over repeats of the benchmark's column s."""
    return float(pd.read_csv(path, sep="\t")["s"].mean())


def summarize_retraining(runs: pd.DataFrame) -> pd.DataFrame:
    """Summarise over seeds.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `tabulate_retraining` returns it.

    Returns
    -------
    pandas.DataFrame
        One row per arm, rate and budget in the order of `runs`: n_seeds; mean, standard deviation (ddof 1) and
        standard error of test_accuracy and total_s, NaN for the latter two of a single seed; and unavoidable_share,
        the mean share of total_s that the training on the subset and the retraining take.
    """
    runs = runs.assign(unavoidable_share=runs[UNAVOIDABLE].sum(axis=1) / runs["total_s"])
    groups = runs.groupby(["arm", "rate", "budget"], sort=False)
    columns = {"n_seeds": groups["seed"].nunique()}
    for value in ("test_accuracy", "total_s"):
        for name, statistic in (("mean", "mean"), ("sd", "std"), ("se", "sem")):
            columns[f"{value}_{name}"] = groups[value].agg(statistic)
    return pd.DataFrame({**columns, "unavoidable_share": groups["unavoidable_share"].mean()}).reset_index()


def compare_arms(runs: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Compare the accuracies of arms seed by seed, each with random and with the same selection by full-data scores.

    At one seed two arms begin with the same initial weights; what a difference says is said by its interval.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `tabulate_retraining` returns it.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        One row per pair of arms, rate and budget: arm, other, rate, budget, n_seeds, difference (mean of test_accuracy
        of the arm less that of the other), low and high (its interval as of `paired_interval`; NaN of a single seed).
    """
    accuracy = runs.set_index(["arm", "rate", "budget", "seed"])["test_accuracy"].sort_index()
    table = []
    for arm, rate, budget in runs[["arm", "rate", "budget"]].drop_duplicates().itertuples(index=False):
        method, score, *_ = [*arm.split("/"), None]
        for other in dict.fromkeys(("random", f"{method}/{score}/computed/fraction-100")):
            if other == arm or (other, rate, budget) not in accuracy:
                continue
            differences = (accuracy[arm, rate, budget] - accuracy[other, rate, budget]).dropna()
            mean, low, high = paired_interval(differences, confidence)
            row = {"arm": arm, "other": other, "rate": rate, "budget": budget, "n_seeds": len(differences)}
            table.append({**row, "difference": mean, "low": low, "high": high})
    return pd.DataFrame(table, columns=["arm", "other", "rate", "budget", "n_seeds", "difference", "low", "high"])
