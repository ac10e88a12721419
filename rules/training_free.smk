"""Training-free scores: of embeddings alone, those of a pretrained network or of the subset's.

Reads:  samples (classes), embeddings
Writes: training_free/fraction-{part}/seed-{seed}/{score}/{space}.parquet; part: 0 of the pretrained network's
"""


rule score_embeddings:
    input:
        embeddings=lambda wildcards: space_paths(EXPERIMENT, wildcards.space, part_of(wildcards), wildcards.seed),
        summary=out("samples/summary.json"),
    output:
        out("training_free/fraction-{part}/seed-{seed}/{score}/{space}.parquet"),
        lineage=out("lineage/training_free/fraction-{part}/seed-{seed}/{score}/{space}.json"),
    log:
        out("logs/training_free/fraction-{part}/seed-{seed}/{score}/{space}.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("training_free")
    resources:
        **resources_of("training_free"),
    params:
        stage="training_free",
        method=lambda wildcards: EXPERIMENT.training_free_method(wildcards.score),
        seed=lambda wildcards: int(wildcards.seed),
        code=lambda wildcards: code_digest("score_embeddings.py", ("training_free", wildcards.score)),
    script:
        "../workflow_scripts/score_embeddings.py"
