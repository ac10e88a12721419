"""Trials: methods of selection, each tried within a subset, for the one that is chosen by how well they do there.

Reads:  samples, subset, extrapolation (within the subset), and the tables that a method's options say it needs, of there
Writes: trials/{candidate}/{score}/{extrapolator}/fraction-{fraction}/seed-{seed}/{amount}.json; of a method that reads no
        scores trials/{candidate}/fraction-{fraction}/seed-{seed}/{amount}.json
"""

TRIAL = "{candidate}/{score}/{extrapolator}/fraction-{fraction}/seed-{seed}/{amount}"
UNSCORED_TRIAL = "{candidate}/fraction-{fraction}/seed-{seed}/{amount}"


rule try_selection:
    input:
        unpack(trial_needs),
        images=out("samples/train.npy"),
        summary=out("samples/summary.json"),
        samples=out("samples/train.parquet"),
        tried_on=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
        scores=nested_scores_of,
    output:
        out(f"trials/{TRIAL}.json"),
        lineage=out(f"lineage/trials/{TRIAL}.json"),
    log:
        out(f"logs/trials/{TRIAL}.log"),
    wildcard_constraints:
        candidate=candidates_with(True),
    conda:
        "../envs/training.yaml"
    threads: threads_of("retraining")
    resources:
        **resources_of("retraining", gpu=True),
    params:
        stage="trials",
        method=lambda wildcards: CANDIDATES[wildcards.candidate],
        amount=lambda wildcards: Amount.parse(wildcards.amount).settings(),
        seed=lambda wildcards: int(wildcards.seed),
        repeats=TRIED and EXPERIMENT.selection_method(TRIED)["repeats"],
        recipe=EXPERIMENT.retraining.model_dump(exclude={"budgets", "labels", "pool_share"}),
        budget=EXPERIMENT.retraining.budgets[0],
        device=EXPERIMENT.device,
        checkpoint=lambda wildcards: out(f"checkpoints/{trial_of(wildcards)}"),
        code=lambda wildcards: code_digest(
            "try_selection.py",
            ("selection", CANDIDATES[wildcards.candidate]["name"]),
            ("models", EXPERIMENT.retraining.model["name"]),
            ("paradigms", EXPERIMENT.retraining.paradigm["name"]),
        ),
    script:
        "../workflow_scripts/try_selection.py"


# The same for all scores and extrapolators.
use rule try_selection as try_without_score with:
    input:
        images=out("samples/train.npy"),
        summary=out("samples/summary.json"),
        samples=out("samples/train.parquet"),
        tried_on=out("subset/fraction-{fraction}/seed-{seed}.parquet"),
    output:
        out(f"trials/{UNSCORED_TRIAL}.json"),
        lineage=out(f"lineage/trials/{UNSCORED_TRIAL}.json"),
    log:
        out(f"logs/trials/{UNSCORED_TRIAL}.log"),
    wildcard_constraints:
        candidate=candidates_with(False),
