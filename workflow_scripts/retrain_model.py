"""Train a fresh model on what is kept and measure its accuracy."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.trainings import n_processes, note_cost, training_settings
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.models import load_model
    from score_extrapolation.training.budget import retraining_budget
    from score_extrapolation.training.inference import measure_accuracy
    from score_extrapolation.training.launch import train_on
    from score_extrapolation.training.task import StoredSplit, TrainingOutputs, TrainingSet, TrainingTask

    read, params, recipe = snakemake.input, snakemake.params, snakemake.params.recipe
    labels = read.get("labels") or None
    files = zip(params.held_out, read.held_out_images, read.held_out_samples, strict=True)
    held_out = {split: StoredSplit(images, samples) for split, images, samples in files}
    task = TrainingTask(
        data=TrainingSet(read.images, read.summary, read.kept, labels),
        outputs=TrainingOutputs(snakemake.output.model),
        epochs=retraining_budget(read.images, recipe, params.budget, params.redrawn, params.pool_share),
        validation=held_out["validation"] if recipe["paradigm"].get("best_of") else None,
        **training_settings(snakemake),
    )
    metrics = note_cost(ran, train_on(task, n_processes(snakemake)))
    model = load_model(snakemake.output.model)
    for name, split in held_out.items():
        metrics[f"{name}_accuracy"] = measure_accuracy(
            model, split.images, split.samples, recipe["precision"], params.device, matched=labels is not None
        )
    write_json(snakemake.output.metrics, metrics)
