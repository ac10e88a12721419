"""The figures of agreement with the truth: what it is, and what it was estimated to be."""

import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D

from ..names import RANDOM, Part
from . import family, method_label, split_label, subset_label
from .figures import MEAN_AND_SPREAD, SEED_DOTS, mean_text
from .style import BLACK, BLUE, SKY, VERMILION, drawing_panels

SUBSET_DASHES = {"marker": "_", "markersize": 16, "markeredgewidth": 1.2, "linestyle": "none"}


def plot_agreement(agreement: pd.DataFrame, ceiling: pd.DataFrame, path) -> None:
    """Draw how Pearson and Spearman with the truth depend on k: a panel per score and fraction, each seed a dot.

    Parameters
    ----------
    agreement : pandas.DataFrame
        As `evaluation.agreement.tabulate_agreement` returns it. Dashes: the agreement of the scores of the subset, that
        of the training alone, no extrapolation in it; where they were stepped up, after that.
    ceiling : pandas.DataFrame
        As `evaluation.agreement.tabulate_ceiling` returns it; may have no rows. Dotted: its mean over pairs of seeds.
    path : path
    """
    panels = _panels_of_subsets(agreement)
    heading = f"Correlation with the true scores, {mean_text(agreement)}"
    keys = [
        Line2D([], [], color=color, label=f"{statistic}, {part}", **look)
        for part, look in (
            ("extrapolated (residual set)", {"marker": "o", "markersize": 7}),
            ("scores of the subset", SUBSET_DASHES),
            *([("truth of another seed", {"linestyle": ":", "linewidth": 1.5})] if len(ceiling) else []),
        )
        for statistic, color in (("Pearson", BLUE), ("Spearman", VERMILION))
    ]
    with drawing_panels(path, heading, list(panels), ("", "Correlation with the truth"), keys) as (_, grid):
        for axes, panel in zip(grid, panels.values(), strict=True):
            _draw_agreement(axes, panel, ceiling[ceiling["score"] == panel["score"].iloc[0]])


def _panels_of_subsets(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each score and subset by their title."""
    samplers = table.get("sampler", RANDOM)
    groups = table.assign(sampler=samplers).groupby(["score", "fraction", "sampler"], sort=False)
    return {
        f"{method_label(score)}, {subset_label(Part(fraction, sampler=sampler))}": panel
        for (score, fraction, sampler), panel in groups
    }


def _draw_agreement(axes, panel: pd.DataFrame, ceiling: pd.DataFrame) -> None:
    """Draw one panel: extrapolators side by side, those that differ in k alone joined by a line."""
    panel = panel.assign(family=panel["extrapolator"].map(family))
    labels = sorted(set(panel["extrapolator"]), key=lambda label: (family(label), split_label(label)[1] or 0))
    subset = panel[panel["part"] == "subset"].groupby("extrapolator")
    for shift, statistic, color in ((-0.06, "pearson", BLUE), (0.06, "spearman", VERMILION)):
        for _, alike in panel[panel["part"] == "residual"].groupby("family"):
            x = alike["extrapolator"].map(labels.index) + shift
            axes.scatter(x, alike[statistic], edgecolor=color, **SEED_DOTS)
            sns.lineplot(x=x, y=alike[statistic], ax=axes, color=color, marker="o", markersize=7, **MEAN_AND_SPREAD)
        axes.plot(range(len(labels)), subset[statistic].mean()[labels], color=color, **SUBSET_DASHES)
        if len(ceiling):
            axes.axhline(ceiling[statistic].mean(), color=color, linestyle=":", linewidth=1.5)
    axes.axhline(0, color=BLACK, linewidth=0.8)
    _name_extrapolators(axes, labels)


def plot_estimates(estimates: pd.DataFrame, path) -> None:
    """Draw what was estimated of each extrapolator without the truth, beside the truth where it is known.

    Parameters
    ----------
    estimates : pandas.DataFrame
        As `evaluation.estimates.tabulate_estimates` returns it. Drawn is the mean of both correlations, by which `auto`
        chooses: a panel per score and fraction, mean and standard deviation over seeds.
    path : path
    """
    estimates = estimates.assign(value=estimates[["pearson", "spearman"]].mean(axis=1))
    of_extrapolators = estimates[estimates["estimate"] != "shift"]
    looks = {
        "nested": {"label": "within the subset, from the one nested in it", "color": VERMILION, "marker": "s"},
        "cross_validation": {"label": "cross-validated on the subset", "color": SKY, "marker": "^"},
    }
    looks = {name: look for name, look in looks.items() if (of_extrapolators["estimate"] == name).any()}
    if "true_pearson" in estimates:
        run = [name for name in ("score", "fraction", "sampler", "extrapolator", "seed") if name in of_extrapolators]
        truth = of_extrapolators.drop_duplicates(run)
        truth = truth.assign(estimate="truth", value=truth[["true_pearson", "true_spearman"]].mean(axis=1))
        of_extrapolators = pd.concat([of_extrapolators, truth])
        looks["truth"] = {"label": "truth: with the full data's scores", "color": BLACK, "marker": "o"}
    panels = _panels_of_subsets(of_extrapolators)
    heading = f"Agreement estimated without the truth, {mean_text(of_extrapolators)}"
    keys = [Line2D([], [], linestyle="none", markersize=7, **look) for look in looks.values()]
    with drawing_panels(path, heading, list(panels), ("", "Mean of Pearson and Spearman"), keys) as (_, grid):
        for axes, panel in zip(grid, panels.values(), strict=True):
            labels = sorted(set(panel["extrapolator"]), key=lambda label: (family(label), split_label(label)[1] or 0))
            for shift, (name, look) in zip((-0.15, 0, 0.15), looks.items(), strict=False):
                values = panel[panel["estimate"] == name].groupby("extrapolator")["value"].agg(["mean", "std"])
                x = [labels.index(label) + shift for label in values.index]
                bars = {"yerr": values["std"], "elinewidth": 0.9, "capsize": 2.5, "markersize": 7}
                axes.errorbar(x, values["mean"], linestyle="none", **bars, **look)
            axes.axhline(0, color=BLACK, linewidth=0.8)
            _name_extrapolators(axes, labels)


def _name_extrapolators(axes, labels: list[str]) -> None:
    """Write extrapolators below the axis, a word a line where there are many."""
    axes.set_xticks(range(len(labels)), [method_label(label).replace(" ", "\n") for label in labels])
    axes.tick_params(axis="x", labelsize=8 if len(labels) > 6 else 10)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_xlabel("")
