"""Correlate extrapolated scores with the truth, every run a row."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.agreement import tabulate_agreement

    write_csv(snakemake.output[0], tabulate_agreement(snakemake.params[0]))
