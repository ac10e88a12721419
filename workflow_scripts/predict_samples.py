"""Predict the samples of a part that its training has not seen."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.tables import read_table, write_vectors
    from score_extrapolation.training.inference import predict_unseen

    columns = predict_unseen(
        snakemake.input.images,
        samples=read_table(snakemake.input.samples, ["sample_id", "label"]),
        subset_ids=read_table(snakemake.input.subset, ["sample_id"])["sample_id"],
        embeddings=read_table(snakemake.input.embeddings),
        model_path=snakemake.input.model,
        snapshots_path=snakemake.input.snapshots,
        precision=snakemake.params.precision,
        device=snakemake.params.device,
    )
    write_vectors(snakemake.output[0], metadata, **columns)
