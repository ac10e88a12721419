"""Draw accuracy against pruning rate, accuracy against time, and the time of each stage."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.evaluation import read_csv
    from score_extrapolation.report.figures import plot_accuracy, plot_stages, plot_time

    runs = read_csv(snakemake.input.runs)
    plot_accuracy(runs, snakemake.output.accuracy)
    plot_time(read_csv(snakemake.input.summary), snakemake.output.time)
    plot_stages(runs, snakemake.output.stages)
