"""Train on the subset, recording each sample's dynamics."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.trainings import n_processes, note_cost, training_settings
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.training.launch import train_on
    from score_extrapolation.training.task import TrainingOutputs, TrainingSet, TrainingTask

    read, written = snakemake.input, snakemake.output
    task = TrainingTask(
        data=TrainingSet(read.images, read.summary, read.subset),
        outputs=TrainingOutputs(written.model, written.dynamics, snakemake.params.records, written.snapshots),
        **training_settings(snakemake),
    )
    write_json(written.metrics, note_cost(ran, train_on(task, n_processes(snakemake))))
