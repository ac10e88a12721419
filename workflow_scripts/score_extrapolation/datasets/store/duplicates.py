"""Images with the same pixels, told by their digests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...io.atomic import replacing
from ...progress import LOGGER
from .checksums import DIGEST

RECENT = 2**16  # digests in a set, before they join the sorted ones

DUPLICATES = pa.schema(
    [
        ("split", pa.string()),
        ("sample_id", pa.int64()),  # null: left out of the store
        ("label", pa.int64()),
        ("source", pa.string()),
        ("first_split", pa.string()),
        ("first_sample_id", pa.int64()),
        ("first_label", pa.int64()),
    ]
)


class Seen:
    """The digests that have been seen: 16 bytes each, but for the last 65,536, which take some 100.

    Parameters
    ----------
    digests : (n,) digests
        Seen already.
    """

    def __init__(self, digests: np.ndarray):
        self.sorted = np.sort(digests)
        self.recent: set = set()

    def add(self, digests: np.ndarray) -> np.ndarray:
        """Note digests; return (k,) bool, whether each was new, of equal ones among them the first alone."""
        new = np.ones(len(digests), bool)
        if len(self.sorted):
            places = np.searchsorted(self.sorted, digests)
            new = self.sorted[np.minimum(places, len(self.sorted) - 1)] != digests
        for i, digest in enumerate(digests.tolist()):
            new[i] &= digest not in self.recent
            self.recent.add(digest)
        if len(self.recent) >= RECENT:
            recent = np.setdiff1d(np.array(list(self.recent), DIGEST), self.sorted, assume_unique=True)
            self.sorted, self.recent = np.sort(np.concatenate([self.sorted, recent])), set()
        return new


def tabulate_duplicates(
    parts: list[tuple[str, str, np.ndarray]],
    left_out: list[tuple[str, np.ndarray]],
    digests: dict[str, np.ndarray],
    labels: dict[str, np.ndarray],
    sources: dict[str, Sequence[str]],
) -> pa.Table:
    """Return a row of `DUPLICATES` for each image that has the pixels of an earlier one.

    Parameters
    ----------
    parts : list of (split, source, (k,) int64)
        The rows of sources that a split is made of, training first, in the order of its samples. The first of equal
        images is that which comes first here.
    left_out : list of (source, (k,) int64)
        Rows of training images that are not in the store, since they are duplicates.
    digests, labels, sources : dict of (n,) digests, (n,) int64, sequence of str
        Of all rows of each source.

    Notes
    -----
    Sorts all digests.
    """
    everything = [*parts, *(("train", source, rows) for source, rows in left_out)]
    starts = np.cumsum([0, *(len(rows) for *_, rows in everything)])
    n_stored = starts[len(parts)]
    of_image = np.concatenate([digests[source][rows] for _, source, rows in everything])
    _, first, inverse = np.unique(of_image, return_index=True, return_inverse=True)
    first = first[inverse]
    found = np.flatnonzero(first != np.arange(len(first)))

    def describe(image: np.integer) -> tuple[str, int | None, int, str]:
        """Return split, sample_id, label and source."""
        part = np.searchsorted(starts, image, side="right") - 1
        split, source, rows = everything[part]
        row = rows[image - starts[part]]
        own = next(start for start, (other, *_) in zip(starts, everything, strict=False) if other == split)
        return split, image - own if image < n_stored else None, labels[source][row], sources[source][row]

    described = [describe(image) + describe(earlier)[:3] for image, earlier in zip(found, first[found], strict=True)]
    columns = zip(*described, strict=True) if described else [[]] * len(DUPLICATES)
    return pa.Table.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, DUPLICATES, strict=True)], schema=DUPLICATES
    )


def count_duplicates(duplicates: pa.Table, splits: list[str]) -> dict[str, int]:
    """Return what ``summary.json`` says of duplicates, and warn of them.

    Returns
    -------
    dict
        ``train``: training images that equal an earlier training image, left out or not; ``other_label``: those of them
        whose label is another than the first's; ``test_in_train``, ``validation_in_train``: images of that split that
        equal a training image, for the splits there are.
    """
    split, first_split, label, first_label = (
        duplicates[name].to_numpy() for name in ("split", "first_split", "label", "first_label")
    )
    in_training = split == "train"
    counts = {"train": int(in_training.sum()), "other_label": int((in_training & (label != first_label)).sum())}
    for name in splits:
        if name != "train":
            counts[f"{name}_in_train"] = int(((split == name) & (first_split == "train")).sum())
    if any(counts.values()):
        shared = [f"{counts[f'{name}_in_train']} {name} images" for name in splits if name != "train"]
        LOGGER.warning(
            "samples: %d training images are equal to earlier ones, %d of these with another label%s; "
            "duplicates.parquet lists them",
            counts["train"],
            counts["other_label"],
            f", and {' and '.join(shared)} are training images too" if shared else "",
        )
    return counts


def write_duplicates(path: Path, duplicates: pa.Table) -> None:
    """Write the table, whole or not at all."""
    with replacing(path) as partial:
        pq.write_table(duplicates, partial, compression="zstd")
