"""Score extrapolation: train on a small part, score it, extrapolate the scores to all, prune, train once."""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


include: "rules/common.smk"
# The pipeline, in order: one stage a file.
include: "rules/samples.smk"
include: "rules/subset.smk"
include: "rules/training.smk"
include: "rules/scores.smk"
include: "rules/embeddings.smk"
include: "rules/training_free.smk"
include: "rules/predictions.smk"
include: "rules/neighbors.smk"
include: "rules/extrapolation.smk"
include: "rules/trials.smk"
include: "rules/selection.smk"
include: "rules/export.smk"
include: "rules/retraining.smk"
include: "rules/evaluation.smk"
include: "rules/study.smk"
include: "rules/report.smk"
include: "rules/plan.smk"


localrules:
    kept,
    export,
    study,
    report,
    plan,


# The lists of samples to keep, and nothing that only a study needs.
rule kept:
    input:
        kept_files(),


# The same lists in the formats that the config names.
rule export:
    input:
        lambda wildcards: exported_paths(EXPERIMENT, kept_files()),


# These lists, and every table and figure.
rule study:
    default_target: True
    input:
        STUDY,


# The study as one HTML file.
rule report:
    input:
        out("report/report.html"),


# What all of this will cost, before it starts.
rule plan:
    input:
        out("plan/plan.txt"),
    log:
        out("logs/plan/printed.log"),
    conda:
        "envs/report.yaml"
    shell:
        "cat {input:q} 2> {log:q}"
