"""Neighbors: of each sample of a scope, once for all extrapolators that read it, at the largest k.

Reads:  samples (labels), subset, embeddings
Writes: neighbors/{recipe}/fraction-{part}/seed-{seed}/{scope}.parquet, {scope}.json; scope: subset, label or all
"""


rule find_neighbors:
    input:
        samples=universe_of,
        subset=subset_of,
        embeddings=out("embeddings/{recipe}/fraction-{part}/seed-{seed}.parquet"),
    output:
        table=out("neighbors/{recipe}/fraction-{part}/seed-{seed}/{scope}.parquet"),
        metrics=out("neighbors/{recipe}/fraction-{part}/seed-{seed}/{scope}.json"),
    log:
        out("logs/neighbors/{recipe}/fraction-{part}/seed-{seed}/{scope}.log"),
    benchmark:
        out("benchmarks/neighbors/{recipe}/fraction-{part}/seed-{seed}/{scope}.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("neighbors")
    resources:
        **resources_of("neighbors", gpu=True),
    params:
        stage="neighbors",
        k=lambda wildcards: EXPERIMENT.largest_k(wildcards.scope, wildcards.part),
        method=EXPERIMENT.neighbors.method,
        device=EXPERIMENT.device,
        seed=lambda wildcards: int(wildcards.seed),
        code=code_digest("find_neighbors.py"),
    script:
        "../workflow_scripts/find_neighbors.py"
