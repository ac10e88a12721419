"""How long a pruned training may be, and whether it sees a list of samples or others in each epoch."""

from typing import Literal

import numpy as np

from ..selection import check_kept
from .epochs import EpochPlan, steps_of
from .recipe import Recipe


def retraining_budget(
    images_path,
    recipe: dict,
    budget: Literal["epochs", "steps"],
    redrawn: dict | None = None,
    pool_share: float | None = None,
) -> EpochPlan:
    """Return how long a pruned training is, and which samples its epochs see.

    Parameters
    ----------
    images_path : path
        (n, h, w, c) .npy of all samples, of which only the header is read.
    recipe : dict
        A `Recipe`.
    budget : {"epochs", "steps"}
        As many epochs of what is kept as the recipe says, or as many steps as a training on all samples takes.
    redrawn : dict, optional
        Of a selection that draws anew for each epoch ``{"rate": ...}`` or ``{"n_kept": ...}``, as of
        `selection.check_kept`: an epoch sees as many as would be kept. The table of samples of such a training has all.
        None: its samples are a list that is kept.
    pool_share : float, optional
        As of `EpochPlan`.
    """
    n = len(np.load(images_path, mmap_mode="r"))
    n_steps = {"epochs": None, "steps": steps_of(n, Recipe(**recipe))}[budget]
    return EpochPlan(n_steps, None if redrawn is None else check_kept(n, **redrawn), pool_share)
