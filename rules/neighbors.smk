"""Neighbors: of each residual sample in the subset, searched once at the largest k.

Reads:  subset, embeddings
Writes: neighbors/{recipe}/fraction-{fraction}/seed-{seed}.parquet
"""


rule find_neighbors:
    input:
        subset=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
        embeddings=out("embeddings/{recipe}/fraction-{fraction}/seed-{seed}.parquet"),
    output:
        out("neighbors/{recipe}/fraction-{fraction}/seed-{seed}.parquet"),
    log:
        out("logs/neighbors/{recipe}/fraction-{fraction}/seed-{seed}.log"),
    benchmark:
        out("benchmarks/neighbors/{recipe}/fraction-{fraction}/seed-{seed}.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: asks("threads", "neighbors")
    resources:
        mem_mb=asks("mem_mb", "neighbors"),
        runtime=asks("runtime", "neighbors"),
    params:
        stage="neighbors",
        k=EXPERIMENT.largest_k(),
        code=code_digest("find_neighbors.py"),
    script:
        "../workflow_scripts/find_neighbors.py"
