"""Find the nearest subset samples of each residual sample."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.neighbors import find_subset_neighbors
    from score_extrapolation.tables import read_table, write_vectors

    subset_ids = read_table(snakemake.input.subset, ["sample_id"])["sample_id"]
    embeddings = read_table(snakemake.input.embeddings)
    write_vectors(snakemake.output[0], metadata, **find_subset_neighbors(embeddings, subset_ids, snakemake.params.k))
