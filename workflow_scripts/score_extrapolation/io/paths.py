"""What a path of the config means: braces written out as a shell does, then globs."""

import glob
import os
import re

BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d+)\.\.(\d+)")


def natural_order(path: str) -> tuple:
    """Sort key in which digits count as numbers: ``batch_2`` comes before ``batch_10``."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path)], path


def expand_braces(path: str) -> list[str]:
    """Write braces out: ``train-{000..146}.tar`` is 147 paths, of three digits, and ``{a,b}.tar`` two.

    Braces with neither a range nor a comma stay, as does all of a path that exists as it is written.
    """
    if not os.path.exists(path):
        for found in BRACES.finditer(path):
            limits = RANGE.fullmatch(found[1])
            if limits or "," in found[1]:
                words = _count(*limits.groups()) if limits else found[1].split(",")
                return [
                    one for word in words for one in expand_braces(path[: found.start()] + word + path[found.end() :])
                ]
    return [path]


def _count(first: str, last: str) -> list[str]:
    """Return the numbers from one to the other, filled with zeros where the first begins with one."""
    width = len(first) if first.startswith("0") else 0
    step = 1 if int(last) >= int(first) else -1
    return [f"{number:0{width}d}" for number in range(int(first), int(last) + step, step)]


def match(path: str) -> list[str]:
    """Return the existing files and folders that a path without braces names: itself, or those of its glob.

    Globs (``**`` reaches into subfolders) are in natural order.
    """
    return [path] if os.path.exists(path) else sorted(glob.glob(path, recursive=True), key=natural_order)
