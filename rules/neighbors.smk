"""Neighbors: of each sample of a scope, once for all extrapolators that read it, at the largest k.

Reads:  samples (labels), subset, embeddings
Writes: neighbors/{recipe}/fraction-{part}/seed-{seed}/{scope}.parquet, {scope}.json; scope: subset, label or all;
        of several shards .../{scope}/{scatteritem}.parquet, {scatteritem}.json
"""

NEAREST = f"{EMBEDDED}/{{scope}}"


rule find_neighbors:
    input:
        unpack(searched_in),
        samples=universe_of,
        subset=subset_of,
        embeddings=out(f"embeddings/{of_shard(EMBEDDED)}.parquet"),
    output:
        table=out(f"neighbors/{of_shard(NEAREST)}.parquet"),
        metrics=out(f"neighbors/{of_shard(NEAREST)}.json"),
        lineage=out(f"lineage/neighbors/{of_shard(NEAREST)}.json"),
    log:
        out(f"logs/neighbors/{of_shard(NEAREST)}.log"),
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("neighbors")
    resources:
        **resources_of("neighbors", gpu=True),
    params:
        stage="neighbors",
        k=lambda wildcards: EXPERIMENT.largest_k(wildcards.scope, part_of(wildcards)),
        # An approximate method has one index of all samples, and so no shards.
        method="exact" if SPLIT else EXPERIMENT.neighbors.method,
        device=EXPERIMENT.device,
        seed=lambda wildcards: int(wildcards.seed),
        code=code_digest("find_neighbors.py"),
    script:
        "../workflow_scripts/find_neighbors.py"
