"""A selection method on trial: how well a network does that is trained on what the method keeps of a subset."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..faults import InputFault
from ..io.tables import SUBSET, read_table, write_blocks
from ..models import load_model
from ..rng import derive_seed
from ..selection import check_kept, count_kept, select_tables
from .epochs import steps_of
from .inference import measure_accuracy
from .launch import train_on
from .recipe import Recipe


def try_selection(
    method: dict,
    amount: dict,
    samples_path,
    subset_path,
    scores_path,
    tables: dict,
    budget: str,
    repeats: int,
    seed: int,
    checkpoint_path,
    **training,
) -> dict:
    """Select among the samples of a subset, train on what is kept, and measure the accuracy on all other samples.

    Neither the networks that the scores come of nor the one that is trained here have seen the images that judge.

    Parameters
    ----------
    method : dict
        ``{"name": ..., **options}``, of a selection method that keeps a list and reads one score at most.
    amount : dict
        As of `selection.select_tables`, of all n samples: a rate, or a number to keep, whose rate, 1 - n_kept / n, is
        used here too.
    samples_path : path
        All training images, columns sample_id (the rows of the images) and label.
    subset_path : path
        The same columns of the m of them among which is selected.
    scores_path : path or None
        Scores of these m, extrapolated from the part nested in the subset; None for a method that reads none.
    tables : dict of str to paths
        What the method needs beside, within the subset.
    budget : {"epochs", "steps"}
        As many epochs of what is kept as the recipe says, or as many steps as a training on the whole subset takes.
    repeats : int
        Selections and trainings, each of a seed of its own: the same ones for every method, so that methods can be
        compared in pairs.
    seed : int
        From which these are derived.
    checkpoint_path : path
        Folder for where the trainings stand. One that was finished before a kill is repeated.
    **training
        As of `launch.train_on`: images_path, summary_path, recipe, device, code, checkpoints and n_processes.

    Returns
    -------
    dict
        rate; n_kept and n_tested, samples; images_seen, by all trainings together, each as often as it was trained on,
        and images_predicted, to measure them; accuracies, in 0..1, one for each repeat.

    Raises
    ------
    InputFault
        Fewer than two samples are kept, or as of `selection.select_tables` and `launch.train_on`.

    Notes
    -----
    Cost: `repeats` trainings, and as many passes over the n - m other images.
    """
    ids, subset_ids = (read_table(path, ["sample_id"])["sample_id"] for path in (samples_path, subset_path))
    unseen = np.flatnonzero(~np.isin(ids, subset_ids))
    n, m, recipe = len(ids), len(subset_ids), Recipe(**training["recipe"])
    rate = amount["rate"] if "rate" in amount else 1 - check_kept(n, **amount) / n
    n_kept, n_steps = count_kept(m, rate), steps_of(m, recipe) if budget == "steps" else None
    if n_kept < 2:
        raise InputFault(
            f"{method['name']}: a trial at a rate of {rate:.4g} keeps {n_kept} of the {m} samples of the subset, too "
            "few to train on; give a larger subset, or a lower rate"
        )
    accuracies, images_seen = [], 0
    with TemporaryDirectory() as folder:
        kept, model = (str(Path(folder, name)) for name in ("kept.parquet", "model.safetensors"))
        for repeat in range(repeats):
            own = derive_seed(seed, f"trials/{repeat}")
            write_blocks(
                kept, SUBSET, {}, select_tables(subset_path, scores_path, {"rate": rate}, method, own, tables=tables)
            )
            images_seen += train_on(
                samples_path=kept,
                seed=own,
                model_path=model,
                checkpoint_path=f"{checkpoint_path}/repeat-{repeat}",
                n_steps=n_steps,
                **training,
            )["images_seen"]
            accuracies.append(
                measure_accuracy(
                    load_model(model),
                    training["images_path"],
                    samples_path,
                    recipe.precision,
                    training["device"],
                    rows=unseen,
                )
            )
    return {
        "rate": rate,
        "n_kept": n_kept,
        "n_tested": len(unseen),
        "images_seen": images_seen,
        "images_predicted": repeats * len(unseen),
        "accuracies": accuracies,
    }
