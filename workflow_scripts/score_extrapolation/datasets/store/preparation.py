"""The sample store: every split decoded once into one uint8 array, so that no later stage decodes an image."""

import math
import os
import shutil
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...faults import InputFault
from ...progress import LOGGER
from ...rng import derive_seed
from .. import Split
from .chunks import Chunk, Ended, decode_split
from .decoding import find_form
from .duplicates import Seen
from .labels import draw_fraction, draw_unused, draw_wrong, map_labels
from .npy_files import channel_statistics
from .sets import POOL, Sources, read_splits
from .store_tables import write_tables
from .unfinished import BAD, DUPLICATE, STORED, UNUSED, Unfinished, bytes_there, settings_digest

TRAIN = STORED.index("train")
NONE_LEFT = {
    BAD: "samples.on_bad_image: drop leaves no sample of {}, since none can be decoded; mend these images or remove "
    "them from the data set",
    DUPLICATE: "samples.duplicates: drop leaves no sample of {}, since each is equal to an earlier training image; "
    "mend the labels, or set samples.duplicates: keep",
}


@dataclass(frozen=True)
class StoredImages:
    """What the images of a store are like, and how networks see them.

    Attributes
    ----------
    image_size : int or [height, width], optional
        None: all images must have the size of the first.
    fit : {"crop", "stretch"}
        See `decode_image`.
    channels : {1, 3}, optional
        None: 1 where the reader gives arrays of one channel, otherwise 3.
    mean, std : list of float, (C,), optional
        Per channel, in 0..1; computed over the training pixels where None (exactly, from integer sums), but for those
        of a pool.
    """

    image_size: int | list[int] | None = None
    fit: str = "crop"
    channels: int | None = None
    mean: list[float] | None = None
    std: list[float] | None = None


@dataclass(frozen=True)
class Draws:
    """What of a store is drawn at random.

    Attributes
    ----------
    seed : int
        Of the draws below, and of that of fractions.
    share : float, optional
        In (0, 1): of the training samples that no other split takes only so many are used, drawn in proportion to the
        classes; a pool's are none of them. None: all.
    wrong_labels : float, optional
        In (0, 1): the share of the training images in the store, of a pool too, whose labels are replaced by that of
        another class (see `labels.draw_wrong`), for experiments on label noise; ``duplicates.parquet`` has those that
        were read. None: none.
    """

    seed: int = 0
    share: float | None = None
    wrong_labels: float | None = None


def prepare_samples(
    sources: Sources,
    folder: str | os.PathLike,
    stored: StoredImages | None = None,
    drawn: Draws | None = None,
    on_bad_image: str = "fail",
    duplicates: str = "keep",
    threads: int = 1,
) -> dict:
    """Decode a data set into one array and one table per split.

    Written to `folder`, all whole or not at all: ``{split}.npy``, uint8 (n, H, W, C), row i is sample_id i;
    ``{split}.parquet`` (sample_id, label, source); ``duplicates.parquet`` (see `_duplicates`); with wrong labels
    ``wrong_labels.parquet`` (see `_tables`); ``summary.json``; ``checksums.json`` of all of these. They do not depend
    on `threads`. What a killed call had written is in ``{folder}.unfinished``, and a call with the same settings and
    data goes on there.

    Parameters
    ----------
    sources : Sources
    folder : path
        Made if need be.
    stored : StoredImages, optional
    drawn : Draws, optional
        As their defaults say, where they are left out.
    on_bad_image : {"fail", "drop"}
        What to do about an image that cannot be decoded.
    duplicates : {"keep", "drop"}
        What to do about a training image whose pixels, once decoded, are those of an earlier training image.
    threads : int
        Processes that decode, beside this one which writes; with 1, and of arrays, this one does it all.

    Returns
    -------
    dict
        As in ``summary.json``: classes, none where nothing has a label; height, width, channels, mean, std, n per
        split, the sources of bad images that were dropped, counts of duplicates (see `count_duplicates`), of a pool
        n_pool, how many of the training samples are its own: the last; and where labels were replaced wrong_labels, how
        many.

    Raises
    ------
    InputFault
        In the data, the settings or the space on the disk; one sentence.
    Interrupted
        A signal to stop has come; how far this is has been saved.

    Notes
    -----
    Memory: the reader's, two chunks of 4 MiB per process, and of each image that is read its label (8 bytes), its
    digest (16) and what becomes of it (2), with `duplicates` drop 16 more. Each source is read once, in order.
    """
    folder, stored, drawn = Path(folder), stored or StoredImages(), drawn or Draws()
    others, pool, seed = sources.others(), sources.pool, drawn.seed
    splits = read_splits(sources.dataset, sources.train, others | {POOL: pool}, sources.options, sources.labelled)
    classes, labels = map_labels(splits)
    targets = _assign(labels, others, drawn.share, seed)
    form = find_form(splits["train"], stored.image_size, stored.fit, stored.channels)
    n_used = sum(np.count_nonzero(target != UNUSED) for target in targets.values())
    _check_space(folder, int(n_used) * math.prod(form.shape))
    settings: dict = {"dataset": sources.dataset, "train": sources.train, **others, "pool": pool}
    settings |= {"options": sources.options, "seed": seed, "share": drawn.share}
    settings |= {"form": [form.shape, form.size, form.fit], "on_bad_image": on_bad_image}
    settings |= {"duplicates": duplicates, "wrong_labels": drawn.wrong_labels}
    digest = settings_digest(settings, splits, labels)
    listed = {name: split.sources for name, split in splits.items()}
    with Unfinished(folder, digest, targets, listed, form.shape, threads) as store:
        seen = Seen(store.of_split("train", store.digests)) if duplicates == "drop" else None

        def fill(name: str) -> None:
            wanted = targets[name] != UNUSED
            chunks = decode_split(name, splits[name], form, wanted, threads, store.read[name])
            _distribute(name, splits[name], chunks, store, seen, on_bad_image)

        for name in splits:
            if name != POOL:
                fill(name)
        _check_left(classes, labels, targets, store)
        n_own = sum(len(rows) for name, rows in store.rows(TRAIN) if name != POOL)
        statistics = _channel_statistics(store.sums, n_own * math.prod(form.shape[:2]), stored.mean, stored.std)
        if pool:
            fill(POOL)
            n_pool = store.arrays["train"].n - n_own
            if not n_pool:
                raise InputFault(_none_left("samples.pool", store.fates[POOL]))
        shape = dict(zip(("height", "width", "channels"), form.shape, strict=True))
        summary = {"classes": classes, **shape, **statistics} | ({"n_pool": n_pool} if pool else {})
        wrong = None
        if drawn.wrong_labels is not None:
            # Once it is known which images are left, so that of these it is the share that was asked for.
            stream = derive_seed(seed, "samples/wrong_labels")
            wrong = draw_wrong(store.of_split("train", labels), drawn.wrong_labels, stream)
        summary = write_tables(store, summary, labels, seed, wrong)
        store.finish()
    return summary


