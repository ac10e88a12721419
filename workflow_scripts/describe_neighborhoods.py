"""Correlate true scores with the labels and the distances of each sample's nearest others."""

from pruning_workflow.job import job

with job(snakemake):
    import pandas as pd

    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.neighborhoods import correlate_neighborhoods, neighborhood_statistics
    from score_extrapolation.io.tables import read_table, rows_of

    samples, tables = read_table(snakemake.input.samples, ["sample_id", "label"]), []
    for row in snakemake.params[0]:
        neighbors, truth = read_table(row["neighbors"]), read_table(row["truth"])
        rows = rows_of(samples["sample_id"], neighbors["neighbor_ids"].reshape(-1))
        rows, distances = rows.reshape(neighbors["neighbor_ids"].shape), neighbors["neighbor_distances"]
        scores = truth["score"][rows_of(truth["sample_id"], samples["sample_id"])]
        found = correlate_neighborhoods(scores, neighborhood_statistics(samples["label"], rows, distances))
        run = {"score": row["score"], "seed": row["seed"], "k": rows.shape[1]}
        tables.append(pd.DataFrame([run | metric for metric in found.to_dict("records")]))
    write_csv(snakemake.output[0], pd.concat(tables))
