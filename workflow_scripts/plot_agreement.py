"""Draw how agreement with the truth depends on the extrapolator and its k."""

from snakemake_job import job

with job(snakemake):
    import pandas as pd

    from score_extrapolation.report.figures import plot_agreement

    agreement = pd.read_csv(snakemake.input.agreement, dtype={"fraction": str})
    plot_agreement(agreement, pd.read_csv(snakemake.input.ceiling), snakemake.output[0])
