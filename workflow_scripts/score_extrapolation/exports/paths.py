"""A plain list: the source of a sample, such as the path of its file, on each line."""

from ..faults import InputFault
from ..plugins import Section

SUFFIX = ".txt"


class Options(Section):
    """No settings."""


def write(options, kept, path):
    """Write UTF-8, paths as the config gives their folder; an `InputFault` where one has a line end in it."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for batch in kept.batches():
            for source in batch["source"].to_pylist():
                if "\n" in source or "\r" in source:
                    raise InputFault(
                        f"export.formats: paths has a path on each line, but {source!r} has a line end in it; rename "
                        "it, or write csv, which quotes it"
                    )
                file.write(f"{source}\n")
