"""Choose the samples to keep at one pruning rate."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.selection import select_table
    from score_extrapolation.tables import KEPT, read_table, write_table

    scores = snakemake.input.get("scores")
    columns = select_table(
        read_table(snakemake.input.samples),
        read_table(scores) if scores else None,
        snakemake.params.rate,
        snakemake.params.method,
        snakemake.params.seed,
    )
    write_table(snakemake.output[0], KEPT, metadata, **columns)
