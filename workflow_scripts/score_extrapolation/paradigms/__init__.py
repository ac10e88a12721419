"""What a training minimises, one file each: the loss of a step.

A paradigm is a file of this folder with ``class Options(Section)`` and ``class Objective``: ``Objective(options,
recipe, network)`` is made once a training, of the file's options, the whole `Recipe` and the bare network on its
device, and ``loss(forward, inputs, labels)`` is called for each step. ``forward(images, alone=False)`` returns logits
as the step is to compute them, under autocast and shared among processes, or `alone`, by the bare network, in passes
that other processes do not take part in; `inputs` are this process's part of the batch, uint8 (b, h, w, c) after
augmentation; `labels` are int64 (b,). It returns the loss summed over these images, to be differentiated; the logits of
the images as they are, detached float32 (b, C), of which records are made; and how many of these are right, a tensor.
What is random in it comes from torch's global generator, whose state checkpoints keep. ``passes`` is how many forward
passes of a step are alive together, which memory is planned by, and ``report()`` what the log says of the epoch that
ends, an empty text for nothing.

A paradigm that is no loop over images says so by a literal ``ENGINE``, the name of what trains it instead, and has no
``Objective``; it is a way to score and not to retrain.
"""

from ..plugins import load_method, method_options


def make_objective(paradigm: dict, recipe, network):
    """Return the objective of one training.

    Parameters
    ----------
    paradigm : dict
        ``{"name": ..., **options}``; the name is a file of this folder that has an ``Objective``.
    recipe : Recipe
        Of the training.
    network : Classifier
        The bare network, on its device.
    """
    return load_method("paradigms", paradigm["name"]).Objective(options_of(paradigm), recipe, network)


def options_of(paradigm: dict):
    """Return the options of a paradigm, those that it leaves out by their defaults."""
    options = {key: value for key, value in paradigm.items() if key != "name"}
    return method_options("paradigms", paradigm["name"])(**options)
