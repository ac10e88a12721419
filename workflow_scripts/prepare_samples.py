"""Decode a data set into arrays and tables, one of each per split."""

from dataclasses import fields
from pathlib import Path

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.datasets.store.preparation import Draws, StoredImages, prepare_samples
    from score_extrapolation.datasets.store.sets import Sources

    samples = snakemake.params.samples
    samples = samples | {"train": samples["train"] or [], "seed": samples["split_seed"]}

    def part(kind):
        return kind(**{field.name: samples[field.name] for field in fields(kind)})

    prepare_samples(
        part(Sources),
        Path(snakemake.output.summary).parent,
        part(StoredImages),
        part(Draws),
        on_bad_image=samples["on_bad_image"],
        duplicates=samples["duplicates"],
        threads=snakemake.threads,
    )
