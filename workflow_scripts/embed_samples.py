"""Embed every sample of a part with the model that was trained on its subset."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.names import shard_of
    from score_extrapolation.io.tables import read_table, write_vectors
    from score_extrapolation.models import load_model
    from score_extrapolation.shards import shard_rows
    from score_extrapolation.training.inference import embed_store

    sample_ids = read_table(snakemake.input.samples, ["sample_id"])["sample_id"]
    sample_ids = sample_ids[shard_rows(shard_of(snakemake.wildcards), len(sample_ids))]
    network = load_model(snakemake.input.model)
    embeddings = embed_store(
        network, snakemake.input.images, sample_ids, snakemake.params.precision, snakemake.params.device
    )
    ran.note_images(predicted=len(sample_ids))
    write_vectors(
        snakemake.output[0],
        ran.metadata,
        sample_id=sample_ids,
        embedding=embeddings.astype(snakemake.params.dtype),
    )
