"""Draw the subset that is trained on for scores."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    from score_extrapolation.datasets import count_own
    from score_extrapolation.io.atomic import read_json
    from score_extrapolation.io.tables import SUBSET, read_rows, read_table, write_table
    from score_extrapolation.subset import draw_subset

    n_own = count_own(read_json(snakemake.input.summary))
    samples = read_table(snakemake.input.samples, ["sample_id", "label"])
    samples = {name: values[:n_own] for name, values in samples.items()}
    scores = snakemake.input.get("scores")
    rows = draw_subset(
        n_own,
        snakemake.params.fraction,
        snakemake.params.seed,
        snakemake.params.sampler,
        samples["label"],
        scores and read_rows(scores, "score", samples["sample_id"]),
    )
    write_table(
        snakemake.output[0], SUBSET, ran.metadata, sample_id=samples["sample_id"][rows], label=samples["label"][rows]
    )
