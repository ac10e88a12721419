"""Gather accuracy and the time of every stage of every retrained model, and summarise over seeds."""

from pruning_workflow.job import job

with job(snakemake):
    from pruning_workflow.evaluation.retraining import compare_arms, summarize_retraining, tabulate_retraining
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.io.atomic import read_json

    runs = tabulate_retraining(snakemake.params[0], read_json(snakemake.input.summary))
    write_csv(snakemake.output.runs, runs)
    write_csv(snakemake.output.summary, summarize_retraining(runs))
    write_csv(snakemake.output.comparison, compare_arms(runs))
