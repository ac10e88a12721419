"""Train on the subset, recording each sample's dynamics."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.atomic import write_json
    from score_extrapolation.models import save_model
    from score_extrapolation.training.recipe import Training
    from score_extrapolation.training.runs import train_on

    model, metrics = train_on(
        snakemake.input.images,
        snakemake.input.summary,
        snakemake.input.subset,
        Training(**snakemake.params.recipe),
        snakemake.params.seed,
        snakemake.params.device,
        dynamics_path=snakemake.output.dynamics,
        records=snakemake.params.records,
    )
    save_model(snakemake.output.model, model)
    write_json(snakemake.output.metrics, metrics)
