"""Extrapolation: scores for all samples of a part; the subset keeps its computed ones, or has them stepped up.

Reads:  scores, and the tables that the extrapolator's options say it needs
Writes: extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}.parquet; of several shards before it
        .../{extrapolator}/{scatteritem}.parquet, or of an extrapolator of several layers .../network.safetensors,
        graph/{scatteritem}.safetensors, layer-{layer}/{scatteritem}.parquet
"""

RUN = "fraction-{part}/seed-{seed}/{score}/{extrapolator}"


rule extrapolate_scores:
    input:
        unpack(extrapolator_needs),
        scores=computed_scores_of,
    output:
        out(f"extrapolation/{RUN}.parquet"),
        lineage=out(f"lineage/extrapolation/{RUN}.json"),
    log:
        out(f"logs/extrapolation/{RUN}.log"),
    wildcard_constraints:
        extrapolator=split_as(None),
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


# ---- One shard after another


use rule extrapolate_scores as extrapolate_shard with:
    input:
        unpack(extrapolator_needs),
        scores=computed_scores_of,
        universe=universe_of,
    output:
        out(f"extrapolation/{RUN}/{{scatteritem}}.parquet"),
        lineage=out(f"lineage/extrapolation/{RUN}/{{scatteritem}}.json"),
    log:
        out(f"logs/extrapolation/{RUN}/{{scatteritem}}.log"),
    wildcard_constraints:
        extrapolator=split_as("samples"),


rule gather_scores:
    input:
        score_shards,
    output:
        out(f"extrapolation/{RUN}.parquet"),
        lineage=out(f"lineage/extrapolation/{RUN}.json"),
    log:
        out(f"logs/extrapolation/{RUN}.log"),
    wildcard_constraints:
        extrapolator=f"{split_as('samples')}|{split_as('layers')}",
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("extrapolation")
    resources:
        **resources_of("extrapolation"),
    params:
        stage="extrapolation",
        code=code_digest("gather_scores.py"),
    script:
        "../workflow_scripts/gather_scores.py"


# ---- One layer of one shard after another


rule train_extrapolator:
    input:
        unpack(extrapolator_needs),
        scores=computed_scores_of,
    output:
        out(f"extrapolation/{RUN}/network.safetensors"),
        lineage=out(f"lineage/extrapolation/{RUN}/network.json"),
    log:
        out(f"logs/extrapolation/{RUN}/network.log"),
    wildcard_constraints:
        extrapolator=split_as("layers"),
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
            "train_extrapolator.py", ("extrapolators", EXTRAPOLATORS[wildcards.extrapolator]["name"])
        ),
    script:
        "../workflow_scripts/train_extrapolator.py"


rule join_neighbors:
    input:
        samples=universe_of,
        neighbors=joined_by,
    output:
        out(f"extrapolation/{RUN}/graph/{{scatteritem}}.safetensors"),
        lineage=out(f"lineage/extrapolation/{RUN}/graph/{{scatteritem}}.json"),
    log:
        out(f"logs/extrapolation/{RUN}/graph/{{scatteritem}}.log"),
    wildcard_constraints:
        extrapolator=split_as("layers"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("extrapolation")
    resources:
        **resources_of("extrapolation"),
    params:
        stage="extrapolation",
        extrapolator=lambda wildcards: EXTRAPOLATORS[wildcards.extrapolator],
        code=lambda wildcards: code_digest(
            "join_neighbors.py", ("extrapolators", EXTRAPOLATORS[wildcards.extrapolator]["name"])
        ),
    script:
        "../workflow_scripts/join_neighbors.py"


rule infer_layer:
    input:
        samples=universe_of,
        state=out(f"extrapolation/{RUN}/network.safetensors"),
        graph=out(f"extrapolation/{RUN}/graph/{{scatteritem}}.safetensors"),
        graphs=gather.samples(out(f"extrapolation/{RUN}/graph/{{scatteritem}}.safetensors"), allow_missing=True),
        before=layer_before,
    output:
        out(f"extrapolation/{RUN}/layer-{{layer}}/{{scatteritem}}.parquet"),
        lineage=out(f"lineage/extrapolation/{RUN}/layer-{{layer}}/{{scatteritem}}.json"),
    log:
        out(f"logs/extrapolation/{RUN}/layer-{{layer}}/{{scatteritem}}.log"),
    wildcard_constraints:
        extrapolator=split_as("layers"),
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("extrapolation")
    resources:
        **resources_of("extrapolation", gpu=True),
    params:
        stage="extrapolation",
        extrapolator=lambda wildcards: EXTRAPOLATORS[wildcards.extrapolator],
        device=EXPERIMENT.device,
        code=lambda wildcards: code_digest(
            "infer_layer.py", ("extrapolators", EXTRAPOLATORS[wildcards.extrapolator]["name"])
        ),
    script:
        "../workflow_scripts/infer_layer.py"


# ---- The best


rule choose_extrapolator:
    input:
        candidates=lambda wildcards: candidates_of(wildcards, part_of(wildcards)),
        nested=lambda wildcards: candidates_of(wildcards, part_of(wildcards).nested(EXPERIMENT.subset.nested)),
        scores=computed_scores_of,
    output:
        out("extrapolation/fraction-{part}/seed-{seed}/{score}/auto.parquet"),
        lineage=out("lineage/extrapolation/fraction-{part}/seed-{seed}/{score}/auto.json"),
    log:
        out("logs/extrapolation/fraction-{part}/seed-{seed}/{score}/auto.log"),
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
