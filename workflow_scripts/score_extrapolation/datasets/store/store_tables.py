"""What a store has beside its images: samples, duplicates, wrong labels, a summary, the checksums of all of it."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from ...io.atomic import write_json
from ...io.tables import BLOCK, SAMPLES, write_blocks
from ...progress import LOGGER
from .checksums import list_checksums
from .duplicates import count_duplicates, tabulate_duplicates, write_duplicates
from .unfinished import BAD, DUPLICATE, STORED, WRONG, Unfinished

# Of the training samples whose labels were replaced: the one that they have now, and the one that was read.
WRONG_LABELS = pa.schema([("sample_id", pa.int64()), ("label", pa.int64()), ("true_label", pa.int64())])

Wrong = tuple[np.ndarray, np.ndarray] | None  # training samples, and their labels in the place of those that were read


def write_tables(
    store: Unfinished, summary: dict, labels: dict[str, np.ndarray], seed: int, wrong: Wrong = None
) -> dict:
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
    wrong : ((k,) int64, (k,) int64), optional
        Training samples, sorted, and their labels in the place of those that were read.

    Returns
    -------
    dict
        The summary with n per split, the sources of bad images, and counts of duplicates and of wrong labels.
    """
    for name, array in store.arrays.items():
        array.finish()
        note = {"stage": "samples", "split": name, "seed": seed}
        blocks = _sample_blocks(store, name, labels, wrong if name == "train" else None)
        write_blocks(store.folder / f"{name}.parquet", SAMPLES, note, blocks)
    parts = [(name, *part) for name in store.arrays for part in store.rows(STORED.index(name))]
    left_out = list(store.rows(DUPLICATE))
    duplicates = tabulate_duplicates(parts, left_out, store.digests, labels, store.sources)
    write_duplicates(store.folder / "duplicates.parquet", duplicates)
    summary |= {
        "n": {name: array.n for name, array in store.arrays.items()},
        "dropped": [store.sources[source][row] for source, rows in store.rows(BAD) for row in rows.tolist()],
        "duplicates": count_duplicates(duplicates, list(store.arrays)),
    }
    written = [*(f"{name}.parquet" for name in store.arrays), "duplicates.parquet", "summary.json"]
    if wrong:
        summary |= {"wrong_labels": _write_wrong(store, labels, seed, *wrong)}
        written.append(WRONG)
    write_json(store.folder / "summary.json", summary)
    digests = {name: store.of_split(name, store.digests) for name in store.arrays}
    others = [store.folder / name for name in written]
    write_json(store.folder / "checksums.json", list_checksums(digests, store.row_shape, others))
    return summary


def _write_wrong(store: Unfinished, labels: dict[str, np.ndarray], seed: int, ids, wrong) -> int:
    """Write which labels were replaced, and say how many."""
    read = store.of_split("train", labels)
    block = {"sample_id": ids, "label": wrong, "true_label": read[ids]}
    write_blocks(store.folder / WRONG, WRONG_LABELS, {"stage": "samples", "split": "train", "seed": seed}, [block])
    LOGGER.warning(
        "samples.wrong_labels: %d of %d training images have the label of another class; %s lists them",
        len(ids),
        len(read),
        WRONG,
    )
    return len(ids)


def _sample_blocks(store: Unfinished, name: str, labels: dict[str, np.ndarray], wrong: Wrong) -> Iterator[dict]:
    """Yield the columns of a split's samples, block after block."""
    first = 0
    for source, rows in store.rows(STORED.index(name)):
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            sources, of_part = [store.sources[source][row] for row in part.tolist()], labels[source][part]
            if wrong:
                ids, replacing = wrong
                here = slice(*np.searchsorted(ids, [first, first + len(part)]))
                of_part[ids[here] - first] = replacing[here]
            yield {"sample_id": first + np.arange(len(part)), "label": of_part, "source": sources}
            first += len(part)
