"""Give an unsupervised training, in the place of embeddings of its own, those of the frozen networks that it read."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.names import shard_of
    from score_extrapolation.io.tables import read_table
    from score_extrapolation.shards import shard_rows
    from score_extrapolation.turtle.spaces import share_embeddings

    sample_ids = read_table(snakemake.input.samples, ["sample_id"])["sample_id"]
    rows = shard_rows(shard_of(snakemake.wildcards), len(sample_ids))
    share_embeddings(snakemake.input.embeddings, sample_ids[rows], snakemake.output[0], ran.metadata)
