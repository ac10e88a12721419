"""Report: the figures, the images behind the scores, and one HTML file with all of it.

Reads:  evaluation, extrapolation, scores (of all samples), samples, selection (to be there, beside the figures)
Writes: report/*.svg, report/scores/..., report/images/..., report/report.html
"""

import hashlib
from pathlib import Path

from pruning_workflow.report import SHEETS as SHEET_LABELS


report: "captions/workflow.rst"


CAPTIONS = sorted(Path(workflow.current_basedir.join("captions").get_path_or_uri(secret_free=False)).iterdir())
SHEETS = [sheet for sheet in SHEET_LABELS if TRUTH or not sheet.endswith("estimated")]
SCORED = "fraction-{fraction}/seed-{seed}/{score}/{extrapolator}"
# How the report's tables name the scores that a figure is about.
SCORED_LABELS = {"Scores": "{score}, {extrapolator}, {fraction} % subset"}


rule plot_stages:
    input:
        out("evaluation/retraining.csv"),
    output:
        report(
            out("report/stages.svg"),
            caption="captions/stages.rst",
            category=TIME,
            labels={"Result": "Time of each stage"},
        ),
        lineage=out("lineage/report/stages.json"),
    log:
        out("logs/report/stages.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="report",
        code=code_digest("plot_stages.py"),
    script:
        "../workflow_scripts/plot_stages.py"


rule plot_estimates:
    input:
        out("evaluation/estimates.csv"),
    output:
        report(
            out("report/estimates.svg"),
            caption="captions/estimates.rst",
            category=AGREEMENT,
            labels={"Result": "Agreement estimated without the truth"},
        ),
        lineage=out("lineage/report/estimates.json"),
    log:
        out("logs/report/estimates.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="report",
        code=code_digest("plot_estimates.py"),
    script:
        "../workflow_scripts/plot_estimates.py"


rule plot_agreement:
    input:
        agreement=out("evaluation/agreement.csv"),
        ceiling=out("evaluation/ceiling.csv"),
    output:
        report(
            out("report/agreement.svg"),
            caption="captions/agreement.rst",
            category=AGREEMENT,
            labels={"Result": "Correlation against k"},
        ),
        lineage=out("lineage/report/agreement.json"),
    log:
        out("logs/report/agreement.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="report",
        code=code_digest("plot_agreement.py"),
    script:
        "../workflow_scripts/plot_agreement.py"


rule plot_scores:
    input:
        scores=out(f"extrapolation/{SCORED}.parquet"),
        truth=out(f"scores/fraction-{EVERYTHING}/seed-{{seed}}/{{score}}.parquet") if TRUTH else [],
    output:
        distribution=report(
            out(f"report/scores/{SCORED}/distribution.svg"),
            caption="captions/distribution.rst",
            category=DISTRIBUTIONS,
            labels={"Result": "Distribution", **SCORED_LABELS},
        ),
        counts=report(
            out(f"report/scores/{SCORED}/distribution.csv"),
            caption="captions/distribution.rst",
            category=DISTRIBUTIONS,
            labels={"Result": "Distribution (CSV)", **SCORED_LABELS},
        ),
        against_truth=(
            report(
                out(f"report/scores/{SCORED}/against_truth.png"),
                caption="captions/against_truth.rst",
                category=AGREEMENT,
                labels={"Result": "Extrapolated against true", **SCORED_LABELS},
            )
            if TRUTH
            else []
        ),
        points=(
            report(
                out(f"report/scores/{SCORED}/against_truth.csv"),
                caption="captions/against_truth.rst",
                category=AGREEMENT,
                labels={"Result": "Extrapolated against true (CSV)", **SCORED_LABELS},
            )
            if TRUTH
            else []
        ),
        lineage=out(f"lineage/report/scores/{SCORED}.json"),
    log:
        out(f"logs/report/scores/{SCORED}.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="report",
        code=code_digest("plot_scores.py"),
    script:
        "../workflow_scripts/plot_scores.py"


rule plot_contact_sheets:
    input:
        scores=out(f"extrapolation/{SCORED}.parquet"),
        truth=out(f"scores/fraction-{EVERYTHING}/seed-{{seed}}/{{score}}.parquet") if TRUTH else [],
        images=out("samples/train.npy"),
        samples=out("samples/train.parquet"),
        summary=out("samples/summary.json"),
    output:
        sheets=[
            report(
                out(f"report/images/{SCORED}/{sheet}.png"),
                caption="captions/contact_sheet.rst",
                category=IMAGES,
                labels={"Result": SHEET_LABELS[sheet].capitalize(), **SCORED_LABELS},
            )
            for sheet in SHEETS
        ],
        chosen=report(
            out(f"report/images/{SCORED}/samples.csv"),
            caption="captions/contact_sheet.rst",
            category=IMAGES,
            labels={"Result": "These samples (CSV)", **SCORED_LABELS},
        ),
        lineage=out(f"lineage/report/images/{SCORED}.json"),
    log:
        out(f"logs/report/images/{SCORED}.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="report",
        sheets=SHEETS,
        code=code_digest("plot_contact_sheets.py"),
    script:
        "../workflow_scripts/plot_contact_sheets.py"


# The lists of samples to keep, and all tables and figures: with no test set no accuracy, with no truth no agreement.
STUDY = [
    *kept_files(),
    *(path for item in ITEMS for path in getattr(rules, item).output),
    *([*rules.tabulate_retraining.output, *rules.plot_stages.output] if TESTED else []),
    *([*rules.tabulate_agreement.output, *rules.plot_agreement.output] if TRUTH else []),
    *(rules.describe_labels.output if LABELS_FOUND else []),
    *(rules.tabulate_trials.output if TRIALS else []),
    *([*rules.tabulate_estimates.output, *rules.plot_estimates.output] if EXPERIMENT.evaluation.estimates else []),
    *expand(
        [*rules.plot_scores.output, *rules.plot_contact_sheets.output],
        fraction=PRUNED_FROM,
        seed=EXPERIMENT.seeds[0],
        score=SCORES,
        extrapolator=EXPERIMENT.pruning_extrapolators(),
    ),
]


rule write_report:
    input:
        STUDY,
    output:
        out("report/report.html"),
        lineage=out("lineage/report/report.json"),
    log:
        out("logs/report/report.log"),
    retries: 0
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="report",
        captions=hashlib.sha256(b"".join(path.read_bytes() for path in CAPTIONS)).hexdigest()[:16],
        code=code_digest("write_report.py"),
    script:
        "../workflow_scripts/write_report.py"
