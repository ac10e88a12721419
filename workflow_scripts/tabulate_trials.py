"""Put the trials within the subsets in one table, with what was chosen by them."""

from pruning_workflow.job import job

with job(snakemake):
    from pruning_workflow.evaluation.trials import tabulate_trials
    from score_extrapolation.evaluation import write_csv

    write_csv(snakemake.output[0], tabulate_trials(snakemake.params[0]))
