"""Train an extrapolator of several layers on the subset's scores."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.extrapolators import train
    from score_extrapolation.io.named_arrays import write_arrays
    from score_extrapolation.io.tables import read_table

    scores = read_table(snakemake.input.scores)
    tables = {name: read_table(path) for name, path in snakemake.input.items() if name != "scores"}
    state = train(
        snakemake.params.extrapolator,
        scores["sample_id"],
        scores["score"],
        tables,
        snakemake.params.seed,
        snakemake.params.device,
    )
    write_arrays(snakemake.output[0], ran.metadata, **state)
