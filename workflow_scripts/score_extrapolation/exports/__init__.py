"""Kept lists in the formats of trainers and tools, one file each; the file's name is the format's.

A format is a file of this folder with

- ``SUFFIX = ".csv"``: of the file that it writes, ``""`` where that is a folder, a literal,
- ``REREADS = True``, a literal, in those that read the data set again, for its images or for how it lists them,
- ``class Options(Section)``: its settings,
- ``write(options, kept, path)``, which makes the file, or fills the folder, which is there and empty, under a name that
  is changed when all is written. The same list gives the same bytes.

``kept`` has ``n``, ``classes``, ``batches()``, ``rows()``, ``n_listed``, ``samples()`` and ``encoded()``
(`_kept.Kept`).
"""

import os

from ..io.atomic import replacing, replacing_folder
from ..plugins import load_method, method_constant, method_options
from ._kept import Kept


def export_kept(
    kept_path: str | os.PathLike, path: str | os.PathLike, format: dict, classes: list[str], samples: dict | None = None
) -> None:
    """Write a kept list in another format, whole or not at all.

    Parameters
    ----------
    kept_path : path
        A table with the columns of `tables.KEPT`.
    path : path
        The file or folder to write; what is there is replaced.
    format : dict
        ``{"name": ..., **options}``; the name is a file of this folder, e.g. ``"webdataset"``.
    classes : list of str, (C,)
        The names of labels 0..C-1, as in ``summary.json``.
    samples : dict, optional
        How the data set was read: ``dataset``, ``train``, ``options``, ``pool`` and ``labelled`` (true by default), as
        of `datasets.store.preparation.prepare_samples`. For the formats that say `REREADS`.

    Raises
    ------
    InputFault
        No such format; a kept image is not where it was, or the format cannot hold it; one sentence.
    ValueError
        An option is unknown or out of range.

    Notes
    -----
    Memory: a batch of the list; where the data set is read again, also the reader's own and, while kept samples are
    looked up in it, about 600 bytes for each image that it lists (5 s and 1.1 GB for two million).
    """
    settings = {key: value for key, value in format.items() if key != "name"}
    module = load_method("exports", format["name"])
    options = method_options("exports", format["name"])(**settings)
    placing = replacing if method_constant("exports", format["name"], "SUFFIX") else replacing_folder
    with placing(path) as partial:
        module.write(options, Kept(format["name"], kept_path, classes, samples), partial)
