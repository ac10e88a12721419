"""Draw how agreement with the truth depends on the extrapolator and its k."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.evaluation import read_csv
    from score_extrapolation.report.agreement import plot_agreement

    plot_agreement(read_csv(snakemake.input.agreement), read_csv(snakemake.input.ceiling), snakemake.output[0])
