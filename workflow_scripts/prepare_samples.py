"""Decode a data set into arrays and tables, one of each per split."""

from pathlib import Path

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.datasets.store.preparation import prepare_samples

    samples = dict(snakemake.params.samples)
    prepare_samples(
        train=samples.pop("train") or [],
        seed=samples.pop("split_seed"),
        **samples,
        folder=Path(snakemake.output.summary).parent,
        threads=snakemake.threads,
    )
