"""Write what selections are worth into docs/selection.md, as `evaluation/` of finished experiments has it.

python docs/selection_table.py results/selection_digits results/epochs_digits_*

Each folder fills what the page has of the experiment of its name; what is of others stays as it is. Those whose names
end in numbers of epochs are the rows of one table, which is written as a whole.
"""

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow_scripts"))

import pandas as pd

from pruning_workflow.names import RANDOM, Arm
from pruning_workflow.report import scores_label
from pruning_workflow.study._texts import NONE, difference, number, percent, plus_minus
from score_extrapolation.evaluation import read_csv
from score_extrapolation.io.atomic import read_json

PAGE = Path(__file__).with_name("selection.md")
GOALS = ("chance", "auto")  # selections that are meant to harm nowhere
BUDGETS = {"epochs": "As many epochs of what is kept", "steps": "As many steps as on everything"}


class Results:
    """What the evaluation of an experiment says of its arms.

    Parameters
    ----------
    folder : path
        Results of an experiment, with ``samples`` and ``evaluation``.

    Attributes
    ----------
    summary : dict
        Of the samples.
    accuracies : dict of (arm, rate, budget) to (mean, standard error)
        On test images, in percent.
    differences : dict of (arm, rate, budget) to (mean, low, high)
        From random pruning of the same seed, in points, with the 95 % interval; without `RANDOM` itself.
    works : dict of (arm, rate, budget) to float
        In full trainings.
    n_seeds : int
    """

    def __init__(self, folder: Path):
        self.summary = read_json(folder / "samples/summary.json")
        means = read_csv(folder / "evaluation/retraining_summary.csv")
        pairs = read_csv(folder / "evaluation/retraining_comparison.csv")
        pairs = pairs[pairs["other"] == RANDOM]
        self.n_seeds = int(means["n_seeds"].max())
        self.accuracies = _by_run(means, ["test_accuracy_mean", "test_accuracy_se"])
        self.works = {run: work / 100 for run, (work,) in _by_run(means, ["work_mean"]).items()}
        self.differences = _by_run(pairs, ["difference", "low", "high"])

    def budgets(self) -> list[str]:
        """Return how long was trained, in the order of the config."""
        return list(dict.fromkeys(budget for _, _, budget in self.differences))

    def rates(self) -> list[float]:
        """Return the rates at which something was pruned, increasing."""
        return sorted({rate for _, rate, _ in self.differences})

    def arms(self) -> list[str]:
        """Return the arms but for random: those of a method together, by the truth last."""
        arms = dict.fromkeys(arm for arm, _, _ in self.differences)
        methods = list(dict.fromkeys(Arm.parse(arm).method for arm in arms))
        return sorted(arms, key=lambda arm: (methods.index(Arm.parse(arm).method), is_true(arm)))


def _by_run(table: pd.DataFrame, columns: list[str]) -> dict[tuple, tuple]:
    rows = table[["arm", "rate", "budget", *columns]].itertuples(index=False, name=None)
    return {row[:3]: tuple(100 * value for value in row[3:]) for row in rows}


def is_true(arm: str) -> bool:
    """Say whether an arm prunes by the full data's scores."""
    return Arm.parse(arm).is_true


def name_of(name: str) -> str:
    """Return an arm for people: `chance` by DU, KNN k=20, 20 % subset."""
    arm = Arm.parse(name)
    scored_by = scores_label(arm.score, arm.extrapolator, arm.part) if arm.score else ""
    return f"`{arm.method}`" + (f" by {scored_by}" if scored_by else "")


def in_markdown(rows: list[list[str]]) -> str:
    """Return a table, its head first."""
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def describe(results: Results) -> str:
    """Return a line of what was measured: images, wrong labels, seeds."""
    n, wrong = results.summary["n"], results.summary.get("wrong_labels")
    with_wrong = f", {number(wrong, 0)} of them with a wrong label" if wrong else ""
    seeds = "1 seed" if results.n_seeds == 1 else f"{results.n_seeds} seeds"
    return f"{number(n['train'], 0)} training images{with_wrong}, {number(n['test'], 0)} test images, {seeds}."


def tabulate_accuracy(results: Results, budget: str) -> str:
    """Return random's accuracy and everything's, then every arm's difference from random, a column for each rate."""
    rates = results.rates()
    everything = next(value for (arm, rate, _), value in results.accuracies.items() if (arm, rate) == (RANDOM, 0))
    random = [results.accuracies.get((RANDOM, rate, budget)) for rate in rates]
    rows = [
        ["", *(f"{percent(100 * rate)} pruned" for rate in rates)],
        ["`random`, accuracy (%)", *(plus_minus(*values, 2) if values else NONE for values in random)],
        ["nothing pruned, accuracy (%)", *[plus_minus(*everything, 2)] * len(rates)],
    ]
    for arm in results.arms():
        found = [results.differences.get((arm, rate, budget)) for rate in rates]
        if any(found):
            cells = (difference(*values, 2, bold=excludes_0(*values)) if values else NONE for values in found)
            rows.append([name_of(arm), *cells])
    return in_markdown(rows)


def excludes_0(mean: float, low: float, high: float) -> bool:
    """Say whether an interval has no 0 in it; False of one seed, which has none."""
    return low > 0 or high < 0


