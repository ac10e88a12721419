"""Images have means that fit their channels, and come from where the data set says."""

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_constant

from ..messages import Faults, shown
from ..shorthands import own_split


def find(sound) -> Faults:
    """Yield the contradictions within samples."""
    if sound.samples:
        yield from _in_channels(sound.samples)
        yield from _in_splits(sound.samples)


def _in_channels(samples) -> Faults:
    for key, limits in (("mean", "[0, 1]"), ("std", "(0, 1]")):
        values = getattr(samples, key) or []
        if not all(0 <= value <= 1 for value in values) or (0 in values and key == "std"):
            yield ("samples", key), f"= {shown(values)} is not in {limits}; pixels are scaled to 0..1"
        if values and samples.channels and len(values) != samples.channels:
            yield ("samples", key), f"= {shown(values)} is not one number for each of {samples.channels} channels"


def _in_splits(samples) -> Faults:
    name = samples.dataset
    needs_path = method_constant("datasets", name, "NEEDS_PATH")
    if needs_path and samples.train is None:
        yield ("samples", "train"), f"is missing; {name} needs the path of its images"
    for split in ("train", "test", "validation", "pool"):
        value = getattr(samples, split)
        if isinstance(value, dict):
            yield from _in_held_out(split, value)
        if isinstance(value, list) and not needs_path:
            yield ("samples", split), f"= {shown(value)} is a path, but {name} reads none; leave it out"
        if value == "given" and split != "train" and split not in method_constant("datasets", name, "SPLITS"):
            text = f"= given, but {name} has no {split} set of its own; write a path or a fraction such as 0.1"
            yield ("samples", split), text
    test, validation = ((v if isinstance(v, float) else 0) for v in (samples.test, samples.validation))
    if test + validation >= 1:
        text = f"= {validation} and samples.test = {test} leave no training images; lower one of them"
        yield ("samples", "validation"), text


def _in_held_out(split: str, held_out: dict) -> Faults:
    name, path, wanted = held_out["dataset"], held_out["path"], held_out["split"]
    splits, needs_path = (method_constant("datasets", name, constant) for constant in ("SPLITS", "NEEDS_PATH"))
    if needs_path and path is None:
        yield ("samples", split, "path"), f"is missing; {name} needs the path of its images"
    if path is not None and not needs_path:
        yield ("samples", split, "path"), f"= {shown(path)} is a path, but {name} reads none; leave it out"
    if len(splits) > 1 and wanted not in splits:
        text = f"= {shown(wanted)} is none of {listed(splits)}, the sets that {name} has; write one of them"
        yield ("samples", split, "split"), text
    if len(splits) == 1 and wanted != own_split(split):
        text = f"= {shown(wanted)} chooses nothing: {name} reads all that it finds; leave it out"
        yield ("samples", split, "split"), text
