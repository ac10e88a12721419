"""Table 4: what adversarial training on what is kept resists, by how it was chosen."""

import pandas as pd

from ..names import RANDOM, Arm
from ..report import arm_label, with_budget
from ._runs import in_percent, is_extrapolated, is_original, of_experiment
from ._statistics import add_differences, summarize
from ._texts import NONE, difference, percent, pivot, plus_minus

CHAPTER = "1 Accuracy"
TITLE = "Table 4. Robust and clean accuracy of adversarial training on what is kept"
NEEDS = ("test", "random", "top", "no_pool", "adversarial", "robustness")
READS = ("retraining", "experiment")
NOTE = (
    "Robust is the share of the attacked test images that are right whatever the attack does, clean that of all test "
    "images as they are; mean ± standard error over seeds, and the difference from random pruning paired by seed with "
    "its 95 % interval, in percentage points. Bold is what is better than random pruning by an interval that excludes "
    "0; at 0 % nothing is pruned."
)
ACCURACIES = {"robust_accuracy_percent": "Robust accuracy (%)", "test_accuracy_percent": "Clean accuracy (%)"}


def tabulate(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per budget, rate and way to choose samples; without pruning all budgets are the same, and one row.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Those of `READS`.

    Returns
    -------
    pandas.DataFrame
        dataset, model, budget, rate_percent (pruned), arm, kind (random, extrapolated or original), attack (AutoAttack
        where it was run, else PGD and its steps; norm and size), n_images (attacked), n_seeds; of
        robust_accuracy_percent and test_accuracy_percent ``_mean``, ``_se`` and ``_difference`` from random in points,
        with ``_low`` and ``_high``.
        Of subsets those drawn at random, of methods ``top``; no rows where nothing was scored.
    """
    runs = in_percent(tables["retraining"])
    strongest = "robust_autoattack_accuracy" if "robust_autoattack_accuracy" in runs else "robust_pgd_accuracy"
    top = runs["method"] == "top"
    kinds = {
        "random": runs["arm"] == RANDOM,
        "extrapolated": is_extrapolated(runs) & top & (runs["sampler"] == RANDOM),
        "original": is_original(runs) & top,
    }
    shown = pd.concat([runs[rows].assign(kind=kind) for kind, rows in kinds.items()])
    if not top.any():
        shown = shown.iloc[:0]
    shown = shown.assign(robust_accuracy_percent=100 * shown[strongest], attack=shown["robust_attack"])
    shown = shown.rename(columns={"robust_images": "n_images"}).assign(pruned=shown["rate_percent"] > 0)
    shown = shown.sort_values(["pruned", "budget", "rate_percent"], kind="stable")
    table = summarize(shown, ["budget", "rate_percent", "arm", "kind", "attack", "n_images"], list(ACCURACIES))
    for accuracy in ACCURACIES:
        table = add_differences(table, shown, ["budget", "rate_percent"], "arm", accuracy, RANDOM)
    return of_experiment(table, tables)


def format_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table for people: a row per budget, rate and way to choose samples."""
    cells = []
    for row in table.to_dict("records"):
        label = arm_label(Arm.parse(row["arm"]))
        name = f"{label}: ground truth" if row["kind"] == "original" else label
        pruned = percent(row["rate_percent"])
        if row["rate_percent"] > 0:
            pruned = with_budget(pruned, row["budget"], table["budget"])
        index = pruned, name, str(row["n_seeds"])
        for accuracy, head in ACCURACIES.items():
            attack = f"{row['attack']}, {row['n_images']:,} images" if accuracy.startswith("robust") else "all images"
            gain, low, high = (row[f"{accuracy}_difference{end}"] for end in ("", "_low", "_high"))
            better = low > 0
            mean = plus_minus(row[f"{accuracy}_mean"], row[f"{accuracy}_se"], 2, better)
            gained = NONE if row["arm"] == RANDOM else difference(gain, low, high, 2, better)
            head = f"{head}\n{attack}"
            cells += [(index, (head, "mean"), mean), (index, (head, "against random"), gained)]
    return pivot(cells, ["Pruned", "Scores", "Seeds"])
