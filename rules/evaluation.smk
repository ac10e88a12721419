"""Evaluation: how well extrapolated scores agree with the truth; accuracy and time of every retrained model.

Reads:  extrapolation, scores (of all samples), retraining (metrics, models), training (metrics, labels), embeddings,
        predictions, trials, lineage (what every job took)
Writes: evaluation/agreement.csv, ceiling.csv, cross_validation/..., estimates.csv, coverage.csv, neighborhoods.csv,
        found_labels.csv, retraining.csv, retraining_summary.csv, retraining_comparison.csv, selection_trials.csv;
        retraining/{budget}/{arm}/seed-{seed}/{amount}/robustness.json
"""

from pruning_workflow.runs import (
    agreement_rows,
    ceiling_rows,
    coverage_rows,
    found_label_rows,
    neighborhood_rows,
    nested_rows,
    retraining_rows,
    shift_rows,
    trial_rows,
    validated_rows,
)

# Params without a name, since the report prints those with one, and these are long.
EXTRAPOLATED = agreement_rows(EXPERIMENT)
CEILING = ceiling_rows(EXPERIMENT)
VALIDATED, NESTED, SHIFTS = validated_rows(EXPERIMENT), nested_rows(EXPERIMENT), shift_rows(EXPERIMENT)
COVERED, SURROUNDED = coverage_rows(EXPERIMENT), neighborhood_rows(EXPERIMENT)
LABELS_FOUND = found_label_rows(EXPERIMENT)
RETRAINED = retraining_rows(EXPERIMENT, SCORED_ARMS + TRUE_ARMS + FREE_ARMS + UNSCORED_ARMS)
TRIALS = trial_rows(EXPERIMENT, SCORED_ARMS + UNSCORED_ARMS)

TESTED = EXPERIMENT.samples.test is not None
TRUTH = EXPERIMENT.evaluation.full_data_scores

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
        lineage=out("lineage/evaluation/agreement.json"),
    log:
        out("logs/evaluation/agreement.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation"),
    params:
        EXTRAPOLATED,
        CEILING,
        stage="evaluation",
        code=code_digest("tabulate_agreement.py"),
    script:
        "../workflow_scripts/tabulate_agreement.py"


rule cross_validate_extrapolator:
    input:
        scores=out("scores/fraction-{fraction}/seed-{seed}/{score}.parquet"),
        subset=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
        embeddings=subset_embeddings_of,
    output:
        out("evaluation/cross_validation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.json"),
        lineage=out("lineage/evaluation/cross_validation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.json"),
    log:
        out("logs/evaluation/cross_validation/fraction-{fraction}/seed-{seed}/{score}/{extrapolator}.log"),
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation", gpu=True),
    params:
        stage="evaluation",
        extrapolator=lambda wildcards: EXTRAPOLATORS[wildcards.extrapolator],
        needs=lambda wildcards: EXPERIMENT.needs(wildcards.extrapolator),
        seed=lambda wildcards: int(wildcards.seed),
        device=EXPERIMENT.device,
        code=lambda wildcards: code_digest(
            "cross_validate_extrapolator.py", ("extrapolators", EXTRAPOLATORS[wildcards.extrapolator]["name"])
        ),
    script:
        "../workflow_scripts/cross_validate_extrapolator.py"


rule tabulate_estimates:
    input:
        validated=[row["metrics"] for row in VALIDATED],
        nested=sorted({row[key] for row in NESTED for key in ("extrapolated", "truth")}),
        shifts=sorted({row[key] for row in SHIFTS for key in ("scores", "nested_scores")}),
        agreement=out("evaluation/agreement.csv") if EXPERIMENT.evaluation.full_data_scores else [],
    output:
        report(
            out("evaluation/estimates.csv"),
            caption="captions/estimates.rst",
            category=AGREEMENT,
            labels={"Result": "Estimates of the agreement without the truth (CSV)"},
        ),
        lineage=out("lineage/evaluation/estimates.json"),
    log:
        out("logs/evaluation/estimates.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation"),
    params:
        VALIDATED,
        NESTED,
        SHIFTS,
        stage="evaluation",
        code=code_digest("tabulate_estimates.py"),
    script:
        "../workflow_scripts/tabulate_estimates.py"


