"""Compute one layer of an extrapolator for a shard; of the last, scores."""

from pruning_workflow.job import job

with job(snakemake) as ran:
    import numpy as np

    from pruning_workflow.names import shard_of
    from score_extrapolation.extrapolators import infer
    from score_extrapolation.io.named_arrays import read_arrays
    from score_extrapolation.io.tables import EXTRAPOLATED, read_rows, read_table, write_table, write_vectors
    from score_extrapolation.shards import shard_rows

    layer = int(snakemake.wildcards.layer)
    samples = read_table(snakemake.input.samples, ["sample_id", "label"])
    columns = infer(
        snakemake.params.extrapolator,
        layer,
        state=read_arrays(snakemake.input.state),
        graph=read_arrays(snakemake.input.graph),
        degrees=np.concatenate([read_arrays(path, ["degrees"])["degrees"] for path in snakemake.input.graphs]),
        samples=samples,
        rows=shard_rows(shard_of(snakemake.wildcards), len(samples["sample_id"])),
        read=lambda rows: read_rows(
            snakemake.input.before, "embedding" if layer == 1 else "hidden", samples["sample_id"][rows]
        ),
        device=snakemake.params.device,
    )
    if "hidden" in columns:
        write_vectors(snakemake.output[0], ran.metadata, **columns)
    else:
        write_table(snakemake.output[0], EXTRAPOLATED, ran.metadata, **columns)
