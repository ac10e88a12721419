"""Neighbors: of each sample of a scope, once for all extrapolators that read it, at the largest k.

Reads:  samples (labels), subset, embeddings
Writes: neighbors/{recipe}/fraction-{part}/seed-{seed}/{scope}.parquet, {scope}.json; scope: subset, label or all;
        of several shards .../{scope}/{scatteritem}.parquet, {scatteritem}.json
"""


def searched_in(wildcards):
    """Return what neighbours are chosen from, where a shard is searched: the subset, or each shard in turn."""
    folder = out(f"embeddings/{wildcards.recipe}/fraction-{wildcards.part}/seed-{wildcards.seed}")
    if not SHARD:
        return {}
    if wildcards.scope != "all":
        return {"base": [f"{folder}/subset.parquet"]}
    return {"base": gather.samples(f"{folder}/{{scatteritem}}.parquet"), "mean": f"{folder}/mean.safetensors"}


rule find_neighbors:
    input:
        unpack(searched_in),
        samples=universe_of,
        subset=subset_of,
        embeddings=out(f"embeddings/{EMBEDDED}{SHARD}.parquet"),
    output:
        table=out(f"neighbors/{EMBEDDED}/{{scope}}{SHARD}.parquet"),
        metrics=out(f"neighbors/{EMBEDDED}/{{scope}}{SHARD}.json"),
    log:
        out(f"logs/neighbors/{EMBEDDED}/{{scope}}{SHARD}.log"),
    benchmark:
        out(f"benchmarks/neighbors/{EMBEDDED}/{{scope}}{SHARD}.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: asks("threads", "neighbors")
    resources:
        mem_mb=asks("mem_mb", "neighbors"),
        runtime=asks("runtime", "neighbors"),
        gpu=asks("gpu", "neighbors"),
    params:
        stage="neighbors",
        k=lambda wildcards: EXPERIMENT.largest_k(wildcards.scope, wildcards.part),
        # An approximate method has one index of all samples, and so no shards.
        method="exact" if SHARD else EXPERIMENT.neighbors.method,
        device=EXPERIMENT.device,
        seed=lambda wildcards: int(wildcards.seed),
        code=code_digest("find_neighbors.py"),
    script:
        "../workflow_scripts/find_neighbors.py"
