"""Plan: what the experiment will cost, from its own rules run in small.

Reads:  the data set (which is listed), the experiment in small, and what jobs of it are done
Writes: plan/counts.json, calibration.json, jobs.json, plan.csv, plan.html, plan.txt
"""

from pruning_workflow.plan.settings import cores_of_plan, count_done, planned_paths
from pruning_workflow.snakemake_internals import deployment_methods


rule count_samples:
    input:
        sources=lambda wildcards: planned_paths(EXPERIMENT),
    output:
        out("plan/counts.json"),
        lineage=out("lineage/plan/counts.json"),
    log:
        out("logs/plan/counts.log"),
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("samples")
    resources:
        **resources_of("samples"),
    params:
        stage="plan",
        samples=EXPERIMENT.samples.model_dump(),
        code=code_digest(
            "count_samples.py", *(("datasets", dataset) for _, dataset, _ in EXPERIMENT.samples.sets_read())
        ),
    script:
        "../workflow_scripts/count_samples.py"


# On a node such as trainings have; all jobs of the small experiments run there.
rule calibrate_costs:
    input:
        out("plan/counts.json"),
    output:
        out("plan/calibration.json"),
        lineage=out("lineage/plan/calibration.json"),
    log:
        out("logs/plan/calibration.log"),
    conda:
        "../envs/report.yaml"
    threads: lambda wildcards: cores_of_plan(workflow, EXPERIMENT)
    resources:
        **resources_of("training", gpu=True),
    params:
        stage="plan",
        experiment=EXPERIMENT.model_dump(),
        deployment=deployment_methods(workflow),
        code=code_digest("calibrate_costs.py"),
    script:
        "../workflow_scripts/calibrate_costs.py"


rule list_jobs:
    input:
        out("plan/counts.json"),
    output:
        out("plan/jobs.json"),
        lineage=out("lineage/plan/jobs.json"),
    log:
        out("logs/plan/jobs.log"),
    retries: 0
    conda:
        "../envs/report.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="plan",
        experiment=EXPERIMENT.model_dump(),
        done=lambda wildcards: count_done(EXPERIMENT),
        code=code_digest("list_jobs.py"),
    script:
        "../workflow_scripts/list_jobs.py"


rule forecast_costs:
    input:
        counts=out("plan/counts.json"),
        calibration=out("plan/calibration.json"),
        jobs=out("plan/jobs.json"),
    output:
        table=out("plan/plan.csv"),
        page=out("plan/plan.html"),
        text=out("plan/plan.txt"),
        lineage=out("lineage/plan/plan.json"),
    log:
        out("logs/plan/plan.log"),
    retries: 0
    conda:
        "../envs/analysis.yaml"
    threads: threads_of("report")
    resources:
        **resources_of("report"),
    params:
        stage="plan",
        cores=lambda wildcards: cores_of_plan(workflow, EXPERIMENT),
        code=code_digest("forecast_costs.py"),
    script:
        "../workflow_scripts/forecast_costs.py"
