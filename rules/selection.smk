"""Selection: which samples are kept: at a pruning rate (percent removed), or so many; of a pool, where there is one.

Reads:  samples, extrapolation (or scores of the full data, or training_free), the tables that the method's options say
        it needs, and the trials that it is chosen by
Writes: selection/{arm}/seed-{seed}/{amount}.parquet
"""


rule select_by_score:
    input:
        unpack(selection_needs),
        samples=out("samples/train.parquet"),
        summary=out("samples/summary.json"),
        scores=scores_of,
        doubts=doubts_of,
        trials=trials_of,
    output:
        out("selection/{method}/{score}/{extrapolator}/fraction-{fraction}/seed-{seed}/{amount}.parquet"),
        lineage=out("lineage/selection/{method}/{score}/{extrapolator}/fraction-{fraction}/seed-{seed}/{amount}.json"),
    log:
        out("logs/selection/{method}/{score}/{extrapolator}/fraction-{fraction}/seed-{seed}/{amount}.log"),
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("selection")
    resources:
        **resources_of("selection"),
    params:
        stage="selection",
        method=lambda wildcards: EXPERIMENT.selection_method(wildcards.method),
        amount=lambda wildcards: Amount.parse(wildcards.amount).settings(),
        seed=lambda wildcards: int(wildcards.seed),
        labelled=EXPERIMENT.reads_labels(),
        code=lambda wildcards: code_digest(
            "select_samples.py", *(("selection", name) for name in loaded_for(wildcards.method))
        ),
    script:
        "../workflow_scripts/select_samples.py"


use rule select_by_score as select_without_score with:
    input:
        samples=out("samples/train.parquet"),
        summary=out("samples/summary.json"),
    output:
        out("selection/{method}/seed-{seed}/{amount}.parquet"),
        lineage=out("lineage/selection/{method}/seed-{seed}/{amount}.json"),
    log:
        out("logs/selection/{method}/seed-{seed}/{amount}.log"),
    wildcard_constraints:
        method="|".join(
            name
            for name in method_names("selection")
            if not (method_constant("selection", name, "SCORED") or method_constant("selection", name, "REDRAWN"))
        ),
