"""Neighbors: of each sample of a scope, once for all extrapolators that read it, at the largest k.

Reads:  samples (labels), subset, embeddings
Writes: neighbors/{recipe}/fraction-{fraction}/seed-{seed}/{scope}.parquet, {scope}.json; scope: subset, label or all
"""


rule find_neighbors:
    input:
        samples=out("samples/train.parquet"),
        subset=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
        embeddings=out("embeddings/{recipe}/fraction-{fraction}/seed-{seed}.parquet"),
    output:
        table=out("neighbors/{recipe}/fraction-{fraction}/seed-{seed}/{scope}.parquet"),
        metrics=out("neighbors/{recipe}/fraction-{fraction}/seed-{seed}/{scope}.json"),
    log:
        out("logs/neighbors/{recipe}/fraction-{fraction}/seed-{seed}/{scope}.log"),
    benchmark:
        out("benchmarks/neighbors/{recipe}/fraction-{fraction}/seed-{seed}/{scope}.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: asks("threads", "neighbors")
    resources:
        mem_mb=asks("mem_mb", "neighbors"),
        runtime=asks("runtime", "neighbors"),
        gpu=asks("gpu", "neighbors"),
    params:
        stage="neighbors",
        k=lambda wildcards: EXPERIMENT.largest_k(wildcards.scope),
        method=EXPERIMENT.neighbors.method,
        device=EXPERIMENT.device,
        seed=lambda wildcards: int(wildcards.seed),
        code=code_digest("find_neighbors.py"),
    script:
        "../workflow_scripts/find_neighbors.py"
