"""Subset: a uniform draw without replacement; fraction 100 is everything.

Reads:  samples
Writes: subset/fraction-{fraction}/seed-{seed}.parquet
"""


rule draw_subset:
    input:
        samples=out("samples/train.parquet"),
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
        fraction=lambda wildcards: as_fraction(wildcards.fraction),
        seed=lambda wildcards: int(wildcards.seed),
        code=code_digest("draw_subset.py"),
    script:
        "../workflow_scripts/draw_subset.py"
