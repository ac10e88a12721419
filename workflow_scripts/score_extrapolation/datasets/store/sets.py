"""The sets of images that a config names, each listed by its reader."""

from dataclasses import dataclass, field, replace

from ...faults import InputFault
from ...plugins import load_method
from .. import Split

POOL = "pool"  # a set that is read after all others, into the training set


@dataclass(frozen=True)
class Sources:
    """The sets of images that a store is made of.

    Attributes
    ----------
    dataset : str
        Name of a reader, a file of ``datasets/readers/``.
    train : list of str
        The reader's paths; empty for a reader that needs none.
    test, validation : "given", float, list of str, dict or None
        The data set's own split; a fraction of the training samples as read, drawn in proportion to the
        classes (before bad images are dropped); other paths; a set that is read otherwise than the training set, by
        its ``dataset``, ``path`` (list of str or None), ``split`` and ``options``; no such split.
    pool : dict, optional
        A further set of the same classes, described as one of `test` is. Its images are the last of the training set.
    options : dict
        The reader's own settings.
    labelled : bool
        False: labels of the training set and of the pool are not read and need not be there; -1 is written. Sets of
        test and validation that are read by themselves have theirs.
    """

    dataset: str
    train: list[str] = field(default_factory=list)
    test: str | float | list[str] | dict | None = None
    validation: str | float | list[str] | dict | None = None
    pool: dict | None = None
    options: dict = field(default_factory=dict)
    labelled: bool = True

    def others(self) -> dict:
        """Return test and validation by name."""
        return {"test": self.test, "validation": self.validation}


def read_set(split: str, dataset: str, path: list[str] | None, options: dict, labelled: bool = True) -> Split:
    """Return one set as its reader lists it.

    Parameters
    ----------
    split : str
        As the reader knows it.
    dataset : str
        Name of a reader, a file of this folder.
    path : list of str or None
    options : dict
        The reader's own settings.
    labelled : bool
        False: labels are not read and need not be there.

    Raises
    ------
    InputFault
        The reader's.
    """
    reader = load_method("datasets", dataset)
    settings = reader.Options(**options)
    if labelled:
        return reader.read_split(split, path or [], settings)
    read = getattr(reader, "read_unlabelled", reader.read_split)
    return replace(read(split, path or [], settings), labels=None, class_names=None)


def read_splits(dataset: str, train: list[str], others: dict, options: dict, labelled: bool) -> dict[str, Split]:
    """Return the training set and those of `others` that are sets of their own, by name.

    Parameters
    ----------
    dataset, train, options, labelled
        As of `Sources`.
    others : dict
        Name -> as test, validation and pool of `Sources`.

    Raises
    ------
    InputFault
        A reader's; no path is given to one that needs it, or the data set has no split of its own that is asked for.
    """
    reader = load_method("datasets", dataset)
    if reader.NEEDS_PATH and not train:
        raise InputFault(f"samples.train: {dataset} reads files, but no path is given; give a file or folder")
    splits = {"train": read_set("train", dataset, train, options, labelled)}
    for name, value in others.items():
        if isinstance(value, dict):
            splits[name] = _read_other(name, value, labelled or name != POOL)
        if value == "given" and name not in reader.SPLITS:
            raise InputFault(
                f"samples.{name}: given, but {dataset} has no {name} split of its own; give a fraction or paths"
            )
        if value == "given" or isinstance(value, list):
            splits[name] = read_set(name, dataset, train if value == "given" else value, options)
        if value == "given" and splits[name].sources[:1] == splits["train"].sources[:1]:
            raise InputFault(
                f"samples.{name}: given, but {', '.join(train)} has no {name} set of its own: it begins with "
                f"{splits[name].sources[0]}, which is of samples.train; give a fraction or paths"
            )
    return splits


def _read_other(name: str, value: dict, labelled: bool) -> Split:
    """Read a set that is read otherwise than the training set: of test, of validation, or a pool."""
    dataset, split = value["dataset"], value["split"]
    if load_method("datasets", dataset).NEEDS_PATH and not value["path"]:
        raise InputFault(f"samples.{name}.path: {dataset} reads files, but no path is given; give a file or folder")
    try:
        return read_set(**value, labelled=labelled)
    except InputFault as fault:  # readers speak of samples.SPLIT and samples.options, but this set's stand elsewhere
        text = str(fault).replace(f"samples.{split}:", f"samples.{name}:", 1)
        raise InputFault(text.replace("samples.options.", f"samples.{name}.options.")) from fault
