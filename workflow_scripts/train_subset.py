"""Train on the subset, recording each sample's dynamics."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.trainings import n_processes, training_settings
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.training.launch import train_on
    from score_extrapolation.training.task import TrainingOutputs, TrainingSet, TrainingTask

    read, written = snakemake.input, snakemake.output
    task = TrainingTask(
        data=TrainingSet(read.images, read.summary, read.subset),
        outputs=TrainingOutputs(written.model, written.dynamics, snakemake.params.records, written.snapshots),
        **training_settings(snakemake),
    )
    metrics = train_on(task, n_processes(snakemake))
    ran.note_images(metrics["images_seen"], metrics["images_predicted"])
    write_json(written.metrics, metrics)