if EXPERIMENT.evaluation.robustness:

    rule measure_robustness:
        input:
            model=out("retraining/{budget}/{arm}/seed-{seed}/{amount}/model.safetensors"),
            images=out("samples/test.npy"),
            samples=out("samples/test.parquet"),
        output:
            out("retraining/{budget}/{arm}/seed-{seed}/{amount}/robustness.json"),
            lineage=out("lineage/evaluation/robustness/{budget}/{arm}/seed-{seed}/{amount}.json"),
        log:
            out("logs/evaluation/robustness/{budget}/{arm}/seed-{seed}/{amount}.log"),
        conda:
            "../envs/training.yaml"
        threads: threads_of("evaluation")
        resources:
            **resources_of("evaluation", gpu=True),
        params:
            stage="evaluation",
            robustness=EXPERIMENT.evaluation.robustness.model_dump(),
            seed=lambda wildcards: int(wildcards.seed),
            device=EXPERIMENT.device,
            code=code_digest("measure_robustness.py", ("models", EXPERIMENT.retraining.model["name"])),
        script:
            "../workflow_scripts/measure_robustness.py"


rule tabulate_retraining:
    input:
        summary=out("samples/summary.json"),
        metrics=[row["metrics"] for row in RETRAINED],
        robustness=[row["robustness"] for row in RETRAINED if row["robustness"]],
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
        comparison=report(
            out("evaluation/retraining_comparison.csv"),
            caption="captions/comparison.rst",
            category=ACCURACY,
            labels={"Result": "Differences from random and full data, seed by seed (CSV)"},
        ),
        lineage=out("lineage/evaluation/retraining.json"),
    log:
        out("logs/evaluation/retraining.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation"),
    params:
        RETRAINED,
        stage="evaluation",
        code=code_digest("tabulate_retraining.py"),
    script:
        "../workflow_scripts/tabulate_retraining.py"


rule tabulate_trials:
    input:
        trials=sorted({path for row in TRIALS for path in row["trials"]}),
        retrained=sorted({path for row in TRIALS for path in row["retrained"].values()}),
        metrics=[row["metrics"] for row in TRIALS if row["metrics"]],
    output:
        report(
            out("evaluation/selection_trials.csv"),
            caption="captions/selection_trials.rst",
            category=ACCURACY,
            labels={"Result": "Trials within the subset, and what was chosen (CSV)"},
        ),
        lineage=out("lineage/evaluation/selection_trials.json"),
    log:
        out("logs/evaluation/selection_trials.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation"),
    params:
        TRIALS,
        stage="evaluation",
        code=code_digest("tabulate_trials.py"),
    script:
        "../workflow_scripts/tabulate_trials.py"


rule measure_coverage:
    input:
        embeddings=sorted({path for row in COVERED for path in row["embeddings"]}),
        subsets=sorted({row["subset"] for row in COVERED}),
    output:
        report(
            out("evaluation/coverage.csv"),
            caption="captions/coverage.rst",
            category=DISTRIBUTIONS,
            labels={"Result": "Distance of every subset from the rest (CSV)"},
        ),
        lineage=out("lineage/evaluation/coverage.json"),
    log:
        out("logs/evaluation/coverage.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation"),
    params:
        COVERED,
        stage="evaluation",
        code=code_digest("measure_coverage.py"),
    script:
        "../workflow_scripts/measure_coverage.py"


rule describe_neighborhoods:
    input:
        samples=out("samples/train.parquet"),
        neighbors=sorted({path for row in SURROUNDED for path in row["neighbors"]}),
        truth=sorted({row["truth"] for row in SURROUNDED}),
    output:
        report(
            out("evaluation/neighborhoods.csv"),
            caption="captions/neighborhoods.rst",
            category=DISTRIBUTIONS,
            labels={"Result": "True scores against each neighbourhood (CSV)"},
        ),
        lineage=out("lineage/evaluation/neighborhoods.json"),
    log:
        out("logs/evaluation/neighborhoods.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation"),
    params:
        SURROUNDED,
        stage="evaluation",
        code=code_digest("describe_neighborhoods.py"),
    script:
        "../workflow_scripts/describe_neighborhoods.py"


rule describe_labels:
    input:
        samples=out("samples/train.parquet"),
        labels=sorted({row["labels"] for row in LABELS_FOUND}),
        embeddings=sorted({path for row in LABELS_FOUND for path in row["embeddings"]}),
    output:
        report(
            out("evaluation/found_labels.csv"),
            caption="captions/found_labels.rst",
            category=DISTRIBUTIONS,
            labels={"Result": "Classes that were found without labels (CSV)"},
        ),
        lineage=out("lineage/evaluation/found_labels.json"),
    log:
        out("logs/evaluation/found_labels.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("evaluation")
    resources:
        **resources_of("evaluation"),
    params:
        LABELS_FOUND,
        stage="evaluation",
        code=code_digest("describe_labels.py"),
    script:
        "../workflow_scripts/describe_labels.py"
