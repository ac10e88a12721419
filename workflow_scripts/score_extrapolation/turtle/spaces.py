"""The embeddings of frozen networks in the place of those that a training on images would have."""

import os
import shutil

import numpy as np

from ..io.atomic import replacing
from ..io.tables import read_rows, read_table, write_vectors


def share_embeddings(paths: list, sample_ids: np.ndarray, path: str | os.PathLike, metadata: dict) -> None:
    """Write the embeddings of some samples in all spaces, side by side.

    Of several spaces each is divided by its samples' root mean square distance from their mean, so that distances in
    all of them together are not those in the largest; of a single space, distances stay as they are. All samples of a
    single space are that space's own file, linked and not copied where the disk can do that.

    Parameters
    ----------
    paths : list of path
        Of each space its table of sample_id and embedding.
    sample_ids : (q,) int64
        Increasing.
    path : path
        Where to write sample_id and embedding, (q, sum of the widths), in the first space's dtype.
    metadata : dict
        As of `tables.write_table`; a file that is linked has its own.
    """
    if len(paths) == 1 and np.array_equal(read_table(paths[0], ["sample_id"])["sample_id"], sample_ids):
        with replacing(path) as partial:
            try:
                os.link(paths[0], partial)
            except OSError:
                shutil.copyfile(paths[0], partial)
        return
    spaces = [read_rows(space, "embedding", sample_ids) for space in paths]
    if len(spaces) > 1:
        dtype = spaces[0].dtype
        spaces = [np.hstack([(space / _spread(space)).astype(dtype) for space in spaces])]
    write_vectors(path, metadata, sample_id=sample_ids, embedding=spaces[0])


def _spread(vectors: np.ndarray) -> float:
    """Return the root mean square distance of vectors from their mean; 1 where all are the same."""
    return float(np.sqrt(vectors.var(axis=0, dtype=np.float64).sum())) or 1.0
