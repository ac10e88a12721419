"""Find the nearest neighbours of each sample of a scope, and how many of them a faster search has missed."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.atomic import write_json
    from score_extrapolation.neighbors import find_scope
    from score_extrapolation.tables import read_table, write_vectors

    columns, metrics = find_scope(
        snakemake.wildcards.scope,
        embeddings=read_table(snakemake.input.embeddings),
        subset_ids=read_table(snakemake.input.subset, ["sample_id"])["sample_id"],
        k=snakemake.params.k,
        samples=read_table(snakemake.input.samples, ["sample_id", "label"]),
        method=snakemake.params.method,
        device=snakemake.params.device,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
    )
    write_vectors(snakemake.output.table, metadata, **columns)
    write_json(snakemake.output.metrics, metrics)
