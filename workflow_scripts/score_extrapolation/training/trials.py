"""A selection method on trial: how well a network does that is trained on what the method keeps of a subset."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..faults import InputFault
from ..io.tables import SUBSET, read_table, write_blocks
from ..models import load_model
from ..rng import derive_seed
from ..selection import check_kept, count_kept, select_tables
from .checkpoints import CheckpointPlan
from .epochs import EpochPlan, steps_of
from .inference import measure_accuracy
from .launch import train_on
from .recipe import Recipe
from .task import TrainingOutputs, TrainingSet, TrainingTask


@dataclass(frozen=True)
class Candidate:
    """A selection method on trial, and what it selects from.

    Attributes
    ----------
    method : dict
        ``{"name": ..., **options}``, of a selection method that keeps a list and reads one score at most.
    amount : dict
        As of `selection.select_tables`, of all n samples: a rate, or a number to keep, whose rate, 1 - n_kept / n, is
        used here too.
    subset : path
        Columns sample_id and label of the m samples among which is selected.
    scores : path, optional
        Scores of these m, extrapolated from the part nested in the subset; None for a method that reads none.
    tables : dict of str to paths
        What the method needs beside, within the subset.
    """

    method: dict
    amount: dict
    subset: str
    scores: str | None = None
    tables: dict = field(default_factory=dict)


def try_selection(
    candidate: Candidate,
    data: TrainingSet,
    recipe: dict,
    budget: str,
    repeats: int,
    seed: int,
    device: str,
    checkpoints: CheckpointPlan,
    n_processes: int = 1,
) -> dict:
    """Select among the samples of a subset, train on what is kept, and measure the accuracy on all other samples.

    Neither the networks that the scores come of nor the one that is trained here have seen the images that judge.

    Parameters
    ----------
    candidate : Candidate
    data : TrainingSet
        Of all samples.
    recipe : dict
        A `Recipe`.
    budget : {"epochs", "steps"}
        As many epochs of what is kept as the recipe says, or as many steps as a training on the whole subset takes.
    repeats : int
        Selections and trainings, each of a seed of its own: the same ones for every method, so that methods can be
        compared in pairs.
    seed : int
        From which these are derived.
    device : {"auto", "cpu", "cuda"}
    checkpoints : CheckpointPlan
        Each training has a folder in its folder. One that was finished before a kill is repeated.
    n_processes : int
        As of `launch.train_on`.

    Returns
    -------
    dict
        rate; n_kept and n_tested, samples; images_seen, by all trainings together, each as often as it was trained on,
        and images_predicted, to measure them; seconds_before, as of `runs.train_here`; accuracies, in 0..1, one for
        each repeat.

    Raises
    ------
    InputFault
        Fewer than two samples are kept, or as of `selection.select_tables` and `launch.train_on`.

    Notes
    -----
    Cost: `repeats` trainings, and as many passes over the n - m other images.
    """
    ids, subset_ids = (read_table(path, ["sample_id"])["sample_id"] for path in (data.samples, candidate.subset))
    unseen = np.flatnonzero(~np.isin(ids, subset_ids))
    n, m, amount, checked = len(ids), len(subset_ids), candidate.amount, Recipe(**recipe)
    rate = amount["rate"] if "rate" in amount else 1 - check_kept(n, **amount) / n
    n_kept, plan = count_kept(m, rate), EpochPlan(steps_of(m, checked) if budget == "steps" else None)
    if n_kept < 2:
        raise InputFault(
            f"{candidate.method['name']}: a trial at a rate of {rate:.4g} keeps {n_kept} of the {m} samples of the "
            "subset, too few to train on; give a larger subset, or a lower rate"
        )
    accuracies, images_seen, seconds_before = [], 0, 0.0
    with TemporaryDirectory() as folder:
        kept, model = (str(Path(folder, name)) for name in ("kept.parquet", "model.safetensors"))
        for repeat in range(repeats):
            own = derive_seed(seed, f"trials/{repeat}")
            blocks = select_tables(
                candidate.subset, candidate.scores, {"rate": rate}, candidate.method, own, tables=candidate.tables
            )
            write_blocks(kept, SUBSET, {}, blocks)
            task = TrainingTask(
                data=replace(data, samples=kept),
                recipe=recipe,
                seed=own,
                device=device,
                outputs=TrainingOutputs(model),
                checkpoints=replace(checkpoints, folder=f"{checkpoints.folder}/repeat-{repeat}"),
                epochs=plan,
            )
            metrics = train_on(task, n_processes)
            images_seen += metrics["images_seen"]
            seconds_before += metrics["seconds_before"]
            network = load_model(model)
            accuracies.append(
                measure_accuracy(network, data.images, data.samples, checked.precision, device, rows=unseen)
            )
    return {
        "rate": rate,
        "n_kept": n_kept,
        "n_tested": len(unseen),
        "images_seen": images_seen,
        "images_predicted": repeats * len(unseen),
        "seconds_before": seconds_before,
        "accuracies": accuracies,
    }
