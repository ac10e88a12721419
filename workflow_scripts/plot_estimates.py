"""Draw what was estimated of each extrapolator without the truth."""

from pruning_workflow.job import job

with job(snakemake):
    from pruning_workflow.report.agreement import plot_estimates
    from score_extrapolation.evaluation import read_csv

    plot_estimates(read_csv(snakemake.input[0]), snakemake.output[0])
