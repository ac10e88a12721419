"""Extrapolate to each fifth of the subset from the other four, and see how well."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.evaluation.estimates import cross_validate
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.io.tables import read_table

    metrics = cross_validate(
        snakemake.params.extrapolator,
        snakemake.params.needs,
        embeddings=read_table(snakemake.input.embeddings),
        subset=read_table(snakemake.input.subset),
        scores=read_table(snakemake.input.scores),
        seed=snakemake.params.seed,
        device=snakemake.params.device,
    )
    write_json(snakemake.output[0], metrics)
