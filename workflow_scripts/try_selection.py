"""Try a selection method within the subset: what it keeps there is trained on, and all other images judge."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.training.trials import try_selection

    given = ("images", "summary", "samples", "tried_on", "scores")
    trial = try_selection(
        snakemake.params.method,
        snakemake.params.amount,
        samples_path=snakemake.input.samples,
        subset_path=snakemake.input.tried_on,
        scores_path=snakemake.input.get("scores"),
        tables={name: paths for name, paths in snakemake.input.items() if name not in given},
        budget=snakemake.params.budget,
        repeats=snakemake.params.repeats,
        seed=snakemake.params.seed,
        checkpoint_path=snakemake.params.checkpoint,
        images_path=snakemake.input.images,
        summary_path=snakemake.input.summary,
        recipe=snakemake.params.recipe,
        device=snakemake.params.device,
        code=snakemake.params.code,
        # From the config, since a param that changes runs the job again.
        checkpoints=snakemake.config["checkpoints"],
        n_processes=max(1, snakemake.resources.gpu),
    )
    ran.note_images(trial["images_seen"], trial["images_predicted"])
    named = {"candidate": snakemake.wildcards.candidate, "method": snakemake.params.method}
    write_json(snakemake.output[0], named | trial)
