"""Write a kept list in another format."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.exports import export_kept
    from score_extrapolation.io.atomic import read_json

    export_kept(
        snakemake.input.kept,
        snakemake.output[0],
        snakemake.params.format,
        read_json(snakemake.input.summary)["classes"],
        snakemake.params.samples,
    )
