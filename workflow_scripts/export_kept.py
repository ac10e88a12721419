"""Write a kept list in another format."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.atomic import read_json
    from score_extrapolation.exports import export_kept

    export_kept(
        snakemake.input.kept,
        snakemake.output[0],
        snakemake.params.format,
        read_json(snakemake.input.summary)["classes"],
        snakemake.params.samples,
    )
