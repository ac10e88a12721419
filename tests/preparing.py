"""Stores as tests describe them: flat settings, of which a test changes one or two."""

from dataclasses import fields

from score_extrapolation.datasets.store import preparation
from score_extrapolation.datasets.store.sets import Sources


def prepare_samples(dataset, train, test, validation, options, folder, **given):
    """Prepare a store of settings whose names are those of the parts of what `preparation.prepare_samples` is given."""
    given |= {"dataset": dataset, "train": train, "test": test, "validation": validation, "options": options}

    def part(kind):
        return kind(**{field.name: given.pop(field.name) for field in fields(kind) if field.name in given})

    parts = part(Sources), folder, part(preparation.StoredImages), part(preparation.Draws)
    return preparation.prepare_samples(*parts, **given)
