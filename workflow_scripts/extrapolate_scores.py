"""Extrapolate the subset's scores to the whole data set, or to a shard."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.names import shard_of
    from score_extrapolation.extrapolators import extrapolate
    from score_extrapolation.io.tables import EXTRAPOLATED, read_table, write_table
    from score_extrapolation.shards import shard_rows

    scores, shard_ids = read_table(snakemake.input.scores), None
    tables = {name: read_table(path) for name, path in snakemake.input.items() if name not in ("scores", "universe")}
    if snakemake.input.get("universe"):
        sample_ids = read_table(snakemake.input.universe, ["sample_id"])["sample_id"]
        shard_ids = sample_ids[shard_rows(shard_of(snakemake.wildcards), len(sample_ids))]
    columns = extrapolate(
        snakemake.params.extrapolator,
        scores["sample_id"],
        scores["score"],
        tables,
        snakemake.params.seed,
        snakemake.params.device,
        shard_ids,
    )
    write_table(snakemake.output[0], EXTRAPOLATED, ran.metadata, **columns)
