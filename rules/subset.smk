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
    log:
        out("logs/subset/fraction-{fraction}/seed-{seed}.log"),
    benchmark:
        out("benchmarks/subset/fraction-{fraction}/seed-{seed}.tsv")
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("subset")
    resources:
        **resources_of("subset"),
    params:
        stage="subset",
        sampler=lambda wildcards: sampler(wildcards.fraction),
        fraction=lambda wildcards: as_fraction(size(wildcards.fraction)),
        seed=lambda wildcards: int(wildcards.seed),
        code=lambda wildcards: code_digest("draw_subset.py", ("subset", sampler(wildcards.fraction))),
    script:
        "../workflow_scripts/draw_subset.py"
