"""Predict the samples of a part that its training has not seen."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.names import shard_of
    from score_extrapolation.io.tables import read_table, write_vectors
    from score_extrapolation.shards import shard_rows
    from score_extrapolation.training.inference import predict_unseen

    samples = read_table(snakemake.input.samples, ["sample_id", "label"])
    rows = shard_rows(shard_of(snakemake.wildcards), len(samples["sample_id"]))
    columns = predict_unseen(
        snakemake.input.images,
        samples={name: column[rows] for name, column in samples.items()},
        subset_ids=read_table(snakemake.input.subset, ["sample_id"])["sample_id"],
        embeddings=read_table(snakemake.input.embeddings),
        model_path=snakemake.input.model,
        snapshots_path=snakemake.input.snapshots,
        precision=snakemake.params.precision,
        device=snakemake.params.device,
    )
    # The last network costs no pass: it has embedded the images already.
    ran.note_images(predicted=columns["probability"].size - len(columns["sample_id"]))
    write_vectors(snakemake.output[0], ran.metadata, **columns)
