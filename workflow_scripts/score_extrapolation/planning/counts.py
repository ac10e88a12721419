"""How many images an experiment has, by listing its data set: none is decoded."""

from dataclasses import dataclass

from ..plugins import load_method


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
    """

    train: int
    test: int
    validation: int
    read: int
    classes: int

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
    train = _list_split("train", samples["dataset"], samples["train"], samples["options"])
    n_read = left = len(train.sources)
    held_out = {}
    for split in ("test", "validation"):
        value = samples[split]
        if isinstance(value, float):
            held_out[split] = round(value * n_read)
            left -= held_out[split]
        elif isinstance(value, dict):
            held_out[split] = len(
                _list_split(value["split"], value["dataset"], value["path"], value["options"]).sources
            )
        elif value is not None:
            paths = samples["train"] if value == "given" else value
            held_out[split] = len(_list_split(split, samples["dataset"], paths, samples["options"]).sources)
    n_train = round((samples["share"] or 1) * left)
    return Counts(n_train, held_out.get("test", 0), held_out.get("validation", 0), n_read, len(set(train.labels)))


def _list_split(split: str, dataset: str, paths: list[str] | None, options: dict):
    reader = load_method("datasets", dataset)
    return reader.read_split(split, paths or [], reader.Options(**options))
