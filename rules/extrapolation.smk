"""Extrapolation: scores for the whole data set; the subset keeps its computed ones.

Reads:  scores, and the tables that the extrapolator's options say it needs
Writes: extrapolation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.parquet
"""


rule extrapolate_scores:
    input:
        unpack(extrapolator_needs),
        scores=out("scores/fraction-{fraction}/seed-{seed}/{score}.parquet"),
    output:
        out("extrapolation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.parquet"),
    log:
        out("logs/extrapolation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.log"),
    benchmark:
        out("benchmarks/extrapolation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: asks("threads", "extrapolation")
    resources:
        mem_mb=asks("mem_mb", "extrapolation"),
        runtime=asks("runtime", "extrapolation"),
        gpu=asks("gpu", "extrapolation"),
    params:
        stage="extrapolation",
        extrapolator=lambda wildcards: EXTRAPOLATORS[wildcards.extrapolator],
        seed=lambda wildcards: int(wildcards.seed),
        device=EXPERIMENT.device,
        code=lambda wildcards: code_digest(
            "extrapolate_scores.py", ("extrapolators", EXTRAPOLATORS[wildcards.extrapolator]["name"])
        ),
    script:
        "../workflow_scripts/extrapolate_scores.py"
