"""What is written of a store beside its images: the samples, the duplicates, a summary, the checksums of all of it."""

from collections.abc import Iterator

import numpy as np

from ..atomic import write_json
from ..tables import BLOCK, SAMPLES, write_blocks
from ._checksums import list_checksums
from ._duplicates import count_duplicates, tabulate_duplicates, write_duplicates
from ._unfinished import BAD, DUPLICATE, STORED, Unfinished


def write_tables(store: Unfinished, summary: dict, labels: dict[str, np.ndarray], seed: int) -> dict:
    """Finish the arrays of a store that has been read, and write all else.

    Parameters
    ----------
    store : Unfinished
    summary : dict
        What is known already of ``summary.json``.
    labels : dict of (n,) int64
        Per source.
    seed : int
        For the files' metadata.

    Returns
    -------
    dict
        The summary with n per split, the sources of bad images, and counts of duplicates.
    """
    for name, array in store.arrays.items():
        array.finish()
        note = {"stage": "samples", "split": name, "seed": seed}
        write_blocks(store.folder / f"{name}.parquet", SAMPLES, note, _sample_blocks(store, name, labels))
    parts = [(name, *part) for name in store.arrays for part in store.rows(STORED.index(name))]
    left_out = list(store.rows(DUPLICATE))
    duplicates = tabulate_duplicates(parts, left_out, store.digests, labels, store.sources)
    write_duplicates(store.folder / "duplicates.parquet", duplicates)
    summary |= {
        "n": {name: array.n for name, array in store.arrays.items()},
        "dropped": [store.sources[source][row] for source, rows in store.rows(BAD) for row in rows.tolist()],
        "duplicates": count_duplicates(duplicates, list(store.arrays)),
    }
    write_json(store.folder / "summary.json", summary)
    digests = {name: store.of_split(name, store.digests) for name in store.arrays}
    others = [
        store.folder / name for name in (*(f"{name}.parquet" for name in digests), "duplicates.parquet", "summary.json")
    ]
    write_json(store.folder / "checksums.json", list_checksums(digests, store.row_shape, others))
    return summary


def _sample_blocks(store: Unfinished, name: str, labels: dict[str, np.ndarray]) -> Iterator[dict]:
    """Yield the columns of a split's samples, block after block."""
    first = 0
    for source, rows in store.rows(STORED.index(name)):
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            sources = [store.sources[source][row] for row in part.tolist()]
            yield {"sample_id": first + np.arange(len(part)), "label": labels[source][part], "source": sources}
            first += len(part)
