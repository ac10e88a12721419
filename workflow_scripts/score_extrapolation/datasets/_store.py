"""The sample store: every split decoded once into one uint8 array, so that no later stage decodes an image."""

import math
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import numpy as np

from ..atomic import write_json
from ..faults import InputFault
from ..plugins import Section, load_method
from ..progress import LOGGER
from ..rng import derive_seed
from ..tables import SAMPLES, write_table
from . import Split
from ._arrays import GrowingArray, growing_array
from ._decode import decode_split, find_form
from ._labels import draw_fraction, draw_unused, map_labels

NAMES = ("train", "test", "validation")
UNUSED = "unused"  # in the place of a split: left out
POOL = "pool"  # a set that is read after all others, into the training set
NONE_LEFT = (
    "samples.on_bad_image: drop leaves no sample of {}, since none can be decoded; mend these images or remove them "
    "from the data set"
)


def prepare_samples(
    dataset: str,
    train: list[str],
    test: str | float | list[str] | dict | None,
    validation: str | float | list[str] | dict | None,
    options: dict,
    folder: str | os.PathLike,
    share: float | None = None,
    image_size: int | list[int] | None = None,
    fit: str = "crop",
    channels: int | None = None,
    on_bad_image: str = "fail",
    seed: int = 0,
    mean: list[float] | None = None,
    std: list[float] | None = None,
    threads: int = 1,
    pool: dict | None = None,
    labelled: bool = True,
) -> dict:
    """Decode a data set into one array and one table per split.

    Written to `folder`, all whole or not at all: ``{split}.npy``, uint8 (n, H, W, C), row i is sample_id i;
    ``{split}.parquet`` (sample_id, label, source); ``summary.json``. They do not depend on `threads`.

    Parameters
    ----------
    dataset : str
        Name of a reader, a file of this folder.
    train : list of str
        The reader's paths; empty for a reader that needs none.
    test, validation : "given", float, list of str, dict or None
        The data set's own split; a fraction of the training samples as read, drawn in proportion to the
        classes (before bad images are dropped); other paths; a set that is read otherwise than the training set, by
        its ``dataset``, ``path`` (list of str or None), ``split`` and ``options``; no such split.
    options : dict
        The reader's own settings.
    folder : path
        Made if need be.
    share : float, optional
        In (0, 1): of the training samples that no other split takes only so many are used, drawn in proportion to the
        classes. None: all.
    image_size : int or [height, width], optional
        None: all images must have the size of the first.
    fit : {"crop", "stretch"}
        See `decode_image`.
    channels : {1, 3}, optional
        None: 1 where the reader gives arrays of one channel, otherwise 3.
    on_bad_image : {"fail", "drop"}
        What to do about an image that cannot be decoded.
    seed : int
        Of the draw of fractions and of the share.
    mean, std : list of float, (C,), optional
        Per channel, in 0..1; computed over the training pixels where None (exactly, from integer sums).
    threads : int
        That decode. Images of 256x256 and more gain from each; small ones are decoded by one.
    pool : dict, optional
        A further set of the same classes, described as one of `test` is. Its images are the last of the training set;
        `test` and `validation`, `share`, mean and std are of the others alone.
    labelled : bool
        False: labels of the training set and of the pool are not read and need not be there; -1 is written. Sets of
        test and validation that are read by themselves have theirs.

    Returns
    -------
    dict
        As in ``summary.json``: classes, none where nothing has a label; height, width, channels, mean, std, n per
        split, the sources of dropped images, and of a pool n_pool, how many of the training samples are its own: the
        last.

    Raises
    ------
    InputFault
        In the data, the settings or the space on the disk; one sentence.

    Notes
    -----
    Memory: the reader's, plus two to three chunks of 8 MiB per thread. Each source is read once, in order.
    """
    folder = Path(folder)
    others = {"test": test, "validation": validation}
    splits = _read_splits(dataset, train, others | {POOL: pool}, options, labelled)
    classes, labels = map_labels(splits)
    targets = _assign(labels, others, share, seed)
    form = find_form(splits["train"], image_size, fit, channels)
    n_used = sum(np.sum(target != UNUSED) for target in targets.values())
    _check_space(folder, int(n_used) * math.prod(form.shape))
    # An old summary would vouch for a mixture of old and new files, were we killed while renaming.
    (folder / "summary.json").unlink(missing_ok=True)
    with ExitStack() as stack:  # the arrays get their names when all are written, or never
        stores = {
            name: _Store(stack.enter_context(growing_array(folder / f"{name}.npy", form.shape)))
            for name in NAMES
            if any((target == name).any() for target in targets.values())
        }

        def fill(name):
            chunks = decode_split(name, splits[name], form, threads)
            return _distribute(name, splits[name], chunks, labels[name], targets[name], stores, on_bad_image)

        dropped = [source for name in splits if name != POOL for source in fill(name)]
        _check_left(classes, labels["train"][targets["train"] == "train"], stores)
        statistics, n_own = _channel_statistics(stores["train"].array, mean, std), stores["train"].array.n
        dropped += fill(POOL) if pool else []
        n_pool = stores["train"].array.n - n_own
        if pool and not n_pool:
            raise InputFault(NONE_LEFT.format("samples.pool"))
    for name, store in stores.items():
        note = {"stage": "samples", "split": name, "seed": seed}
        columns = {"sample_id": np.arange(store.array.n), "label": store.labels, "source": store.sources}
        write_table(folder / f"{name}.parquet", SAMPLES, note, **columns)
    shape = dict(zip(("height", "width", "channels"), form.shape, strict=True))
    counts = {name: store.array.n for name, store in stores.items()}
    summary = {"classes": classes, **shape, **statistics, "n": counts, "dropped": dropped}
    summary |= {"n_pool": n_pool} if pool else {}
    write_json(folder / "summary.json", summary)
    return summary


