"""Embed every sample with the model that was trained on the subset."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.models import load_model
    from score_extrapolation.tables import read_table, write_vectors
    from score_extrapolation.training.runs import embed_store

    embeddings = embed_store(
        load_model(snakemake.input.model), snakemake.input.images, snakemake.params.precision, snakemake.params.device
    )
    sample_ids = read_table(snakemake.input.samples, ["sample_id"])["sample_id"]
    write_vectors(
        snakemake.output[0], metadata, sample_id=sample_ids, embedding=embeddings.astype(snakemake.params.dtype)
    )
