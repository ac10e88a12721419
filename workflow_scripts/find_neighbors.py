"""Find the nearest neighbours of each sample of a scope, and how many of them a faster search has missed."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.io.named_arrays import read_arrays
    from score_extrapolation.io.tables import read_table, write_vectors
    from score_extrapolation.neighbors import Base, find_scope

    scope, base = snakemake.wildcards.scope, None
    samples = read_table(snakemake.input.samples, ["sample_id", "label"])
    subset_ids = read_table(snakemake.input.subset, ["sample_id"])["sample_id"]
    if snakemake.input.get("base"):
        n = len(samples["sample_id"] if scope == "all" else subset_ids)
        centre = read_arrays(snakemake.input.mean)["mean"] if scope == "all" else None
        base = Base(n, map(read_table, snakemake.input.base), centre)
    columns, metrics = find_scope(
        scope,
        embeddings=read_table(snakemake.input.embeddings),
        subset_ids=subset_ids,
        k=snakemake.params.k,
        samples=samples,
        method=snakemake.params.method,
        device=snakemake.params.device,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        base=base,
    )
    write_vectors(snakemake.output.table, ran.metadata, **columns)
    write_json(snakemake.output.metrics, metrics)
