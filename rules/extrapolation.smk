"""Extrapolation: scores for all samples of a part; the subset keeps its computed ones, or has them stepped up.

Reads:  scores, and the tables that the extrapolator's options say it needs
Writes: extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}.parquet
"""


rule extrapolate_scores:
    input:
        unpack(extrapolator_needs),
        scores=computed_scores_of,
    output:
        out("extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}.parquet"),
    log:
        out("logs/extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}.log"),
    benchmark:
        out("benchmarks/extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("extrapolation")
    resources:
        **resources_of("extrapolation", gpu=True),
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


# `auto` is a label as the others are, but no extrapolator.
ruleorder: choose_extrapolator > extrapolate_scores


rule choose_extrapolator:
    input:
        candidates=lambda wildcards: candidates_of(wildcards, wildcards.part),
        nested=lambda wildcards: candidates_of(wildcards, nested(wildcards.part, EXPERIMENT.subset.nested)),
        scores=computed_scores_of,
    output:
        out("extrapolation/fraction-{part}/seed-{seed}/{score}/auto.parquet"),
    log:
        out("logs/extrapolation/fraction-{part}/seed-{seed}/{score}/auto.log"),
    benchmark:
        out("benchmarks/extrapolation/fraction-{part}/seed-{seed}/{score}/auto.tsv")
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("extrapolation")
    resources:
        **resources_of("extrapolation"),
    params:
        stage="extrapolation",
        labels=list(EXTRAPOLATORS),
        code=code_digest("choose_extrapolator.py"),
    script:
        "../workflow_scripts/choose_extrapolator.py"