@dataclass
class _Store:
    """What has been written of one split."""

    array: GrowingArray
    labels: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)


def _read_splits(dataset: str, train: list[str], others: dict, options: dict, labelled: bool) -> dict[str, Split]:
    reader = load_method("datasets", dataset)
    settings = reader.Options(**options)
    if reader.NEEDS_PATH and not train:
        raise InputFault(f"samples.train: {dataset} reads files, but no path is given; give a file or folder")
    splits = {"train": _read(reader, "train", train, settings, labelled)}
    for name, value in others.items():
        if isinstance(value, dict):
            splits[name] = _read_held_out(name, **value, labelled=labelled or name != POOL)
        if value == "given" and name not in reader.SPLITS:
            raise InputFault(
                f"samples.{name}: given, but {dataset} has no {name} split of its own; give a fraction or paths"
            )
        if value == "given" or isinstance(value, list):
            splits[name] = reader.read_split(name, train if value == "given" else value, settings)
        if value == "given" and splits[name].sources[:1] == splits["train"].sources[:1]:
            raise InputFault(
                f"samples.{name}: given, but {', '.join(train)} has no {name} set of its own: it begins with "
                f"{splits[name].sources[0]}, which is of samples.train; give a fraction or paths"
            )
    return splits


def _read(reader: ModuleType, split: str, paths: list[str], options: Section, labelled: bool) -> Split:
    if labelled:
        return reader.read_split(split, paths, options)
    read = getattr(reader, "read_unlabelled", reader.read_split)
    return replace(read(split, paths, options), labels=None, class_names=None)


def _read_held_out(name: str, dataset: str, path: list[str] | None, split: str, options: dict, labelled: bool) -> Split:
    """Read a set that is read otherwise than the training set: of test, of validation, or a pool."""
    reader = load_method("datasets", dataset)
    if reader.NEEDS_PATH and not path:
        raise InputFault(f"samples.{name}.path: {dataset} reads files, but no path is given; give a file or folder")
    try:
        return _read(reader, split, path or [], reader.Options(**options), labelled)
    except InputFault as fault:  # readers speak of samples.SPLIT and samples.options, but this set's stand elsewhere
        text = str(fault).replace(f"samples.{split}:", f"samples.{name}:", 1)
        raise InputFault(text.replace("samples.options.", f"samples.{name}.options.")) from fault


