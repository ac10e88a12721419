"""Try a selection method within the subset: what it keeps there is trained on, and all other images judge."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.trainings import n_processes, note_cost, training_settings
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.training.task import TrainingSet
    from score_extrapolation.training.trials import Candidate, try_selection

    read, params = snakemake.input, snakemake.params
    given = ("images", "summary", "samples", "tried_on", "scores")
    tables = {name: paths for name, paths in read.items() if name not in given}
    trial = try_selection(
        Candidate(params.method, params.amount, read.tried_on, read.get("scores"), tables),
        data=TrainingSet(read.images, read.summary, read.samples),
        budget=params.budget,
        repeats=params.repeats,
        n_processes=n_processes(snakemake),
        **training_settings(snakemake),
    )
    named = {"candidate": snakemake.wildcards.candidate, "method": params.method}
    write_json(snakemake.output[0], named | note_cost(ran, trial))
