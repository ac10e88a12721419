"""Find classes in embeddings alone, and record how each subset sample came to its own."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.io.atomic import read_json, write_json
    from score_extrapolation.turtle.runs import train_unsupervised

    recipe = snakemake.params.recipe
    n_classes = snakemake.params.n_classes or len(read_json(snakemake.input.summary)["classes"])
    metrics = train_unsupervised(
        # Of each space its file, or its shards.
        embeddings=[[path] for path in snakemake.input.embeddings],
        samples_path=snakemake.input.samples,
        subset_path=snakemake.input.subset,
        n_classes=n_classes,
        options={key: value for key, value in recipe["paradigm"].items() if key not in ("name", "classes", "spaces")},
        epochs=recipe["epochs"],
        batch_size=recipe["batch_size"],
        optimizer=recipe["optimizer"],
        seed=snakemake.params.seed,
        device=snakemake.params.device,
        code=snakemake.params.code,
        records=snakemake.params.records,
        dynamics_path=snakemake.output.get("dynamics"),
        encoder_path=snakemake.output.encoder,
        labels_path=snakemake.output.labels,
        checkpoint_path=snakemake.params.checkpoint,
        # From the config, since a param that changes runs the job again.
        checkpoints=snakemake.config["checkpoints"],
        metadata=ran.metadata | {"n_classes": n_classes},
    )
    ran.note_images(trained=None)  # a step sees embeddings, which images do not tell the cost of
    write_json(snakemake.output.metrics, metrics)
