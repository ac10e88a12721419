"""Train a fresh model on what is kept and measure its accuracy."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.atomic import write_json
    from score_extrapolation.models import save_model
    from score_extrapolation.training.recipe import Recipe
    from score_extrapolation.training.runs import measure_accuracy, train_on

    recipe = Recipe(**snakemake.params.recipe)
    model, metrics = train_on(
        snakemake.input.images,
        snakemake.input.summary,
        snakemake.input.kept,
        recipe,
        snakemake.params.seed,
        snakemake.params.device,
    )
    for split, images, samples in zip(
        snakemake.params.held_out, snakemake.input.held_out_images, snakemake.input.held_out_samples, strict=True
    ):
        metrics[f"{split}_accuracy"] = measure_accuracy(model, images, samples, recipe.precision)
    save_model(snakemake.output.model, model)
    write_json(snakemake.output.metrics, metrics)
