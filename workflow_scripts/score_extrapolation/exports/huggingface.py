"""A Hugging Face ``Dataset`` on disk, as its ``save_to_disk`` writes it and ``load_from_disk`` opens it.

Written here rather than by the package, which would first make a copy of everything in its cache.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
from pydantic import Field

from ..io.atomic import write_json
from ..plugins import Section

SUFFIX = ""
REREADS = True

# Of a batch, which is in memory while it is written and whenever one of its rows is read.
BATCH_ROWS, BATCH_BYTES = 100, 2**26

COLUMNS = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("label", pa.int64()),
        ("sample_id", pa.int64()),
        ("source", pa.string()),
        ("score", pa.float32()),
    ]
)
# The same in the package's words; the classes are the data set's.
FEATURES = {
    "image": {"_type": "Image"},
    "label": {"_type": "ClassLabel"},
    "sample_id": {"dtype": "int64", "_type": "Value"},
    "source": {"dtype": "string", "_type": "Value"},
    "score": {"dtype": "float32", "_type": "Value"},
}


class Options(Section):
    """`shard_size`: how large a file may be."""

    shard_size: int = Field(500, ge=1, description="MB of images in a file")


def write(options, kept, folder):
    """Fill the folder with ``data-00000-of-00002.arrow`` and so on, ``state.json`` and ``dataset_info.json``.

    Rows are in order of sample_id; images are as they were, those of arrays PNG; label is a ClassLabel, -1 where there
    is none. The fingerprint, by which `datasets` knows what it has cached, is a digest of everything.
    """
    features = FEATURES | {"label": {"names": kept.classes, "_type": "ClassLabel"}}
    schema = COLUMNS.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    digest, files = hashlib.sha256(json.dumps(features).encode()), []
    for shard, samples in groupby(kept.encoded(options.shard_size * 10**6), key=itemgetter(0)):
        files.append(folder / f"{shard}.arrow")
        with pa.ipc.new_stream(files[-1], schema) as writer:
            for rows in _batches(samples):
                for row in rows:
                    digest.update(row["image"]["bytes"])
                    digest.update(repr([row[name] for name in COLUMNS.names[1:]]).encode())
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema))
    names = [f"data-{shard:05d}-of-{len(files):05d}.arrow" for shard in range(len(files))]
    for file, name in zip(files, names, strict=True):
        file.rename(folder / name)
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    write_json(folder / "dataset_info.json", info)
    state: dict = {"_data_files": [{"filename": name} for name in names], "_fingerprint": digest.hexdigest()[:16]}
    state |= {"_format_type": None, "_format_kwargs": {}, "_format_columns": None, "_output_all_columns": False}
    write_json(folder / "state.json", state | {"_split": "train"})


def _batches(samples: Iterable[tuple]) -> Iterator[list[dict]]:
    rows, size = [], 0
    for _, sample, raw, suffix in samples:
        image = {"bytes": raw, "path": f"{sample.sample_id:09d}.{suffix}"}
        row = {"image": image, "label": sample.label, "sample_id": sample.sample_id}
        rows.append(row | {"source": sample.source, "score": sample.score})
        size += len(raw)
        if len(rows) == BATCH_ROWS or size >= BATCH_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows
