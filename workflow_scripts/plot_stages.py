"""Draw the time of each stage."""

from pruning_workflow.job import job

with job(snakemake):
    from pruning_workflow.report.figures import plot_stages
    from score_extrapolation.evaluation import read_csv

    plot_stages(read_csv(snakemake.input[0]), snakemake.output[0])
