"""Training: the run on the subset whose dynamics become scores, once for each recipe that scores name.

Reads:  samples, subset; of unsupervised trainings subset, embeddings (of frozen networks)
Writes: training/{recipe}/fraction-{fraction}/seed-{seed}/dynamics.parquet, model.safetensors, snapshots
        (networks of earlier epochs), metrics.json; of unsupervised trainings .../dynamics.parquet, encoder.safetensors,
        labels.parquet (of all samples), metrics.json, and with another number of classes .../classes-{classes}/...
"""

FOUND = "training/{recipe}/fraction-{fraction}/seed-{seed}"


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
        lineage=out("lineage/training/{recipe}/fraction-{fraction}/seed-{seed}.json"),
    log:
        out("logs/training/{recipe}/fraction-{fraction}/seed-{seed}.log"),
    wildcard_constraints:
        recipe=one_of(set(RECIPES) - set(UNSUPERVISED)),
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


rule train_unsupervised:
    input:
        samples=out("samples/train.parquet"),
        summary=out("samples/summary.json"),
        subset=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
        embeddings=networks_of,
    output:
        dynamics=out(f"{FOUND}/dynamics.parquet"),
        encoder=out(f"{FOUND}/encoder.safetensors"),
        labels=out(f"{FOUND}/labels.parquet"),
        metrics=out(f"{FOUND}/metrics.json"),
        lineage=out(f"lineage/{FOUND}.json"),
    log:
        out(f"logs/{FOUND}.log"),
    wildcard_constraints:
        recipe=one_of(UNSUPERVISED),
    conda:
        "../envs/training.yaml"
    threads: threads_of("training")
    resources:
        **resources_of("training", gpu=True),
    params:
        stage="training",
        seed=lambda wildcards: int(wildcards.seed),
        recipe=lambda wildcards: RECIPES[wildcards.recipe],
        n_classes=classes_of,
        records=lambda wildcards: EXPERIMENT.records(wildcards.recipe),
        device=EXPERIMENT.device,
        checkpoint=checkpoint_of,
        code=lambda wildcards: code_digest(
            "train_unsupervised.py",
            ("paradigms", RECIPES[wildcards.recipe]["paradigm"]["name"]),
            *(("records", record) for record in EXPERIMENT.records(wildcards.recipe)),
        ),
    script:
        "../workflow_scripts/train_unsupervised.py"


# With another number of classes, for the labels alone: what the number of classes should be.
use rule train_unsupervised as try_classes with:
    output:
        encoder=temp(out(f"{FOUND}/classes-{{classes}}/encoder.safetensors")),
        labels=out(f"{FOUND}/classes-{{classes}}/labels.parquet"),
        metrics=out(f"{FOUND}/classes-{{classes}}/metrics.json"),
        lineage=out(f"lineage/{FOUND}/classes-{{classes}}.json"),
    log:
        out(f"logs/{FOUND}/classes-{{classes}}.log"),
