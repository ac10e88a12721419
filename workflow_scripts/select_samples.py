"""Choose the samples to keep at one pruning rate, or so many."""

from snakemake_job import job

with job(snakemake) as metadata:
    from score_extrapolation.atomic import read_json
    from score_extrapolation.selection import select_tables
    from score_extrapolation.tables import KEPT, write_blocks

    own = ("samples", "summary", "scores", "doubts")
    blocks = select_tables(
        snakemake.input.samples,
        snakemake.input.get("scores"),
        snakemake.params.amount,
        snakemake.params.method,
        snakemake.params.seed,
        snakemake.input.get("doubts"),
        read_json(snakemake.input.summary).get("n_pool"),
        snakemake.params.labelled,
        {name: paths for name, paths in snakemake.input.items() if name not in own},
    )
    write_blocks(snakemake.output[0], KEPT, metadata, blocks)
