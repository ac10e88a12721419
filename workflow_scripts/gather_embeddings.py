"""Gather from the shards of embeddings what searches of any shard read: those of the subset, and the mean of all."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.io.named_arrays import write_arrays
    from score_extrapolation.io.tables import read_blocks, read_rows, read_table, write_vectors
    from score_extrapolation.neighbors.exact import mean_of

    subset_ids = read_table(snakemake.input.subset, ["sample_id"])["sample_id"]
    embeddings = read_rows(snakemake.input.shards, "embedding", subset_ids)
    write_vectors(snakemake.output.subset, ran.metadata, sample_id=subset_ids, embedding=embeddings)
    mean = mean_of(block["embedding"] for block in read_blocks(snakemake.input.shards, ["embedding"]))
    write_arrays(snakemake.output.mean, ran.metadata, mean=mean)