def _assign(labels: dict[str, np.ndarray], others: dict, share: float | None, seed: int) -> dict[str, np.ndarray]:
    """Say of each sample that is read in which split it ends up, or that it is unused; (n,) fates per source."""
    targets = {
        name: np.full(len(values), TRAIN if name == POOL else STORED.index(name), np.int8)
        for name, values in labels.items()
    }
    for name, value in others.items():
        if isinstance(value, float):
            stream = derive_seed(seed, f"samples/{name}")
            free = targets["train"] == TRAIN
            drawn = draw_fraction(labels["train"], free, value, stream, f"samples.{name}")
            targets["train"][drawn] = STORED.index(name)
    if share is not None:
        free = np.flatnonzero(targets["train"] == TRAIN)
        targets["train"][free[draw_unused(labels["train"][free], share, derive_seed(seed, "samples/share"))]] = UNUSED
    return targets


def _check_space(folder: Path, needed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free + bytes_there(folder) < needed:
        raise InputFault(
            f"samples: the decoded images need {needed / 2**30:.3g} GiB in {folder}, where {free / 2**30:.3g} GiB are "
            "free; free some space, set a smaller samples.image_size, or give fewer samples"
        )


def _distribute(
    name: str, split: Split, chunks: Generator[Chunk, None, None], store: Unfinished, seen: Seen | None, on_bad: str
) -> None:
    """Append the images of a source to the splits that they belong to, but for bad ones and duplicates."""
    fates, digests = store.fates[name], store.digests[name]
    try:
        with closing(chunks):
            for chunk in chunks:
                if chunk.bad and on_bad == "fail":
                    first = min(chunk.bad)
                    raise InputFault(
                        f"samples.{name}: {split.sources[first]} cannot be decoded ({chunk.bad[first]}; "
                        f"{len(chunk.bad)} bad of the first {chunk.stop} images); mend or remove it, or set "
                        "samples.on_bad_image: drop to skip such ones"
                    )
                fates[list(chunk.bad)] = BAD
                digests[chunk.rows] = chunk.digests
                if seen is not None:
                    training = chunk.rows[fates[chunk.rows] == TRAIN]
                    fates[training[~seen.add(digests[training])]] = DUPLICATE
                of_chunk = fates[chunk.rows]
                for target in np.intersect1d(of_chunk, range(len(STORED))):
                    chosen = of_chunk == target
                    store.arrays[STORED[target]].append(chunk.images if chosen.all() else chunk.images[chosen])
                if name != POOL:
                    store.sums += chunk.sums[of_chunk == TRAIN].sum(axis=0)
                store.note(name, chunk.stop)
    except Ended:
        if store.told_to_stop():  # a signal to all processes of the job
            raise store.interrupted() from None
        raise InputFault(
            f"samples.{name}: a process that decodes images was killed, most likely since the memory was used up; give "
            "resources.samples more mem_mb or fewer threads and start again: what is done stays"
        ) from None
    store.note(name, len(fates))  # those at the end that nobody uses
    n_bad = np.count_nonzero(fates == BAD)
    if n_bad:
        LOGGER.warning("samples.%s: %d images cannot be decoded and are left out", name, n_bad)


def _check_left(classes: list[str], labels: dict, targets: dict, store: Unfinished) -> None:
    """Refuse what dropping may leave: an empty split, or a class that lost all its training samples."""
    expected, fates = targets["train"] == TRAIN, store.fates["train"]
    lost = np.setdiff1d(labels["train"][expected], labels["train"][fates == TRAIN])
    lost = lost[lost >= 0]  # -1: no label
    if len(lost):
        of_class = fates[expected & (labels["train"] == lost[0])]
        raise InputFault(_none_left(f"the class {classes[lost[0]]} in train", of_class))
    for name, array in store.arrays.items():
        if array.n == 0:
            raise InputFault(NONE_LEFT[BAD].format(name))


def _none_left(what: str, fates: np.ndarray) -> str:
    return NONE_LEFT[DUPLICATE if (fates == DUPLICATE).any() else BAD].format(what)


def _channel_statistics(sums: np.ndarray, n_pixels: int, mean: list[float] | None, std: list[float] | None) -> dict:
    found = dict(zip(("mean", "std"), channel_statistics(sums, n_pixels), strict=True))
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
