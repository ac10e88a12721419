"""What the classes that an unsupervised training found are worth: against labels, against k-means, by themselves."""

from itertools import combinations

import numpy as np
import pandas as pd

from ..class_matching import clustering_accuracy
from ..io.tables import read_metadata, read_rows, read_table
from ..progress import LOGGER, Progress
from ..rng import derive_seed
from .clusters import agreement_of_labels, kmeans_labels, probe_accuracy, suggest_classes

PROBED = 10_000  # samples, at random, that probes and k-means see
RUN = ["training", "fraction", "sampler", "classes", "tried"]


def tabulate_labels(rows: list[dict], samples: dict) -> pd.DataFrame:
    """Return one row per run that found classes.

    Parameters
    ----------
    rows : list of dict
        training, fraction, sampler, seed, tried (whether with another number of classes than the scores' own), labels
        (path of the found ones, of all samples), embeddings (paths, of each frozen network in turn).
    samples : dict
        Columns sample_id (n,), increasing, and label, -1 of samples without labels.

    Returns
    -------
    pandas.DataFrame
        training, fraction, sampler, seed, tried, classes (that were looked for), classes_found (that have samples),
        accuracy and kmeans_accuracy (in 0..1, as of `class_matching.clustering_accuracy`; k-means with as many
        classes), probe_kappa (as of `clusters.probe_accuracy`), agreement (adjusted Rand index with the same run's
        other seeds, mean; NaN of one seed). The last three are of `PROBED` samples at random where there are more;
        higher is better. Where there are no labels, there is neither of the two accuracies.
    """
    n = len(samples["sample_id"])
    rng = np.random.default_rng(derive_seed(0, "evaluation/found_labels"))
    probed = np.sort(rng.permutation(n)[:PROBED])
    labels, features, clusters, table, found = samples["label"], {}, {}, [], {}
    labelled = labels[0] >= 0  # all samples are, or none
    with Progress(len(rows), "found labels", "runs") as progress:
        for i, row in enumerate(rows):
            classes, n_classes = _read_labels(row["labels"], samples["sample_id"])
            space = tuple(row["embeddings"])
            if space not in features:
                spaces = [
                    read_rows(path, "embedding", samples["sample_id"][probed]).astype(np.float32) for path in space
                ]
                # Of equal embeddings, which vary by 0, nothing is found, as in a training.
                features[space] = np.hstack([values / (values.var(axis=0).mean() ** 0.5 or 1.0) for values in spaces])
            vectors, by_kmeans = features[space], (space, n_classes, row["seed"])
            if labelled and by_kmeans not in clusters:  # which trainings on several parts have in common
                clusters[by_kmeans] = kmeans_labels(vectors, n_classes, row["seed"])
            found[i] = classes[probed]
            described = {key: row[key] for key in ("training", "fraction", "sampler", "seed", "tried")}
            described |= {"classes": n_classes, "classes_found": len(np.unique(classes))}
            if labelled:
                described["accuracy"] = clustering_accuracy(classes, labels)
                described["kmeans_accuracy"] = clustering_accuracy(clusters[by_kmeans], labels[probed])
            table.append(described | {"probe_kappa": probe_accuracy(vectors, found[i], seed=row["seed"])})
            progress.update(1)
    table = pd.DataFrame(table)
    return table.assign(agreement=_agreements(table, found))


def _read_labels(path, sample_ids: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the classes of all samples, and how many were looked for."""
    columns = read_table(path, ["sample_id", "label"])
    if not np.array_equal(columns["sample_id"], sample_ids):
        raise ValueError(f"{path} has not the labels of all samples")
    return columns["label"], int(read_metadata(path)["n_classes"])


def _agreements(table: pd.DataFrame, found: dict[int, np.ndarray]) -> pd.Series:
    """Return of each run the mean agreement with the other seeds of the same, NaN of one seed."""
    means = pd.Series(np.nan, index=table.index)
    for _, of_run in table.groupby(RUN, sort=False):
        pairs = {(i, j): agreement_of_labels(found[i], found[j]) for i, j in combinations(of_run.index, 2)}
        for i in of_run.index:
            own = [value for pair, value in pairs.items() if i in pair]
            means[i] = np.mean(own) if own else np.nan
    return means


def warn_of_classes(table: pd.DataFrame) -> None:
    """Say so where, of the numbers of classes that were tried, another suits the data better than the scores' own.

    Parameters
    ----------
    table : pandas.DataFrame
        As of `tabulate_labels`.
    """
    tried = table[table["tried"]]
    if not len(tried):
        return
    same = (table[RUN[:3]] == tried.iloc[0][RUN[:3]]).all(axis=1)
    means = table[same].groupby("classes")["agreement"].mean()
    own = table[same & ~table["tried"]]["classes"].iloc[0]
    if means.isna().all():
        return
    shown = ", ".join(f"{value:.2f} of {n}" for n, value in means.items())
    numbers = " and ".join([", ".join(map(str, means.index[:-1])), str(means.index[-1])])
    suggested = suggest_classes(means.rename_axis("n_classes").reset_index())
    if suggested is None:
        LOGGER.warning(
            "training.paradigm.classes: none of %s classes are found again with another seed (adjusted Rand index %s): "
            "try others, or a better network in embeddings.pretrained",
            *(numbers, shown),
        )
    elif suggested != own:
        LOGGER.warning(
            "training.paradigm.classes: of %s classes, %d are the most that are found again with another seed "
            "(adjusted Rand index %s); the scores are of %d: write classes: %d unless you know better",
            *(numbers, suggested, shown, own, suggested),
        )
