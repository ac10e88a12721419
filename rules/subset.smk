"""Subset: the part that is trained on for scores, as its sampler draws it; fraction 100 is everything but a pool.

Reads:  samples, and what the sampler needs: training_free
Writes: subset/fraction-{fraction}/seed-{seed}.parquet
"""


rule draw_subset:
    input:
        samples=out("samples/train.parquet"),
        summary=out("samples/summary.json"),
        scores=sampled_by,
    output:
        out("subset/fraction-{fraction}/seed-{seed}.parquet"),
        lineage=out("lineage/subset/fraction-{fraction}/seed-{seed}.json"),
    log:
        out("logs/subset/fraction-{fraction}/seed-{seed}.log"),
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("subset")
    resources:
        **resources_of("subset"),
    params:
        stage="subset",
        sampler=lambda wildcards: part_of(wildcards).sampler,
        fraction=lambda wildcards: part_of(wildcards).fraction,
        seed=lambda wildcards: int(wildcards.seed),
        code=lambda wildcards: code_digest("draw_subset.py", ("subset", part_of(wildcards).sampler)),
    script:
        "../workflow_scripts/draw_subset.py"
