"""Find classes in embeddings alone, and record how each subset sample came to its own."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.trainings import checkpoint_plan, note_cost
    from score_extrapolation.io.atomic import read_json, write_json
    from score_extrapolation.turtle.runs import UnlabelledSet, UnsupervisedOutputs, train_unsupervised
    from score_extrapolation.turtle.trainer import TaskRecipe

    read, written, recipe = snakemake.input, snakemake.output, snakemake.params.recipe
    n_classes = snakemake.params.n_classes or len(read_json(read.summary)["classes"])
    options = {key: value for key, value in recipe["paradigm"].items() if key not in ("name", "classes", "spaces")}
    metrics = train_unsupervised(
        # Of each space its file, or its shards.
        UnlabelledSet([[path] for path in read.embeddings], read.samples, read.subset),
        n_classes,
        TaskRecipe(recipe["epochs"], recipe["batch_size"], recipe["optimizer"], options),
        seed=snakemake.params.seed,
        device=snakemake.params.device,
        outputs=UnsupervisedOutputs(
            encoder=written.encoder,
            labels=written.labels,
            metadata=ran.metadata | {"n_classes": n_classes},
            dynamics=written.get("dynamics"),
            records=snakemake.params.records,
        ),
        checkpoints=checkpoint_plan(snakemake),
    )
    write_json(written.metrics, note_cost(ran, metrics))
