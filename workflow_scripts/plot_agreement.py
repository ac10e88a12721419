"""Draw how agreement with the truth depends on the extrapolator and its k."""

from pruning_workflow.job import job

with job(snakemake):
    from pruning_workflow.report.agreement import plot_agreement
    from score_extrapolation.evaluation import read_csv

    plot_agreement(read_csv(snakemake.input.agreement), read_csv(snakemake.input.ceiling), snakemake.output[0])
