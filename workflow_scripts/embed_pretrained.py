"""Embed every sample with a network that was trained on other data."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    import shutil

    from score_extrapolation.io.tables import read_table, write_vectors
    from score_extrapolation.pretrained import embed_pretrained

    sample_ids = read_table(snakemake.input.samples, ["sample_id"])["sample_id"]
    embeddings, seconds_before = embed_pretrained(
        images_path=snakemake.input.images,
        sample_ids=sample_ids,
        **snakemake.params.network,
        device=snakemake.params.device,
        checkpoint_path=snakemake.params.checkpoint,
        code=snakemake.params.code,
        key=snakemake.params.key,
    )
    ran.note_images(predicted=len(sample_ids))
    ran.note_seconds_before(seconds_before)
    write_vectors(
        snakemake.output[0],
        ran.metadata,
        sample_id=sample_ids,
        embedding=embeddings.astype(snakemake.params.dtype),
    )
    shutil.rmtree(snakemake.params.checkpoint, ignore_errors=True)
