"""Embed every sample with a network that was trained on other data."""

from pruning_workflow.job import job

with job(snakemake) as metadata:
    import shutil

    from score_extrapolation.io.tables import read_table, write_vectors
    from score_extrapolation.pretrained import embed_pretrained

    sample_ids = read_table(snakemake.input.samples, ["sample_id"])["sample_id"]
    embeddings = embed_pretrained(
        images_path=snakemake.input.images,
        sample_ids=sample_ids,
        **snakemake.params.network,
        device=snakemake.params.device,
        checkpoint_path=snakemake.params.checkpoint,
        code=snakemake.params.code,
        key=snakemake.params.key,
    )
    write_vectors(
        snakemake.output[0],
        metadata | {"images_predicted": len(sample_ids)},
        sample_id=sample_ids,
        embedding=embeddings.astype(snakemake.params.dtype),
    )
    shutil.rmtree(snakemake.params.checkpoint, ignore_errors=True)
