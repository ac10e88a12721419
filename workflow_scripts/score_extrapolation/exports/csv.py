"""CSV: sample_id, label, class, source and score, a header line first."""

from pyarrow import csv

from ..plugins import Section
from ._kept import EXPORTED

SUFFIX = ".csv"


class Options(Section):
    """No settings."""


def write(options, kept, path):
    """Write UTF-8; texts are quoted: a source may have commas, quotes and line ends. What is not known is empty."""
    with csv.CSVWriter(path, EXPORTED) as writer:
        for batch in kept.batches():
            writer.write(batch)
