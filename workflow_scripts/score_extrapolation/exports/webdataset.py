"""WebDataset: tar files with an image, its label (``cls``) and what else is known of it (``json``) for each sample."""

import io
import json
import tarfile
from itertools import groupby
from operator import itemgetter

import numpy as np
from pydantic import Field

from ..plugins import Section
from ..rng import derive_seed

SUFFIX = ""
REREADS = True


class Options(Section):
    """How large a tar file may be, and the order of the samples."""

    shard_size: int = Field(1000, ge=1, description="MB of images in a tar file")
    shuffle_seed: int | None = Field(None, ge=0, description="draws the order of the samples; null: that of sample_id")


def write(options, kept, folder):
    """Fill the folder with ``kept-000000.tar`` and so on; the key of a sample is its sample_id.

    Tar files are read from their beginning, and what shuffles them then mixes no more than near neighbours: of folders
    that are read class by class the order should be drawn here. Images that lie together in files, as in Parquet, are
    read much faster in their own order.

    Images are as they were (``jpg``, ``png`` ...), those of arrays PNG. ``cls`` is the label as text and is left out
    where there is none; ``json`` has sample_id, label, class, source and score.
    """
    order = None
    if options.shuffle_seed is not None:
        order = np.random.default_rng(derive_seed(options.shuffle_seed, "exports/webdataset")).permutation(kept.n)
    for shard, samples in groupby(kept.encoded(options.shard_size * 10**6, order), key=itemgetter(0)):
        with tarfile.open(folder / f"kept-{shard:06d}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for _, sample, raw, suffix in samples:
                _add(tar, sample, suffix, raw)
                if sample.label >= 0:
                    _add(tar, sample, "cls", str(sample.label).encode())
                known = {"sample_id": sample.sample_id, "label": sample.label, "class": sample.class_name}
                known |= {"source": sample.source, "score": sample.score}
                _add(tar, sample, "json", json.dumps(known, ensure_ascii=False).encode())


def _add(tar: tarfile.TarFile, sample, suffix: str, content: bytes) -> None:
    member = tarfile.TarInfo(f"{sample.sample_id:09d}.{suffix}")  # of no time and no owner: the same bytes each time
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
    tar.members.clear()  # type: ignore[attr-defined]  # else it keeps all; typeshed lacks it
