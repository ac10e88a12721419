"""List the data set and write how many images there are."""

from snakemake_job import job

with job(snakemake):
    from dataclasses import asdict

    from score_extrapolation.atomic import write_json
    from score_extrapolation.planning.counts import count_samples

    write_json(snakemake.output[0], asdict(count_samples(dict(snakemake.params.samples))))
