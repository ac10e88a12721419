"""What pruning costs and gives: accuracy of the retrained models, and time and work of everything that led to them."""

import os

import pandas as pd

from score_extrapolation.evaluation.intervals import paired_interval
from score_extrapolation.io.atomic import read_json

from ..config import STAGES
from ..lineage import Lineage, stage_of
from ..names import RANDOM, Arm
from ..record import Record

RUN = ("arm", "method", "score", "extrapolator", "fraction", "sampler", "budget", "seed", "rate")
# All stages that lead to a retrained model; what the smaller task within the subset takes, its stages together (see
# `lineage.stage_of`); and the trials that a selection method is chosen by.
TIMED = (
    *STAGES[: STAGES.index("scores") + 1],
    "nested",
    *STAGES[STAGES.index("embeddings") : STAGES.index("selection")],
    "trials",
    "selection",
    "retraining",
)
# Accuracies of attacked images, each of those that resist all before.
ROBUST = ("robust_clean_accuracy", "robust_pgd_accuracy", "robust_autoattack_accuracy")
# Nobody who prunes by scores gets around these two; all other time is what the method adds.
UNAVOIDABLE = ("training", "retraining")


def tabulate_retraining(rows: list[dict], summary: dict, lineage: Lineage, folder) -> pd.DataFrame:
    """Return one row per retrained model: its arm, seed and rate, its accuracies, the seconds of each stage, its work.

    Parameters
    ----------
    rows : list of dict
        arm, method, score, extrapolator, fraction, sampler (the last four None where the method reads no scores),
        budget (how long was trained: ``epochs`` of what is kept, or as many ``steps`` as on everything), seed, rate
        (fraction removed; None where it follows from a number to keep, to four digits), `metrics` (path of JSON),
        `robustness` (path of what `robustness.evaluate` measured, or None or left out). Those of the arm random at rate
        0 are trainings without pruning.
    summary : dict
        As of `datasets.store.preparation.prepare_samples`.
    lineage : Lineage
        Of the experiment.
    folder : path
        Of its results.

    Returns
    -------
    pandas.DataFrame
        Those keys, n_kept, test_accuracy and, where measured, validation_accuracy (0..1); where measured robust_images,
        how many test images were attacked, robust_attack, the strongest attack in words, and of these images
        robust_clean_accuracy and under each attack robust_pgd_accuracy and robust_autoattack_accuracy (0..1), a share
        that resists this attack and all before; ``<stage>_s`` for every stage (0 where the arm does without it) and
        total_s, their sum: wall-clock seconds of jobs, so that what several arms share is counted in full for each;
        training_work, retraining_work and work, of these two stages and of all, in units of the training without
        pruning of that seed (>= 0, see `lineage`; NaN without such a training, and where no images tell the cost).

    Raises
    ------
    InputFault
        What a job cost was not noted.
    """
    jobs = [lineage.leading_to(os.path.relpath(row["metrics"], folder)) for row in rows]
    without_pruning = {
        row["seed"]: made[-1].images
        for row, made in zip(rows, jobs, strict=True)
        if row["arm"] == RANDOM and row["rate"] == 0
    }
    table, n = [], summary["n"]["train"]
    for row, made in zip(rows, jobs, strict=True):
        metrics = read_json(row["metrics"])
        accuracies = {key: metrics[key] for key in ("test_accuracy", "validation_accuracy") if key in metrics}
        stages = by_stage(made, Arm.parse(row["arm"]))
        times = {f"{stage}_s": sum(job.seconds for job in stages.get(stage, ())) for stage in TIMED}
        unit = without_pruning.get(row["seed"], float("nan"))
        works = {f"{stage}_work": sum(job.images for job in stages.get(stage, ())) / unit for stage in UNAVOIDABLE}
        works["work"] = sum(job.images for job in made) / unit
        run = {key: row[key] for key in RUN} | {"n_kept": metrics["n_samples"]}
        if row["rate"] is None:
            run["rate"] = round((n - run["n_kept"]) / summary.get("n_pool", n), 4)
        robust = read_robustness(row["robustness"]) if row.get("robustness") else {}
        times["total_s"] = sum(times.values())
        table.append({**run, **accuracies, **robust, **times, **works})
    return pd.DataFrame(table)


def read_robustness(path) -> dict:
    """Return the columns of one model's robustness: numbers, and the strongest attack as people name it."""
    measured = read_json(path)
    attack = "AutoAttack" if "autoattack" in measured else f"PGD-{measured['pgd_steps']}"
    named = f"{attack}, {measured['norm']} {measured['epsilon']:g}/255"
    return {"robust_images": measured["robust_images"], "robust_attack": named} | {
        key: measured[key] for key in ROBUST if key in measured
    }


def by_stage(jobs: list[Record], arm: Arm) -> dict[str, list[Record]]:
    """Return the jobs that led to what an arm keeps, by the stages that their costs belong to."""
    # Scores that need no training have no smaller task; a training of theirs found the labels that are learned.
    part = None if arm.is_training_free else arm.part
    found: dict[str, list[Record]] = {}
    for job in jobs:
        found.setdefault(stage_of(job, part), []).append(job)
    return found


def summarize_retraining(runs: pd.DataFrame) -> pd.DataFrame:
    """Summarise over seeds.

    Parameters
    ----------
    runs : pandas.DataFrame
        As `tabulate_retraining` returns it.

    Returns
    -------
    pandas.DataFrame
        One row per arm, rate and budget in the order of `runs`: n_seeds; mean, standard deviation (ddof 1) and standard
        error of test_accuracy, of the robust accuracies that there are, of total_s and of work, NaN for the latter two
        of a single seed; and unavoidable_share, the mean share of total_s that the training on the subset and the
        retraining take.
    """
    runs = runs.assign(unavoidable_share=runs[[f"{stage}_s" for stage in UNAVOIDABLE]].sum(axis=1) / runs["total_s"])
    groups = runs.groupby(["arm", "rate", "budget"], sort=False)
    columns = {"n_seeds": groups["seed"].nunique()}
    for value in ("test_accuracy", *(column for column in ROBUST if column in runs), "total_s", "work"):
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
        of the arm less that of the other), low and high (its interval as of `paired_interval`; NaN of a single seed);
        the same of each robust accuracy that there is, as ``<accuracy>_difference``, ``_low`` and ``_high``.
    """
    robust = [column for column in ROBUST if column in runs]
    names: dict[str, tuple[str, ...]] = {"test_accuracy": ("difference", "low", "high")}
    names |= {column: tuple(f"{column}_{end}" for end in names["test_accuracy"]) for column in robust}
    accuracies = runs.set_index(["arm", "rate", "budget", "seed"])[list(names)].sort_index()
    pairs = runs[["arm", "rate", "budget"]].drop_duplicates()
    known = set(pairs.itertuples(index=False, name=None))
    table = []
    for arm, rate, budget in pairs.itertuples(index=False, name=None):
        for other in dict.fromkeys((RANDOM, str(Arm.parse(arm).by_truth()))):
            if other == arm or (other, rate, budget) not in known:
                continue
            differences = (accuracies.loc[arm, rate, budget] - accuracies.loc[other, rate, budget]).dropna()
            row = {"arm": arm, "other": other, "rate": rate, "budget": budget, "n_seeds": len(differences)}
            for value, columns in names.items():
                row |= zip(columns, paired_interval(differences[value], confidence), strict=True)
            table.append(row)
    compared = ["arm", "other", "rate", "budget", "n_seeds", *(column for own in names.values() for column in own)]
    return pd.DataFrame(table, columns=compared)
