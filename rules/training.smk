"""Training: the run on the subset whose dynamics become scores, once for each recipe that scores name.

Reads:  samples, subset
Writes: training/{recipe}/fraction-{fraction}/seed-{seed}/dynamics.parquet, model.safetensors, snapshots
        (networks of earlier epochs), metrics.json
"""


rule train_subset:
    input:
        images=out("samples/train.npy"),
        summary=out("samples/summary.json"),
        subset=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
    output:
        dynamics=out("training/{recipe}/fraction-{fraction}/seed-{seed}/dynamics.parquet"),
        model=out("training/{recipe}/fraction-{fraction}/seed-{seed}/model.safetensors"),
        snapshots=directory(out("training/{recipe}/fraction-{fraction}/seed-{seed}/snapshots")),
        metrics=out("training/{recipe}/fraction-{fraction}/seed-{seed}/metrics.json"),
    log:
        out("logs/training/{recipe}/fraction-{fraction}/seed-{seed}.log"),
    benchmark:
        out("benchmarks/training/{recipe}/fraction-{fraction}/seed-{seed}.tsv")
    conda:
        "../envs/training.yaml"
    threads: threads_of("training")
    resources:
        **resources_of("training", gpu=True),
    params:
        stage="training",
        seed=lambda wildcards: int(wildcards.seed),
        recipe=lambda wildcards: RECIPES[wildcards.recipe],
        records=lambda wildcards: EXPERIMENT.records(wildcards.recipe),
        device=EXPERIMENT.device,
        checkpoint=out("checkpoints/training/{recipe}/fraction-{fraction}/seed-{seed}"),
        code=lambda wildcards: code_digest(
            "train_subset.py",
            ("models", RECIPES[wildcards.recipe]["model"]["name"]),
            ("paradigms", RECIPES[wildcards.recipe]["paradigm"]["name"]),
            *(("records", record) for record in EXPERIMENT.records(wildcards.recipe)),
        ),
    script:
        "../workflow_scripts/train_subset.py"
