"""The data set as its reader lists it: where a kept sample lies in it, and its image as it was."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from ..datasets.store.decoding import FORMATS
from ..datasets.store.sets import read_set
from ..faults import InputFault

# By PIL's names; a JPEG that carries further pictures is MPO to it.
SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "GIF": "gif", "BMP": "bmp"}
SUFFIXES |= {"PPM": "ppm"}


class Reading:
    """The training images in the order of their reader, before any was split off or dropped; after them the pool's.

    Parameters
    ----------
    samples : dict
        ``dataset``, ``train``, ``options``, ``pool`` and ``labelled``, as of
        `datasets.store.preparation.prepare_samples`.

    Attributes
    ----------
    n : int
        Images listed.
    """

    def __init__(self, samples: dict):
        own = {"split": "train", "path": samples["train"], "dataset": samples["dataset"], "options": samples["options"]}
        sets = [own, *([samples["pool"]] if samples["pool"] else [])]
        self.splits = [read_set(**one, labelled=samples.get("labelled", True)) for one in sets]
        self.sources = pa.concat_arrays([pa.array(iter(split.sources), pa.string()) for split in self.splits])
        self.n = len(self.sources)

    def find(self, sources: pa.ChunkedArray) -> np.ndarray:
        """Return the row, counted from 0, of each source; (q,) int64.

        Raises
        ------
        InputFault
            The reader lists one of the sources twice, or not at all.
        """
        if pc.count_distinct(self.sources).as_py() < self.n:
            counts = pc.value_counts(self.sources)
            twice = pc.filter(counts.field("values"), pc.greater(counts.field("counts"), 1))[0]
            raise InputFault(
                f"export: samples.train has {twice} twice, so that a kept one cannot be told from the other; list each "
                "image once, or ask for csv, parquet or paths"
            )
        rows = pc.index_in(sources, value_set=self.sources)
        if rows.null_count:
            missing = pc.filter(sources, pc.is_null(rows))[0]
            raise InputFault(
                f"export: {missing} is kept, but samples.train has it no more ({rows.null_count} of {len(rows)} are "
                "missing); put it back, or select anew"
            )
        return rows.to_numpy().astype(np.int64)

    def read(self, rows: np.ndarray) -> list[bytes | Path | np.ndarray]:
        """Return the undecoded images of some rows; rows that follow each other are read at once."""
        images: list[bytes | Path | np.ndarray] = []
        for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
            first = 0
            for split in self.splits:
                n = len(split.sources)
                start, stop = max(int(run[0]) - first, 0), min(int(run[-1]) + 1 - first, n)
                images += split.read(start, stop) if start < stop else []
                first += n
        return images


def encode(image: bytes | Path | np.ndarray, source: str) -> tuple[bytes, str]:
    """Return the bytes of an image as they were, of an array as PNG, and the suffix of their format.

    Raises
    ------
    InputFault
        A file is not to be read any more, or is no image; the sentence says which `source`.
    """
    if isinstance(image, np.ndarray):
        written = io.BytesIO()
        Image.fromarray(image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image).save(written, "png")
        return written.getvalue(), "png"
    try:
        raw = image.read_bytes() if isinstance(image, Path) else image
        with Image.open(io.BytesIO(raw), formats=FORMATS) as opened:  # reads no further than the header
            return raw, SUFFIXES[str(opened.format)]
    except OSError as error:  # PIL's word for what is no image, too
        reason = error.strerror or "no image of a known format"
        raise InputFault(f"export: {source} is kept, but cannot be read now ({reason}); put it back") from error
