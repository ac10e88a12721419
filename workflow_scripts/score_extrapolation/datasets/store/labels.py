"""Classes of the labels, and which training samples go to another split."""

import numpy as np

from ...faults import InputFault
from .. import Split


def map_labels(splits: dict[str, Split]) -> tuple[list[str], dict[str, np.ndarray]]:
    """Number the classes 0..C-1, alike in all splits.

    Parameters
    ----------
    splits : dict of Split
        ``"train"`` first. The first that has labels defines the classes.

    Returns
    -------
    classes : list of str, (C,)
        The defining split's own names, or those of another split where it has none, if its labels are their
        indices (a named class may then have no sample); otherwise its labels, sorted, integers as numbers. Empty where
        no split has any.
    labels : dict of (n,) int64
        Per split; -1 in those without labels.

    Raises
    ------
    InputFault
        A split is empty or has negative labels; the defining split has one class only, or lacks a class that
        another split has; two splits name their classes differently, or one names fewer than the defining split has.
    """
    for name, split in splits.items():
        if not len(split.sources):
            raise InputFault(f"samples.{name}: there are no samples; give a path that has some")
    unlabelled = {name: np.full(len(split.sources), -1) for name, split in splits.items() if split.labels is None}
    splits = {name: split for name, split in splits.items() if split.labels is not None}
    if not splits:
        return [], unlabelled
    first = next(iter(splits))
    raw = {name: _checked(name, split, first, splits[first]) for name, split in splits.items()}
    present, counts = np.unique(raw[first], return_counts=True)
    if len(present) < 2:
        raise InputFault(
            f"samples.{first}: all {counts[0]} samples are of one class, {present[0]}; give samples of two or more"
        )
    for name, labels in raw.items():
        unknown = labels[~np.isin(labels, present)]
        if len(unknown):
            raise InputFault(
                f"samples.{name}: {np.sum(unknown == unknown[0])} samples are of the class {unknown[0]}, which "
                f"samples.{first} lacks; add it there or remove it here"
            )
    names = _find_names(splits, first, present)
    if names and present.dtype.kind in "iu" and present[-1] < len(names):
        return list(names), unlabelled | {name: labels.astype(np.int64) for name, labels in raw.items()}
    return [str(value) for value in present], unlabelled | {
        name: np.searchsorted(present, labels).astype(np.int64) for name, labels in raw.items()
    }


def _checked(name: str, split: Split, first: str, defining: Split) -> np.ndarray:
    labels = np.asarray(split.labels)
    kind, wanted = ("integers" if np.asarray(s.labels).dtype.kind in "iu" else "strings" for s in (split, defining))
    if kind != wanted:
        raise InputFault(f"samples.{name}: its labels are {kind}, but samples.{first} has {wanted}; give one kind")
    if kind == "integers" and labels.min() < 0:
        first_negative = split.sources[int(np.argmax(labels < 0))]
        raise InputFault(
            f"samples.{name}: {np.sum(labels < 0)} labels are negative (first {first_negative}); "
            "remove unlabelled samples, classes begin at 0"
        )
    return labels


def _find_names(splits: dict[str, Split], first: str, present: np.ndarray) -> list[str] | None:
    """Return the names of the first split that has any; `present` are the labels of the defining one, sorted."""
    named = {name: split.class_names for name, split in splits.items() if split.class_names}
    if not named:
        return None
    naming, names = next(iter(named.items()))
    for name, others in named.items():
        if others != names:
            raise InputFault(
                f"samples.{name}: its classes are named otherwise than in samples.{naming}, so that equal numbers may "
                "mean different classes; give splits of one data set"
            )
    if naming != first and present.dtype.kind in "iu" and present[-1] >= len(names):
        raise InputFault(
            f"samples.{naming}: it has {len(names)} classes, but samples.{first} has the label {present[-1]}, so that "
            "equal numbers may mean different classes; give splits of one data set"
        )
    return names


