"""Compare the classes that unsupervised trainings found with the labels, with k-means and with one another."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.found_labels import tabulate_labels, warn_of_classes
    from score_extrapolation.io.tables import read_table

    samples = read_table(snakemake.input.samples, ["sample_id", "label"])
    table = tabulate_labels(snakemake.params[0], samples)
    write_csv(snakemake.output[0], table)
    warn_of_classes(table)
