"""List the data set and write how many images there are."""

from pruning_workflow.job import job

with job(snakemake):
    from dataclasses import asdict

    from pruning_workflow.plan.counts import count_samples
    from score_extrapolation.io.atomic import write_json

    write_json(snakemake.output[0], asdict(count_samples(dict(snakemake.params.samples))))
