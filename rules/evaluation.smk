"""Evaluation: how well extrapolated scores agree with the truth; accuracy and time of every retrained model.

Reads:  extrapolation, scores (of all samples), retraining (metrics), the benchmark files of every stage
Writes: evaluation/agreement.csv, evaluation/ceiling.csv, evaluation/retraining.csv, evaluation/retraining_summary.csv
"""

from study_rows import agreement_rows, ceiling_rows, retraining_rows

# Params without a name, since the report prints those with one, and these are long.
EXTRAPOLATED = agreement_rows(EXPERIMENT)
CEILING = ceiling_rows(EXPERIMENT)
RETRAINED = retraining_rows(EXPERIMENT, SCORED_ARMS + TRUE_ARMS + UNSCORED_ARMS)

# The report's chapters; it sorts them by name.
ACCURACY, TIME, AGREEMENT, DISTRIBUTIONS, IMAGES = (
    "1 Accuracy",
    "2 Time",
    "3 Agreement with the truth",
    "4 Scores",
    "5 Images",
)


rule tabulate_agreement:
    input:
        extrapolated=[row["extrapolated"] for row in EXTRAPOLATED],
        truth=sorted({row["truth"] for row in EXTRAPOLATED}),
    output:
        runs=report(
            out("evaluation/agreement.csv"),
            caption="captions/agreement.rst",
            category=AGREEMENT,
            labels={"Result": "Correlations of every run (CSV)"},
        ),
        ceiling=report(
            out("evaluation/ceiling.csv"),
            caption="captions/ceiling.rst",
            category=AGREEMENT,
            labels={"Result": "Correlations of the truths of two seeds (CSV)"},
        ),
    log:
        out("logs/evaluation/agreement.log"),
    benchmark:
        out("benchmarks/evaluation/agreement.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: asks("threads", "evaluation")
    resources:
        mem_mb=asks("mem_mb", "evaluation"),
        runtime=asks("runtime", "evaluation"),
    params:
        EXTRAPOLATED,
        CEILING,
        stage="evaluation",
        code=code_digest("tabulate_agreement.py"),
    script:
        "../workflow_scripts/tabulate_agreement.py"


rule tabulate_retraining:
    input:
        metrics=[row["metrics"] for row in RETRAINED],
        benchmarks=sorted({path for row in RETRAINED for path in row["benchmarks"].values()}),
    output:
        runs=report(
            out("evaluation/retraining.csv"),
            caption="captions/runs.rst",
            category=TIME,
            labels={"Result": "Every training, with its stages (CSV)"},
        ),
        summary=report(
            out("evaluation/retraining_summary.csv"),
            caption="captions/summary.rst",
            category=ACCURACY,
            labels={"Result": "Means over seeds (CSV)"},
        ),
    log:
        out("logs/evaluation/retraining.log"),
    benchmark:
        out("benchmarks/evaluation/retraining.tsv")
    conda:
        "../envs/analysis.yaml"
    threads: asks("threads", "evaluation")
    resources:
        mem_mb=asks("mem_mb", "evaluation"),
        runtime=asks("runtime", "evaluation"),
    params:
        RETRAINED,
        stage="evaluation",
        code=code_digest("tabulate_retraining.py"),
    script:
        "../workflow_scripts/tabulate_retraining.py"