def _assign(labels: dict[str, np.ndarray], others: dict, share: float | None, seed: int) -> dict[str, np.ndarray]:
    """Say of each sample that is read in which split it ends up, or that it is unused; (n,) names per source."""
    targets = {
        name: np.full(len(values), "train" if name == POOL else name, dtype="U10") for name, values in labels.items()
    }
    for name, value in others.items():
        if isinstance(value, float):
            stream = derive_seed(seed, f"samples/{name}")
            free = targets["train"] == "train"
            targets["train"][draw_fraction(labels["train"], free, value, stream, f"samples.{name}")] = name
    if share is not None:
        free = np.flatnonzero(targets["train"] == "train")
        targets["train"][free[draw_unused(labels["train"][free], share, derive_seed(seed, "samples/share"))]] = UNUSED
    return targets


def _check_space(folder: Path, needed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputFault(
            f"samples: the decoded images need {needed / 2**30:.3g} GiB in {folder}, where {free / 2**30:.3g} GiB are "
            "free; free some space, set a smaller samples.image_size, or give fewer samples"
        )


def _distribute(
    name: str, split: Split, chunks, labels: np.ndarray, targets: np.ndarray, stores: dict[str, _Store], on_bad: str
) -> list[str]:
    """Append the good images of a source to the splits they belong to; return the sources of the bad ones."""
    dropped = []
    for start, images, bad in chunks:
        if bad and on_bad == "fail":
            first = min(bad)
            raise InputFault(
                f"samples.{name}: {split.sources[first]} cannot be decoded ({bad[first]}; {len(bad)} bad of the first "
                f"{start + len(images)} images); mend or remove it, or set samples.on_bad_image: drop to skip such ones"
            )
        dropped += [split.sources[row] for row in sorted(bad)]
        good = np.ones(len(images), dtype=bool)
        good[np.array(list(bad), dtype=np.int64) - start] = False
        for target in np.setdiff1d(targets[start : start + len(images)], [UNUSED]):
            rows = np.flatnonzero(good & (targets[start : start + len(images)] == target))
            store = stores[target]
            store.array.append(images if len(rows) == len(images) else images[rows])
            store.labels += labels[start + rows].tolist()
            store.sources += [split.sources[row] for row in start + rows]
    if dropped:
        LOGGER.warning("samples.%s: %d images cannot be decoded and are left out", name, len(dropped))
    return dropped


def _check_left(classes: list[str], expected: np.ndarray, stores: dict[str, _Store]) -> None:
    """Refuse what dropping may leave: an empty split, or a class that lost all its training samples."""
    lost = [classes[label] for label in np.setdiff1d(expected, stores["train"].labels) if label >= 0]
    empty = [name for name, store in stores.items() if store.array.n == 0]
    if lost or empty:
        what = f"the class {lost[0]} in train" if lost else empty[0]
        raise InputFault(NONE_LEFT.format(what))


def _channel_statistics(train: GrowingArray, mean: list[float] | None, std: list[float] | None) -> dict:
    found = dict(zip(("mean", "std"), train.channel_statistics(), strict=True))
    for key, given in (("mean", mean), ("std", std)):
        if given is not None and len(given) != len(found[key]):
            raise InputFault(
                f"samples.{key}: has {len(given)} values, but the images have {len(found[key])} channels; give one each"
            )
        found[key] = found[key] if given is None else list(given)
    if 0 in found["std"]:
        raise InputFault(
            f"samples.std: channel {found['std'].index(0)} is the same in all training pixels, so that its standard "
            "deviation is 0; give samples.std"
        )
    return found
