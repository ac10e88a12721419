"""How well scores are extrapolated, estimated without the truth; what each estimate is of, its name says."""

import numpy as np
import pandas as pd

from ..extrapolators import extrapolate
from ..io.atomic import read_json
from ..io.tables import read_table, rows_of
from ..neighbors import find_scope
from ..progress import Progress
from ..rng import derive_seed
from .agreement import pearson, spearman, tabulate_agreement

FOLDS = 5
RUN = ["score", "extrapolator", "fraction", "sampler", "seed"]


def cross_validate(
    extrapolator: dict,
    needs: tuple[str, ...],
    embeddings: dict,
    subset: dict,
    scores: dict,
    seed: int = 0,
    device: str = "cpu",
) -> dict:
    """Extrapolate to each fifth of the subset from the other four, and correlate with the scores computed there.

    What comes out is how well the scores of THIS training are extrapolated, among samples that it was trained on. It
    says nothing of how far they are from those of a training on everything, which is the larger error.

    Parameters
    ----------
    extrapolator : dict
        ``{"name": ..., **options}``, of those that read no predictions, dynamics or nested tables.
    needs : tuple of str
        The tables that its options say it reads.
    embeddings : dict
        Columns sample_id and embedding, of the subset at least.
    subset : dict
        Columns sample_id (m,), increasing, and label.
    scores : dict
        Columns sample_id and score, of the subset.
    seed : int
        Of the folds and of what the extrapolator draws.
    device : {"auto", "cpu", "cuda"}

    Returns
    -------
    dict
        n (m), folds, pearson and spearman: correlations over all m samples, each extrapolated once; None where they are
        undefined, as of constant scores.

    Raises
    ------
    InputFault
        A fold leaves fewer than k samples.
    """
    ids = subset["sample_id"]
    vectors = {"sample_id": ids, "embedding": embeddings["embedding"][rows_of(embeddings["sample_id"], ids)]}
    known = scores["score"][rows_of(scores["sample_id"], ids)].astype(np.float64)
    fold_of = np.random.default_rng(derive_seed(seed, "evaluation/folds")).permutation(len(ids)) % FOLDS
    tables = {"embeddings": vectors, "samples": subset}
    estimates = np.empty(len(ids))
    with Progress(FOLDS, "cross-validation", "folds") as progress:
        for fold in range(FOLDS):
            rest = fold_of != fold
            tables["subset"] = {name: column[rest] for name, column in subset.items()}
            for name in needs:
                scope = name.removeprefix("neighbors/")
                # Who is near whom among all does not depend on whose scores are known.
                if scope != name and not (scope == "all" and name in tables):
                    k = extrapolator["k"]
                    tables[name], _ = find_scope(scope, vectors, ids[rest], k, subset, "exact", device)
            columns = extrapolate(extrapolator, ids[rest], known[rest], tables, seed, device)
            left_out = ~columns["computed"]
            estimates[rows_of(ids, columns["sample_id"][left_out])] = columns["score"][left_out]
            progress.update(1)
    pair = estimates, known
    return {"n": len(ids), "folds": FOLDS, "pearson": _or_none(pearson(*pair)), "spearman": _or_none(spearman(*pair))}


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def tabulate_estimates(validated: list[dict], nested: list[dict], shifts: list[dict], agreement=None) -> pd.DataFrame:
    """Put the estimates of all runs in one table, beside the truth where it is known.

    Parameters
    ----------
    validated : list of dict
        One per run: score, extrapolator, fraction, sampler, seed, and `metrics`, the path of what `cross_validate`
        returned.
    nested : list of dict
        One per run, with the paths `extrapolated`, scores extrapolated to the subset from the subset nested in it, and
        `truth`, the subset's computed scores.
    shifts : list of dict
        One per training: score, fraction, sampler, seed, and the paths `scores` and `nested_scores`, both computed.
    agreement : pandas.DataFrame, optional
        As `agreement.tabulate_agreement` returns it.

    Returns
    -------
    pandas.DataFrame
        Columns score, extrapolator, fraction, sampler, seed, estimate, n, pearson, spearman and, given the agreement,
        true_pearson and true_spearman: the run's correlations with the truth on the residual set. Estimates are
        ``cross_validation`` (see `cross_validate`), ``nested`` (the whole task done within the subset, from the subset
        nested in it, and compared with the subset's scores on the rest of it) and ``shift`` (no extrapolator: the same
        samples' scores from the nested subset and from the subset; its truth is the subset's scores against those of
        everything).
    """
    table = [
        {**{key: row[key] for key in RUN}, "estimate": "cross_validation", **read_json(row["metrics"])}
        for row in validated
    ]
    if nested:
        runs = tabulate_agreement(nested)
        table += runs[runs["part"] == "residual"].assign(estimate="nested").drop(columns="part").to_dict("records")
    for row in shifts:
        smaller, larger = (read_table(row[key]) for key in ("nested_scores", "scores"))
        pair = smaller["score"], larger["score"][rows_of(larger["sample_id"], smaller["sample_id"])]
        run = {**{key: row.get(key, "none") for key in RUN}, "estimate": "shift", "n": len(pair[0])}
        table.append({**run, "pearson": pearson(*pair), "spearman": spearman(*pair)})
    columns = [*RUN, "estimate", "n", "pearson", "spearman"]
    estimates = pd.DataFrame(table, columns=columns)
    return estimates if agreement is None else _beside_the_truth(estimates, agreement)


def _beside_the_truth(estimates: pd.DataFrame, agreement: pd.DataFrame) -> pd.DataFrame:
    """Add the correlations that the estimates are of."""
    truth = agreement.rename(columns={"pearson": "true_pearson", "spearman": "true_spearman"})
    residual = truth[truth["part"] == "residual"]
    # The subset's own scores are the same for all extrapolators that leave them as computed; what was chosen may not.
    stepped_up = truth["extrapolator"].str.endswith("step_up") | (truth["extrapolator"] == "auto")
    own = truth[(truth["part"] == "subset") & ~stepped_up].drop_duplicates(["score", "fraction", "sampler", "seed"])
    known = pd.concat([residual, own.assign(extrapolator="none")])
    return estimates.merge(known[[*RUN, "true_pearson", "true_spearman"]], how="left", on=RUN)


def choose(estimates: list[dict]) -> str:
    """Return the label of the extrapolator that is expected to agree best with the truth; of equals, the first.

    That with the highest mean of both correlations: of a small subset each by itself is mostly noise.

    Parameters
    ----------
    estimates : list of dict
        extrapolator, and the paths `extrapolated` and `truth` of the nested task, as of `tabulate_estimates`.

    Returns
    -------
    str
    """
    runs = tabulate_agreement(estimates)
    residual = runs[runs["part"] == "residual"].reset_index(drop=True)
    return residual.loc[residual[["pearson", "spearman"]].mean(axis=1).fillna(-np.inf).idxmax(), "extrapolator"]
