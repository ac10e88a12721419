"""Measure how far every subset is from the samples outside it, in each space of embeddings."""

from pruning_workflow.job import job

with job(snakemake):
    import pandas as pd

    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.coverage import measure_coverage
    from score_extrapolation.io.tables import read_table
    from score_extrapolation.progress import Progress

    rows, table = snakemake.params[0], []
    with Progress(len(rows), "coverage", "subsets") as progress:
        for row in rows:
            embeddings = read_table(row["embeddings"], ["sample_id", "embedding"])
            subset_ids = read_table(row["subset"], ["sample_id"])["sample_id"]
            run = {key: row[key] for key in ("fraction", "sampler", "embedding", "seed")}
            table.append(run | measure_coverage(embeddings, subset_ids))
            progress.update(1)
    write_csv(snakemake.output[0], pd.DataFrame(table))
