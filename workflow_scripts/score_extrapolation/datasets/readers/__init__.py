"""Readers of image data sets, one file each.

A reader is a file of this folder with

- ``class Options(Section)``: its own settings (``samples.options`` in the config),
- ``SPLITS = ("train", "test")``: which splits the data set itself carries (``test: given``, ``test: {split: test}``), a
  literal,
- ``NEEDS_PATH = True``: whether ``samples.train`` must name files or folders, a literal,
- ``read_split(split, paths, options) -> Split``: the samples in a fixed order, **not yet decoded**,
- ``read_unlabelled``, of the same parameters, whose labels are None, where images can lack what ``read_split`` takes
  their labels from; of another reader, labels are read and left out.

The functions of `_files` find the files that `paths` name, and refuse a path that leads to nothing. What is bad in a
file is an `InputFault` that begins with ``samples.train: ``, by the name of the split, and names the file.
"""
