"""Take the scores of the extrapolator that did best within the subset."""

from pruning_workflow.job import LOGGER, job

with job(snakemake) as ran:
    from score_extrapolation.evaluation.estimates import choose
    from score_extrapolation.io.tables import EXTRAPOLATED, read_table, write_table

    labels = snakemake.params.labels
    chosen = choose(
        [
            {"extrapolator": label, "extrapolated": path, "truth": snakemake.input.scores}
            for label, path in zip(labels, snakemake.input.nested, strict=True)
        ]
    )
    LOGGER.info("auto: %s", chosen)
    columns = read_table(snakemake.input.candidates[labels.index(chosen)])
    write_table(snakemake.output[0], EXTRAPOLATED, ran.metadata | {"chosen": chosen}, **columns)
