"""Scores: the importance of the samples that were trained on.

Reads:  training (dynamics)
Writes: scores/fraction-{fraction}/seed-{seed}/{score}.parquet
"""


rule score_subset:
    input:
        dynamics=lambda wildcards: out(
            f"training/{recipe_of(wildcards.score)}/fraction-{wildcards.fraction}/seed-{wildcards.seed}/dynamics.parquet"
        ),
    output:
        out("scores/fraction-{fraction}/seed-{seed}/{score}.parquet"),
        lineage=out("lineage/scores/fraction-{fraction}/seed-{seed}/{score}.json"),
    log:
        out("logs/scores/fraction-{fraction}/seed-{seed}/{score}.log"),
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("scores")
    resources:
        **resources_of("scores"),
    params:
        stage="scores",
        score=lambda wildcards: EXPERIMENT.score(wildcards.score),
        # A subset within a subset is there for the step to the subset's scores, which is learned from short trainings too.
        warns=lambda wildcards: part_of(wildcards) in EXPERIMENT.parts(),
        code=lambda wildcards: code_digest("score_subset.py", ("scores", wildcards.score)),
    script:
        "../workflow_scripts/score_subset.py"
