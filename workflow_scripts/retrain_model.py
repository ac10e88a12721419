"""Train a fresh model on what is kept and measure its accuracy."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.models import load_model
    from score_extrapolation.training.budget import retraining_budget
    from score_extrapolation.training.inference import measure_accuracy
    from score_extrapolation.training.launch import train_on

    device, recipe = snakemake.params.device, snakemake.params.recipe
    held_out = {
        split: {"images_path": images, "samples_path": samples}
        for split, images, samples in zip(
            snakemake.params.held_out, snakemake.input.held_out_images, snakemake.input.held_out_samples, strict=True
        )
    }
    chosen_by = held_out["validation"] if recipe["paradigm"].get("best_of") else {}
    metrics = train_on(
        images_path=snakemake.input.images,
        summary_path=snakemake.input.summary,
        samples_path=snakemake.input.kept,
        labels_path=snakemake.input.get("labels") or None,
        recipe=recipe,
        seed=snakemake.params.seed,
        device=device,
        code=snakemake.params.code,
        model_path=snakemake.output.model,
        checkpoint_path=snakemake.params.checkpoint,
        # From the config, since a param that changes runs the job again.
        checkpoints=snakemake.config["checkpoints"],
        n_processes=max(1, snakemake.resources.gpu),
        pool_share=snakemake.params.pool_share,
        **{f"validation_{name}": path for name, path in chosen_by.items()},
        **retraining_budget(snakemake.input.images, recipe, snakemake.params.budget, snakemake.params.redrawn),
    )
    model, matched = load_model(snakemake.output.model), bool(snakemake.input.get("labels"))
    for split, paths in held_out.items():
        metrics[f"{split}_accuracy"] = measure_accuracy(
            model, **paths, precision=recipe["precision"], device=device, matched=matched
        )
    write_json(snakemake.output.metrics, metrics)
