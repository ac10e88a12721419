"""Training: the run on the subset whose dynamics become scores.

Reads:  samples, subset
Writes: training/fraction-{fraction}/seed-{seed}/dynamics.parquet, model.safetensors, metrics.json
"""


rule train_subset:
    input:
        images=out("samples/train.npy"),
        summary=out("samples/summary.json"),
        subset=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
    output:
        dynamics=out("training/fraction-{fraction}/seed-{seed}/dynamics.parquet"),
        model=out("training/fraction-{fraction}/seed-{seed}/model.safetensors"),
        metrics=out("training/fraction-{fraction}/seed-{seed}/metrics.json"),
    log:
        out("logs/training/fraction-{fraction}/seed-{seed}.log"),
    benchmark:
        out("benchmarks/training/fraction-{fraction}/seed-{seed}.tsv")
    conda:
        "../envs/training.yaml"
    threads: asks("threads", "training")
    resources:
        mem_mb=asks("mem_mb", "training"),
        runtime=asks("runtime", "training"),
        gpu=asks("gpu", "training"),
    params:
        stage="training",
        seed=lambda wildcards: int(wildcards.seed),
        recipe=EXPERIMENT.training.model_dump(),
        records=RECORDS,
        device=EXPERIMENT.device,
        code=code_digest(
            "train_subset.py",
            ("models", EXPERIMENT.training.model["name"]),
            *(("records", record) for record in RECORDS),
        ),
    script:
        "../workflow_scripts/train_subset.py"
