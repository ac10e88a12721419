"""Put the trials within the subsets in one table, with what was chosen by them."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.trials import tabulate_trials

    write_csv(snakemake.output[0], tabulate_trials(snakemake.params[0]))
