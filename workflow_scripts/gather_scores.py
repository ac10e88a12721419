"""Put the scores of all shards in one table."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.tables import gather_table

    gather_table(snakemake.output[0], metadata, snakemake.input)
