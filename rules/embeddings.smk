"""Embeddings: every sample of a part as the subset's model sees it (eval mode, no augmentation, penultimate layer).

Reads:  samples (or, within a subset, subset), training (model)
Writes: embeddings/{recipe}/fraction-{part}/seed-{seed}.parquet; of several shards .../seed-{seed}/{scatteritem}.parquet,
        and gathered from them .../seed-{seed}/subset.parquet, mean.safetensors; of frozen networks {network}.parquet
"""


rule embed_samples:
    input:
        images=out("samples/train.npy"),
        samples=universe_of,
        model=trained_in("model.safetensors"),
    output:
        out(f"embeddings/{of_shard(EMBEDDED)}.parquet"),
        lineage=out(f"lineage/embeddings/{of_shard(EMBEDDED)}.json"),
    log:
        out(f"logs/embeddings/{of_shard(EMBEDDED)}.log"),
    wildcard_constraints:
        recipe=one_of(set(RECIPES) - set(UNSUPERVISED)),
    conda:
        "../envs/training.yaml"
    threads: threads_of("embeddings")
    resources:
        **resources_of("embeddings", gpu=True),
    params:
        stage="embeddings",
        dtype=EXPERIMENT.embeddings.dtype,
        precision=lambda wildcards: RECIPES[wildcards.recipe]["precision"],
        device=EXPERIMENT.device,
        code=lambda wildcards: code_digest("embed_samples.py", ("models", RECIPES[wildcards.recipe]["model"]["name"])),
    script:
        "../workflow_scripts/embed_samples.py"


# Of an unsupervised training, which made none, those that it read.
rule share_embeddings:
    input:
        samples=universe_of,
        embeddings=networks_of,
    output:
        out(f"embeddings/{of_shard(EMBEDDED)}.parquet"),
        lineage=out(f"lineage/embeddings/{of_shard(EMBEDDED)}.json"),
    log:
        out(f"logs/embeddings/{of_shard(EMBEDDED)}.log"),
    wildcard_constraints:
        recipe=one_of(UNSUPERVISED),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("embeddings")
    resources:
        **resources_of("embeddings"),
    params:
        stage="embeddings",
        code=code_digest("share_embeddings.py"),
    script:
        "../workflow_scripts/share_embeddings.py"


# What searches of any shard read, so that no job but this reads all shards.
rule gather_embeddings:
    input:
        subset=subset_of,
        shards=gather.samples(out(f"embeddings/{EMBEDDED}/{{scatteritem}}.parquet"), allow_missing=True),
    output:
        subset=out(f"embeddings/{EMBEDDED}/subset.parquet"),
        mean=out(f"embeddings/{EMBEDDED}/mean.safetensors"),
        lineage=out(f"lineage/embeddings/{EMBEDDED}/gathered.json"),
    log:
        out(f"logs/embeddings/{EMBEDDED}/gathered.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("embeddings")
    resources:
        **resources_of("embeddings"),
    params:
        stage="embeddings",
        code=code_digest("gather_embeddings.py"),
    script:
        "../workflow_scripts/gather_embeddings.py"


rule embed_pretrained:
    input:
        images=out("samples/train.npy"),
        samples=out("samples/train.parquet"),
        sources=lambda wildcards: NETWORKS[wildcards.network].files(),
    output:
        out("embeddings/{network}.parquet"),
        lineage=out("lineage/embeddings/{network}.json"),
    log:
        out("logs/embeddings/{network}.log"),
    wildcard_constraints:
        network=one_of(NETWORKS),
    conda:
        "../envs/training.yaml"
    threads: threads_of("embeddings")
    resources:
        **resources_of("embeddings", gpu=True),
    params:
        stage="embeddings",
        network=lambda wildcards: NETWORKS[wildcards.network].model_dump(),
        key=lambda wildcards: EXPERIMENT.embeddings.key_of(wildcards.network),
        dtype=EXPERIMENT.embeddings.dtype,
        device=EXPERIMENT.device,
        checkpoint=out("checkpoints/embeddings/{network}"),
        code=code_digest("embed_pretrained.py"),
    script:
        "../workflow_scripts/embed_pretrained.py"
