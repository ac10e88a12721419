"""Correlate extrapolated scores with the truth, every run a row, and the truths of two seeds with each other."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.agreement import tabulate_agreement, tabulate_ceiling

    write_csv(snakemake.output.runs, tabulate_agreement(snakemake.params[0]))
    write_csv(snakemake.output.ceiling, tabulate_ceiling(snakemake.params[1]))
