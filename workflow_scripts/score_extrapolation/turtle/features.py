"""The frozen embeddings that a training without labels reads: from tables, and from arrays on the disk."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from ..faults import InputFault
from ..io.tables import read_blocks

BLOCK = 16_384  # rows that are worked on at a time


def read_aligned(paths_per_space: list[list]) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield the rows of several tables of embeddings side by side, whatever the shards and blocks of each.

    Parameters
    ----------
    paths_per_space : list of lists of paths
        Of each space its shards in order; columns sample_id and embedding.

    Yields
    ------
    sample_ids : (b,) int64
        At most `BLOCK`, increasing.
    embeddings : list of (b, d_s) float arrays

    Raises
    ------
    InputFault
        The tables are not of the same samples.
    """
    streams = [read_blocks(list(paths), ["sample_id", "embedding"]) for paths in paths_per_space]
    fronts = [next(stream, {}) for stream in streams]
    while all(fronts):
        n = min(BLOCK, *(len(front["sample_id"]) for front in fronts))
        pieces = [{name: values[:n] for name, values in front.items()} for front in fronts]
        ids = pieces[0]["sample_id"]
        if any((piece["sample_id"] != ids).any() for piece in pieces):
            break
        if n:
            yield ids, [piece["embedding"] for piece in pieces]
        rests = [{name: values[n:] for name, values in front.items()} for front in fronts]
        fronts = [
            rest if len(rest["sample_id"]) else next(stream, {}) for rest, stream in zip(rests, streams, strict=True)
        ]
    if any(fronts):
        named = ", ".join(str(paths[0]) for paths in paths_per_space)
        raise InputFault(f"{named}: the tables are not of the same samples; embed the same samples in every space")


def read_chosen(paths_per_space: list[list], sample_ids: np.ndarray) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Yield some samples' embeddings in order, with no more than some blocks of them in memory.

    Parameters
    ----------
    paths_per_space : list of lists of paths
        As of `read_aligned`.
    sample_ids : (m,) int64
        Increasing.

    Yields
    ------
    rows : slice
        Of sample_ids.
    features : list of (b, d_s) float32 arrays

    Raises
    ------
    InputFault
        A sample has no embedding, an embedding is not finite, or the tables are not of the same samples.
    """
    n_read = 0
    for ids, embeddings in read_aligned(paths_per_space):
        chosen = np.isin(ids, sample_ids[n_read : n_read + len(ids)], assume_unique=True)
        features = [vectors[chosen].astype(np.float32) for vectors in embeddings]
        for paths, vectors in zip(paths_per_space, features, strict=True):
            finite = np.isfinite(vectors).all(axis=1)
            if not finite.all():
                raise InputFault(
                    f"{paths[0]}: the embedding of sample {ids[chosen][~finite][0]} is not finite; embed it anew, in "
                    "float32 where float16 is too narrow"
                )
        rows = slice(n_read, n_read + int(chosen.sum()))
        n_read = rows.stop
        if rows.stop > rows.start:
            yield rows, features
    if n_read < len(sample_ids):
        raise InputFault(
            f"{paths_per_space[0][0]}: {len(sample_ids) - n_read} of {len(sample_ids)} samples have no embedding; "
            "embed all samples"
        )


def gather_features(paths_per_space: list[list], sample_ids: np.ndarray, folder: str | os.PathLike) -> list[np.memmap]:
    """Copy some samples' embeddings into arrays on the disk, whose rows can be read in any order.

    Parameters
    ----------
    paths_per_space : list of lists of paths
        As of `read_aligned`.
    sample_ids : (m,) int64
        Increasing, at least one.
    folder : path
        Outside the outputs; what an earlier call has left there is replaced. It takes 4 m d bytes for each space.

    Returns
    -------
    list of (m, d_s) float32 arrays
        As of `load_features`. Memory: some blocks of rows.

    Raises
    ------
    InputFault
        As of `read_chosen`.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        # Written as files: pages of a mapping would count as this process's memory.
        files = [stack.enter_context(open(_path(folder, s), "wb")) for s in range(len(paths_per_space))]
        for rows, features in read_chosen(paths_per_space, sample_ids):
            for file, vectors in zip(files, features, strict=True):
                if rows.start == 0:
                    header = {"descr": "<f4", "fortran_order": False, "shape": (len(sample_ids), vectors.shape[1])}
                    np.lib.format.write_array_header_1_0(file, header)
                vectors.tofile(file)
    return load_features(folder, len(paths_per_space))


def load_features(folder: str | os.PathLike, n_spaces: int) -> list[np.memmap]:
    """Return what `gather_features` has left in a folder: (m, d_s) float32 arrays, memory-mapped."""
    return [np.load(_path(folder, space), mmap_mode="r") for space in range(n_spaces)]


def take_rows(features: list[np.memmap], rows: np.ndarray | slice) -> list[np.ndarray]:
    """Return rows of each (m, d_s) array as an array in memory; sorted rows are read in the order of the disk.

    Read as a file: pages of a mapping count as this process's memory, and the system maps far more than a random row.
    """
    rows = np.arange(len(features[0]))[rows]
    starts = np.flatnonzero(np.diff(rows, prepend=-2) != 1)  # of runs of rows that lie side by side
    runs = list(zip(starts, [*starts[1:], len(rows)], strict=True))
    taken = []
    for array in features:
        vectors = np.empty((len(rows), array.shape[1]), array.dtype)
        assert array.filename is not None, "an array of a file"
        with open(array.filename, "rb") as file:
            for start, stop in runs:
                file.seek(array.offset + int(rows[start]) * array.strides[0])
                file.readinto(vectors[start:stop])
        taken.append(vectors)
    return taken


def measure_moments(features: np.memmap) -> tuple[np.ndarray, float]:
    """Return the mean, (d,) float64, of (m, d) features and their root mean square about it, one number of the space.

    The second is 1 where all rows are equal. Two passes in float64. Memory: a block of rows.
    """
    blocks = [slice(start, start + BLOCK) for start in range(0, len(features), BLOCK)]
    mean = sum(take_rows([features], rows)[0].sum(axis=0, dtype=np.float64) for rows in blocks) / len(features)
    squares = sum(float(np.square(take_rows([features], rows)[0] - mean).sum()) for rows in blocks)
    return mean, (squares / features.size) ** 0.5 or 1.0


def _path(folder, space: int) -> Path:
    return Path(folder) / f"space-{space}.npy"
