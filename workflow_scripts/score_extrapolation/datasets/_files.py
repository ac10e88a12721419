"""Find the files that a path of the config means."""

import glob
import os

from ..faults import InputFault

SPLIT_WORDS = {"train", "test", "validation", "val", "valid"}


def expand(split: str, paths: list[str]) -> list[str]:
    """Return the existing files and folders that `paths` name, globs expanded and sorted.

    Parameters
    ----------
    split : str
        Whose paths they are, for the sentence of a fault.
    paths : list of str
        Files, folders or globs (``**`` reaches into subfolders).

    Raises
    ------
    InputFault
        There is no path, or one leads to nothing.
    """
    if not paths:
        raise InputFault(f"samples.{split}: no path is given; give a file, folder or glob")
    found = []
    for path in paths:
        matches = [path] if os.path.exists(path) else sorted(glob.glob(path, recursive=True))
        if not matches:
            raise InputFault(f"samples.{split}: {path} does not exist; give an existing file, folder or glob")
        found += matches
    return found


def find_files(split: str, paths: list[str], suffix: str) -> list[str]:
    """Return files as given and, for each folder, its files with `suffix` in sorted order, without subfolders.

    Raises
    ------
    InputFault
        A folder has no such file, or has files of several splits: reading both ``train-*`` and ``test-*`` into
        one split would test on training samples and nobody would notice.
    """
    files = []
    for path in expand(split, paths):
        if not os.path.isdir(path):
            files.append(path)
            continue
        inside = sorted(glob.glob(os.path.join(glob.escape(path), f"*{suffix}")))
        if not inside:
            raise InputFault(f"samples.{split}: the folder {path} has no {suffix} file; give one that does, or a glob")
        words = {os.path.basename(file).removesuffix(suffix).split("-")[0] for file in inside} & SPLIT_WORDS
        if len(words) > 1:
            raise InputFault(
                f"samples.{split}: the folder {path} has files of several splits ({', '.join(sorted(words))}); "
                f"give a glob of one, such as {os.path.join(path, split)}-*{suffix}"
            )
        files += inside
    return files
