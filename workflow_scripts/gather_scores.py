"""Put the scores of all shards in one table."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.io.tables import gather_table

    gather_table(snakemake.output[0], ran.metadata, snakemake.input)
