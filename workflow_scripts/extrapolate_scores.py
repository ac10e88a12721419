"""Extrapolate the subset's scores to the whole data set."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.extrapolators import extrapolate
    from score_extrapolation.tables import EXTRAPOLATED, read_table, write_table

    scores = read_table(snakemake.input.scores)
    tables = {name: read_table(path) for name, path in snakemake.input.items() if name != "scores"}
    columns = extrapolate(
        snakemake.params.extrapolator,
        scores["sample_id"],
        scores["score"],
        tables,
        snakemake.params.seed,
        snakemake.params.device,
    )
    write_table(snakemake.output[0], EXTRAPOLATED, metadata, **columns)
