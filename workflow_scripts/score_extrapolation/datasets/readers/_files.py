"""Find the files that a path of the config means."""

import glob
import os
import re
from itertools import chain

from ...faults import InputFault
from ...io.paths import expand_braces, match, natural_order

SPLIT_WORDS = {"train", "test", "validation", "val", "valid"}


def expand(split: str, paths: list[str]) -> list[str]:
    """Return the existing files and folders that `paths` name, braces and globs written out.

    Parameters
    ----------
    split : str
        Whose paths they are, for the sentence of a fault.
    paths : list of str
        Files, folders, globs or braces, as of `paths`.

    Raises
    ------
    InputFault
        There is no path, or one, or one of those that braces stand for, leads to nothing.
    """
    if not paths:
        raise InputFault(f"samples.{split}: no path is given; give a file, folder or glob")
    found = []
    for path in chain.from_iterable(map(expand_braces, paths)):
        matches = match(path)
        if not matches:
            raise InputFault(f"samples.{split}: {path} does not exist; give an existing file, folder or glob")
        found += matches
    return found


def find_files(split: str, paths: list[str], suffix: str) -> list[str]:
    """Return files as given and, for each folder, its files with `suffix` in natural order, without subfolders.

    Raises
    ------
    InputFault
        A folder has no such file, or has files of several splits: reading both ``train-*`` and ``test-*``, or
        ``train_data_batch_*`` and ``val_data``, into one split would test on training samples and nobody would notice.
    """
    files = []
    for path in expand(split, paths):
        if not os.path.isdir(path):
            files.append(path)
            continue
        inside = sorted(glob.glob(os.path.join(glob.escape(path), f"*{suffix}")), key=natural_order)
        if not inside:
            raise InputFault(f"samples.{split}: the folder {path} has no {suffix} file; give one that does, or a glob")
        names = [re.match("([A-Za-z]*)[-_.]?", os.path.basename(file).removesuffix(suffix)) for file in inside]
        beginnings = {name[1].lower(): name[0] for name in names if name and name[1].lower() in SPLIT_WORDS}
        if len(beginnings) > 1:
            one = split if split in beginnings else min(beginnings.keys() - {"train"})
            raise InputFault(
                f"samples.{split}: the folder {path} has files of several splits ({', '.join(sorted(beginnings))}); "
                f"give a glob of one, such as {os.path.join(path, beginnings[one])}*{suffix}"
            )
        files += inside
    return files
