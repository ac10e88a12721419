"""Extrapolate the subset's scores to the whole data set."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.extrapolators import extrapolate
    from score_extrapolation.tables import EXTRAPOLATED, read_table, write_table

    scores = read_table(snakemake.input.scores)
    tables = {stage: read_table(path) for stage, path in snakemake.input.items() if stage != "scores"}
    columns = extrapolate(snakemake.params.extrapolator, scores["sample_id"], scores["score"], tables)
    write_table(snakemake.output[0], EXTRAPOLATED, metadata, **columns)
