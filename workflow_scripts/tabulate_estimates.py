"""Put the estimates of all runs in one table, beside the truth where it is known."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.evaluation import read_csv, write_csv
    from score_extrapolation.evaluation.estimates import tabulate_estimates

    agreement = read_csv(snakemake.input.agreement) if snakemake.input.agreement else None
    write_csv(snakemake.output[0], tabulate_estimates(*snakemake.params[:3], agreement))
