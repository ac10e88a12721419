"""Predictions: what the networks of a training, the last and earlier ones, say of the samples that they have not seen.

Reads:  samples (or, within a subset, subset), subset, training (snapshots, model), embeddings
Writes: predictions/{recipe}/fraction-{part}/seed-{seed}.parquet; of several shards .../seed-{seed}/{scatteritem}.parquet
"""


rule predict_samples:
    input:
        images=out("samples/train.npy"),
        samples=universe_of,
        subset=subset_of,
        snapshots=trained_in("snapshots"),
        model=trained_in("model.safetensors"),
        embeddings=out(f"embeddings/{of_shard(EMBEDDED)}.parquet"),
    output:
        out(f"predictions/{of_shard(EMBEDDED)}.parquet"),
        lineage=out(f"lineage/predictions/{of_shard(EMBEDDED)}.json"),
    log:
        out(f"logs/predictions/{of_shard(EMBEDDED)}.log"),
    wildcard_constraints:
        recipe=one_of(set(RECIPES) - set(UNSUPERVISED)),
    conda:
        "../envs/training.yaml"
    threads: threads_of("predictions")
    resources:
        **resources_of("predictions", gpu=True),
    params:
        stage="predictions",
        precision=lambda wildcards: RECIPES[wildcards.recipe]["precision"],
        device=EXPERIMENT.device,
        code=lambda wildcards: code_digest("predict_samples.py", ("models", RECIPES[wildcards.recipe]["model"]["name"])),
    script:
        "../workflow_scripts/predict_samples.py"
