"""Compute the scores of the samples that were trained on."""

from pruning_workflow.job import job

with job(snakemake, warns=snakemake.params.warns) as ran:
    from score_extrapolation.io.tables import SCORES, write_table
    from score_extrapolation.scores import score_file

    sample_ids, scores = score_file(snakemake.params.score, snakemake.input.dynamics)
    write_table(snakemake.output[0], SCORES, ran.metadata, sample_id=sample_ids, score=scores)
