"""Gather accuracy and the time of every stage of every retrained model, and summarise over seeds."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.atomic import read_json
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.retraining import compare_arms, summarize_retraining, tabulate_retraining

    runs = tabulate_retraining(snakemake.params[0], read_json(snakemake.input.summary))
    write_csv(snakemake.output.runs, runs)
    write_csv(snakemake.output.summary, summarize_retraining(runs))
    write_csv(snakemake.output.comparison, compare_arms(runs))
