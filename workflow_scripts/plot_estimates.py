"""Draw what was estimated of each extrapolator without the truth."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.evaluation import read_csv
    from score_extrapolation.report.agreement import plot_estimates

    plot_estimates(read_csv(snakemake.input[0]), snakemake.output[0])
