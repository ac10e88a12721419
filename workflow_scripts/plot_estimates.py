"""Draw what was estimated of each extrapolator without the truth."""

from snakemake_job import job

with job(snakemake):
    import pandas as pd

    from score_extrapolation.report.figures import plot_estimates

    plot_estimates(pd.read_csv(snakemake.input[0]), snakemake.output[0])
