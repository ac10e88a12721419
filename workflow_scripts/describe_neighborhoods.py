"""Correlate true scores with the labels and the distances of each sample's nearest others."""

from snakemake_job import job

with job(snakemake):
    import pandas as pd

    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.neighborhoods import tabulate_neighborhoods
    from score_extrapolation.tables import read_table

    labels = read_table(snakemake.input.samples, ["sample_id", "label"])
    tables = []
    for row in snakemake.params[0]:
        truth, neighbors = read_table(row["truth"]), read_table(row["neighbors"])
        found = tabulate_neighborhoods(labels, truth, neighbors)
        tables.append(found.assign(score=row["score"], seed=row["seed"]))
    write_csv(snakemake.output[0], pd.concat(tables))
