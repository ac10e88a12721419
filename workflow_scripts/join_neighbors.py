"""Join the samples of a shard with those that they are neighbours of, or that are neighbours of theirs."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.names import shard_of
    from score_extrapolation.extrapolators import join
    from score_extrapolation.io.named_arrays import write_arrays
    from score_extrapolation.io.tables import read_blocks, read_table
    from score_extrapolation.shards import shard_rows

    sample_ids = read_table(snakemake.input.samples, ["sample_id"])["sample_id"]
    rows = shard_rows(shard_of(snakemake.wildcards), len(sample_ids))
    blocks = read_blocks(snakemake.input.neighbors)
    write_arrays(snakemake.output[0], ran.metadata, **join(snakemake.params.extrapolator, blocks, sample_ids, rows))
