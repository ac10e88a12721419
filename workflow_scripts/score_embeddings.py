"""Score every sample by embeddings alone."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.io.atomic import read_json
    from score_extrapolation.io.tables import SCORES, read_table, write_table
    from score_extrapolation.training_free import score_embeddings

    table = read_table(list(snakemake.input.embeddings), ["sample_id", "embedding"])
    n_classes = len(read_json(snakemake.input.summary)["classes"])
    scores = score_embeddings(snakemake.params.method, table["embedding"], n_classes, snakemake.params.seed)
    write_table(snakemake.output[0], SCORES, ran.metadata, sample_id=table["sample_id"], score=scores)