def draw_fraction(labels: np.ndarray, free: np.ndarray, fraction: float, seed: int, key: str) -> np.ndarray:
    """Draw samples out of the training split, each class in proportion.

    Parameters
    ----------
    labels : (n,) int64
        Of the training split as read; without labels, -1 of all, they are as if of one class.
    free : (n,) bool
        Samples that no other split has taken.
    fraction : float
        In (0, 1), of all n samples.
    seed : int
        Of this draw alone.
    key : str
        The config key that asks for it, for the sentence of a fault.

    Returns
    -------
    (round(fraction * n),) int64
        Sorted rows. A class of n_c samples gives fraction * n_c, rounded so that the total holds (largest
        remainder; ties: lower class), but keeps at least one.

    Raises
    ------
    InputFault
        The total is 0, or more than leaves a sample of every class.
    """
    labels, wanted = np.maximum(labels, 0), round(fraction * len(labels))
    spare = np.maximum(np.bincount(labels[free], minlength=labels.max() + 1) - 1, 0)
    if not 0 < wanted <= spare.sum():
        raise InputFault(
            f"{key} = {fraction} asks for {wanted} of {len(labels)} training samples; give a fraction that takes 1 to "
            f"{spare.sum()}, so that each class keeps one for training"
        )
    quota = fraction * np.bincount(labels)
    taken = np.minimum(np.floor(quota).astype(np.int64), spare)
    by_remainder = np.argsort(np.floor(quota) - quota, kind="stable")
    while taken.sum() < wanted:  # one round, unless a class had too few to spare
        open_classes = by_remainder[(taken < spare)[by_remainder]]
        taken[open_classes[: wanted - taken.sum()]] += 1
    rng = np.random.default_rng(seed)
    rows = [
        rng.choice(np.flatnonzero(free & (labels == label)), size=n, replace=False)
        for label, n in enumerate(taken)
        if n
    ]
    return np.sort(np.concatenate(rows))


def draw_unused(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draw the samples that are left out where only a share is used, each class in proportion.

    Parameters
    ----------
    labels : (n,) int64
        As of `draw_fraction`.
    share : float
        In (0, 1), of the samples that stay.
    seed : int

    Returns
    -------
    (n - round(share * n),) int64
        Sorted rows, as of `draw_fraction`: each class keeps at least one.

    Raises
    ------
    InputFault
        Fewer would stay than there are classes.
    """
    labels = np.maximum(labels, 0)
    n_used, n_classes = round(share * len(labels)), len(np.unique(labels))
    if n_used < n_classes:
        raise InputFault(
            f"samples.share = {share} leaves {n_used} of {len(labels)} training samples, and there are {n_classes} "
            f"classes; give {n_classes / len(labels):.2g} or more"
        )
    if n_used == len(labels):
        return np.zeros(0, np.int64)
    free = np.ones(len(labels), bool)
    return draw_fraction(labels, free, 1 - n_used / len(labels), seed, "samples.share")


def draw_wrong(labels: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw samples, and for each the label of another class.

    Parameters
    ----------
    labels : (n,) int64
        Of the training samples.
    share : float
        In (0, 1), of them.
    seed : int
        Of this draw alone.

    Returns
    -------
    rows : (round(share * n),) int64
        Sorted; each sample is as likely, whatever its class.
    wrong : (round(share * n),) int64
        Never the label that the row has; each other class that has training samples is as likely.

    Raises
    ------
    InputFault
        That is no sample, or all samples are of one class.
    """
    n_wrong, present = round(share * len(labels)), np.unique(labels)
    if not n_wrong:
        raise InputFault(
            f"samples.wrong_labels = {share} of {len(labels)} training samples is none of them; give "
            f"{1 / len(labels):.2g} or more, or null"
        )
    if len(present) < 2:
        raise InputFault(
            f"samples.wrong_labels = {share}, but all training samples are of one class; give samples of two or more, "
            "or write null"
        )
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(len(labels), size=n_wrong, replace=False))
    places = np.searchsorted(present, labels[rows]) + rng.integers(1, len(present), size=n_wrong)
    return rows, present[places % len(present)]
