"""Embeddings: every sample of a part as the subset's model sees it (eval mode, no augmentation, penultimate layer).

Reads:  samples (or, within a subset, subset), training (model)
Writes: embeddings/{recipe}/fraction-{part}/seed-{seed}.parquet
"""


rule embed_samples:
    input:
        images=out("samples/train.npy"),
        samples=universe_of,
        model=trained_in("model.safetensors"),
    output:
        out("embeddings/{recipe}/fraction-{part}/seed-{seed}.parquet"),
    log:
        out("logs/embeddings/{recipe}/fraction-{part}/seed-{seed}.log"),
    benchmark:
        out("benchmarks/embeddings/{recipe}/fraction-{part}/seed-{seed}.tsv")
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
