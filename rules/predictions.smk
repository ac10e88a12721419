"""Predictions: what the networks of a training, the last and earlier ones, say of the samples that they have not seen.

Reads:  samples (or, within a subset, subset), subset, training (snapshots, model), embeddings
Writes: predictions/{recipe}/fraction-{part}/seed-{seed}.parquet
"""


rule predict_samples:
    input:
        images=out("samples/train.npy"),
        samples=universe_of,
        subset=subset_of,
        snapshots=trained_in("snapshots"),
        model=trained_in("model.safetensors"),
        embeddings=out("embeddings/{recipe}/fraction-{part}/seed-{seed}.parquet"),
    output:
        out("predictions/{recipe}/fraction-{part}/seed-{seed}.parquet"),
    log:
        out("logs/predictions/{recipe}/fraction-{part}/seed-{seed}.log"),
    benchmark:
        out("benchmarks/predictions/{recipe}/fraction-{part}/seed-{seed}.tsv")
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
