"""Draw the time of each stage."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.evaluation import read_csv
    from score_extrapolation.report.figures import plot_stages

    plot_stages(read_csv(snakemake.input[0]), snakemake.output[0])
