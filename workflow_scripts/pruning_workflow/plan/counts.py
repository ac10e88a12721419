"""How many images an experiment has, by listing its data set: none is decoded."""

from dataclasses import dataclass

from score_extrapolation.datasets.store.sets import read_splits


@dataclass(frozen=True)
class Counts:
    """Images of an experiment, or of a small copy of it.

    Attributes
    ----------
    train, test, validation : int
        Of each split, after what is split off and `samples.share`; 0 where there is none.
    read : int
        Images that the training set's own files hold, of which those that are split off are a part.
    classes : int
        0 of images without labels.
    """

    train: int
    test: int
    validation: int
    read: int
    classes: int

    def most_in_a_copy(self) -> int:
        """Return how many training images a copy can have, whose test sets are split off the same files."""
        return min(self.train, self.read * self.train // (self.train + self.test + self.validation))

    def scaled(self, share: float) -> "Counts":
        """Return a share, in (0, 1], of each split."""
        return Counts(
            round(share * self.train), round(share * self.test), round(share * self.validation), self.read, self.classes
        )


def count_samples(samples: dict) -> Counts:
    """List a data set.

    Parameters
    ----------
    samples : dict
        The section of a validated config. Sets that are images of another kind or place are listed by their readers.

    Returns
    -------
    Counts

    Raises
    ------
    InputFault
        A reader's: files are missing or are not what they should be.

    Notes
    -----
    Time and memory are those of the readers' listing. Images that turn out to be bad are counted.
    """
    others = {split: samples[split] for split in ("test", "validation")}
    splits = read_splits(samples["dataset"], samples["train"] or [], others, samples["options"], samples["labelled"])
    n = {name: len(split.sources) for name, split in splits.items()}
    split_off = {name: round(value * n["train"]) for name, value in others.items() if isinstance(value, float)}
    n_train = round((samples["share"] or 1) * (n["train"] - sum(split_off.values())))
    held_out = {"test": 0, "validation": 0} | n | split_off
    labels = splits["train"].labels
    n_classes = 0 if labels is None else len(set(labels))
    return Counts(n_train, held_out["test"], held_out["validation"], n["train"], n_classes)