def tabulate_goals(results: Results) -> str:
    """Return where the selections of `GOALS` lose to random, where they beat it, and what share of the truth's gain."""
    rows = [
        [
            "Selection",
            "Trained for",
            "Below random where the truth is not",
            "Above random by an interval",
            "Share of the truth's gain, where that is above random by an interval",
        ]
    ]
    arms = results.arms()
    for arm in arms:
        parsed = Arm.parse(arm)
        if parsed.method not in GOALS or is_true(arm):
            continue
        for budget in results.budgets():
            cells = ((rate, results.differences.get((arm, rate, budget))) for rate in results.rates())
            own = {rate: values for rate, values in cells if values}
            # What is chosen by trials has no trials on the full data: GOALS[0] stands in for it.
            names = [str(replace(parsed.by_truth(), method=name)) for name in (parsed.method, GOALS[0])]
            by_truth = next((name for name in names if name in arms), names[0])
            truth = {rate: results.differences.get((by_truth, rate, budget)) for rate in own}
            rows.append([name_of(arm), budget, _below(own, truth), _above(own), _shares(own, truth)])
    return in_markdown(rows)


def _below(own: dict[float, tuple], truth: dict[float, tuple | None]) -> str:
    """Return the rates at which the mean is below 0 and the truth's is not, bold where the interval is below 0 too."""
    rates = []
    for rate, (mean, _, high) in own.items():
        true = truth[rate]
        if mean < 0 and not (true and true[0] < 0):
            text = f"{percent(100 * rate)} ({number(mean, 2)})"
            rates.append(f"**{text}**" if high < 0 else text)
    return ", ".join(rates) or "nowhere"


def _above(own: dict[float, tuple]) -> str:
    return ", ".join(percent(100 * rate) for rate, (_, low, _) in own.items() if low > 0) or "nowhere"


def _shares(own: dict[float, tuple], truth: dict[float, tuple | None]) -> str:
    """Return the ratio of the mean gain to the truth's, in percent, at each rate at which that is sure."""
    gained = {rate: true for rate, true in truth.items() if true and true[1] > 0}
    if not gained:
        return "the truth gains nowhere" if any(truth.values()) else NONE
    return ", ".join(
        f"{percent(100 * rate)}: {number(100 * own[rate][0] / true[0], 0)} %" for rate, true in gained.items()
    )


def tabulate_epochs(by_epochs: dict[int, Results]) -> str:
    """Return what scores cost and what selecting by them gains, a row for each length of training and each arm."""
    first = next(iter(by_epochs.values()))
    runs = [(rate, budget) for budget in first.budgets() for rate in first.rates()]
    rows = [["Epochs", "Selection", "Cost", *(f"{percent(100 * rate)} pruned, {budget}" for rate, budget in runs)]]
    for epochs, results in sorted(by_epochs.items()):
        for arm in results.arms():
            gains = [results.differences.get((arm, *run)) for run in runs]
            cells = [difference(*values, 2, bold=excludes_0(*values)) if values else NONE for values in gains]
            # All but the retraining, which takes as long on what random keeps.
            run = next(run for run in results.works if run[0] == arm)
            cost = results.works[run] - results.works[RANDOM, *run[1:]]
            rows.append([str(epochs), name_of(arm), f"{number(100 * cost, 1)} %", *cells])
    return in_markdown(rows)


def written(text: str, folders: list[Path]) -> str:
    """Return the page with what folders of results say, each between the marks of its name, or of its series."""
    series: dict[str, dict[int, Results]] = {}
    for folder in folders:
        results = Results(folder)
        if of_series := re.fullmatch(r"(epochs_\w+)_(\d+)", folder.name):
            series.setdefault(of_series[1], {})[int(of_series[2])] = results
            continue
        tables = [f"{BUDGETS[budget]}:\n\n{tabulate_accuracy(results, budget)}" for budget in results.budgets()]
        text = fill_in(text, f"goals of {folder.name}", [describe(results), tabulate_goals(results)])
        text = fill_in(text, f"tables of {folder.name}", [describe(results), *tables])
    for name, by_epochs in series.items():
        before = text[slice(*_place(text, f"table of {name}"))]
        if missing := sorted(set(map(int, re.findall(r"^\| (\d+) \|", before, re.M))) - set(by_epochs)):
            sys.exit(f"docs/selection.md has {name} of {missing} epochs too; give the folders of all it should have")
        text = fill_in(text, f"table of {name}", [describe(by_epochs[max(by_epochs)]), tabulate_epochs(by_epochs)])
    return text


def fill_in(text: str, mark: str, parts: list[str]) -> str:
    """Return the page with some paragraphs between the marks of a name."""
    start, end = _place(text, mark)
    return text[:start] + "\n\n".join(parts) + "\n" + text[end:]


def _place(text: str, mark: str) -> tuple[int, int]:
    """Return where between the marks of a name the text begins and ends."""
    begin, end = f"<!-- {mark} -->\n", f"<!-- end of {mark} -->"
    if begin not in text or end not in text:
        sys.exit(f"docs/selection.md has no place for the {mark}; add <!-- {mark} --> and {end}")
    return text.index(begin) + len(begin), text.index(end)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="folders, such as results/selection_digits")
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), parser.parse_args().results), encoding="utf-8")
