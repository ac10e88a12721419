"""Where kept lists lie in the formats of trainers and tools, beside the lists themselves."""

import sys

from score_extrapolation.plugins import method_constant, method_names

from .config import Config

READ_AGAIN = ("train", "pool.path")  # the sets that kept samples are of, by their keys in `Samples.sets_read`


def suffix_of(format: str) -> str:
    """Return the suffix of what a format writes: none of a folder."""
    return method_constant("exports", format, "SUFFIX")


def exported_paths(experiment: Config, kept: list[str]) -> list[str]:
    """Return where these kept lists lie in all formats of the config; where it names none, say so and end."""
    formats = [format["name"] for format in experiment.export.formats]
    if not formats:
        known = ", ".join(method_names("exports"))
        print(f"config: export.formats is empty; write some of {known}, such as [csv, links]", file=sys.stderr)
        sys.exit(1)
    folder = experiment.path("selection/")
    names = [path.removeprefix(folder).removesuffix(".parquet") for path in kept]
    return [experiment.path(f"export/{format}/{name}{suffix_of(format)}") for format in formats for name in names]


def kept_list(experiment: Config, wildcards) -> str:
    """Return the list that an export is made of; where it is asked for as no file of its format, say so and end."""
    suffix, asked = suffix_of(wildcards.format), wildcards.get("suffix", "")
    if asked != suffix:
        print(f"export: {wildcards.format} is written as a {suffix} file, not {asked}; ask for that", file=sys.stderr)
        sys.exit(1)
    return experiment.path(f"selection/{wildcards.arm}/seed-{wildcards.seed}/{wildcards.amount}.parquet")


def reading_of(experiment: Config, format: str) -> dict | None:
    """Return how the data set is read, as `export_kept` takes it, for a format that reads it again; else None."""
    if not method_constant("exports", format, "REREADS"):
        return None
    return experiment.samples.model_dump(include={"dataset", "train", "options", "pool", "labelled"})


def read_again_by(experiment: Config, format: str) -> list[str]:
    """Return the data sets, as the config calls them, whose readers a format loads."""
    read = experiment.samples.sets_read() if method_constant("exports", format, "REREADS") else []
    return [dataset for key, dataset, _ in read if key in READ_AGAIN]
