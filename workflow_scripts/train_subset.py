"""Train on the subset, recording each sample's dynamics."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.training.launch import train_on

    metrics = train_on(
        images_path=snakemake.input.images,
        summary_path=snakemake.input.summary,
        samples_path=snakemake.input.subset,
        recipe=snakemake.params.recipe,
        seed=snakemake.params.seed,
        device=snakemake.params.device,
        code=snakemake.params.code,
        records=snakemake.params.records,
        dynamics_path=snakemake.output.dynamics,
        model_path=snakemake.output.model,
        snapshots_path=snakemake.output.snapshots,
        checkpoint_path=snakemake.params.checkpoint,
        # From the config, since a param that changes runs the job again.
        checkpoints=snakemake.config["checkpoints"],
        n_processes=max(1, snakemake.resources.gpu),
    )
    write_json(snakemake.output.metrics, metrics)
