"""Gather accuracy and the time of every stage of every retrained model, and summarise over seeds."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from pruning_workflow.evaluation.retraining import compare_arms, summarize_retraining, tabulate_retraining
    from pruning_workflow.lineage import Lineage
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.io.atomic import read_json

    runs = tabulate_retraining(
        snakemake.params[0], read_json(snakemake.input.summary), Lineage.of(ran.folder), ran.folder
    )
    write_csv(snakemake.output.runs, runs)
    write_csv(snakemake.output.summary, summarize_retraining(runs))
    write_csv(snakemake.output.comparison, compare_arms(runs))
