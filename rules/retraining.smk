"""Retraining: a fresh model on what is kept, and its accuracy.

Reads:  samples, selection, and where labels are those that were found: training
Writes: retraining/{budget}/{arm}/seed-{seed}/{amount}/model.safetensors, metrics.json
"""

HELD_OUT = [split for split in SPLITS if split != "train"]


rule retrain_model:
    input:
        images=out("samples/train.npy"),
        summary=out("samples/summary.json"),
        kept=kept_by,
        labels=labels_for,
        held_out_images=[out(f"samples/{split}.npy") for split in HELD_OUT],
        held_out_samples=[out(f"samples/{split}.parquet") for split in HELD_OUT],
    output:
        model=out("retraining/{budget}/{arm}/seed-{seed}/{amount}/model.safetensors"),
        metrics=out("retraining/{budget}/{arm}/seed-{seed}/{amount}/metrics.json"),
        lineage=out("lineage/retraining/{budget}/{arm}/seed-{seed}/{amount}.json"),
    log:
        out("logs/retraining/{budget}/{arm}/seed-{seed}/{amount}.log"),
    conda:
        "../envs/training.yaml"
    threads: threads_of("retraining")
    resources:
        **resources_of("retraining", gpu=True),
    params:
        stage="retraining",
        seed=lambda wildcards: int(wildcards.seed),
        recipe=EXPERIMENT.retraining.model_dump(exclude={"budgets", "labels", "pool_share"}),
        pool_share=EXPERIMENT.retraining.pool_share,
        budget="{budget}",
        redrawn=lambda wildcards: Amount.parse(wildcards.amount).settings() if is_redrawn(wildcards.arm) else None,
        held_out=HELD_OUT,
        device=EXPERIMENT.device,
        checkpoint=out("checkpoints/retraining/{budget}/{arm}/seed-{seed}/{amount}"),
        code=code_digest(
            "retrain_model.py",
            ("models", EXPERIMENT.retraining.model["name"]),
            ("paradigms", EXPERIMENT.retraining.paradigm["name"]),
        ),
    script:
        "../workflow_scripts/retrain_model.py"
