"""Study: the tables and figures of the paper, each a target of its name: snakemake table_1 figure_2

Reads:  evaluation; figure_5 also extrapolation, scores (of all samples) and samples
Writes: study/{table}.csv and .html, study/{figure}.csv and .svg (.png where it shows images)
"""

from pruning_workflow.items import describe_experiment, item_literal, item_names, missing_items

MISSING = missing_items(EXPERIMENT)
ITEMS = [item for item in item_names() if item not in MISSING]
# Of tables alone; that which shows images has a rule of its own.
TABULATED = [item for item in ITEMS if "scores" not in item_literal(item, "READS")]
FIRST_SEED, FIRST_EXTRAPOLATOR = EXPERIMENT.seeds[0], EXPERIMENT.selection.extrapolators[0]
FIRST_SCORE = (EXPERIMENT.selection.scores or SCORES)[0]
# The evaluation's tables by the names that items know them by.
EVALUATED = {
    "retraining": rules.tabulate_retraining.output.runs,
    "agreement": rules.tabulate_agreement.output.runs,
    "ceiling": rules.tabulate_agreement.output.ceiling,
    "estimates": rules.tabulate_estimates.output[0],
    "coverage": rules.measure_coverage.output[0],
    "neighborhoods": rules.describe_neighborhoods.output[0],
}
# Those that this experiment makes.
MADE = {
    "retraining": TESTED,
    "agreement": TRUTH,
    "ceiling": TRUTH,
    "estimates": EXPERIMENT.evaluation.estimates,
    "coverage": COVERED,
    "neighborhoods": SURROUNDED,
}


def read_by(item):
    """Return the files of the evaluation's tables that an item is made from, by their names."""
    optional = [name for name in item_literal(item, "ALSO_READS") or () if MADE[name]]
    names = [*item_literal(item, "READS"), *optional]
    return {name: EVALUATED[name] for name in names if name in EVALUATED}


def shown_as(item):
    """Return the suffix of the file that people look at."""
    return item_literal(item, "FORMAT") or ("html" if item.startswith("table") else "svg")


def tell_missing(item):
    """Return an input function that says in one sentence what an item needs, and ends."""

    def tell(wildcards):
        print(MISSING[item], file=sys.stderr)
        sys.exit(1)

    return tell


for item in TABULATED:

    rule:
        name:
            item
        input:
            **read_by(item),
        output:
            data=report(
                out(f"study/{item}.csv"),
                caption="captions/study.rst",
                category=item_literal(item, "CHAPTER"),
                labels={"Result": f"{item_literal(item, 'TITLE')} (CSV)"},
            ),
            shown=report(
                out(f"study/{item}.{shown_as(item)}"),
                caption="captions/study.rst",
                category=item_literal(item, "CHAPTER"),
                labels={"Result": item_literal(item, "TITLE")},
            ),
            lineage=out(f"lineage/study/{item}.json"),
        log:
            out(f"logs/study/{item}.log"),
        retries: 0
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("report")
        resources:
            **resources_of("report"),
        params:
            stage="study",
            item=item,
            experiment=describe_experiment(EXPERIMENT),
            note=item_literal(item, "NOTE"),
            code=code_digest("make_item.py", ("study", item)),
        script:
            "../workflow_scripts/make_item.py"


# Of the first scores that are pruned by, and the first seed.
for item in set(ITEMS) - set(TABULATED):

    rule:
        name:
            item
        input:
            scores=out(f"{extrapolated_path(FIRST_SCORE, FIRST_EXTRAPOLATOR, PRUNED_FROM[0], FIRST_SEED)}.parquet"),
            truth=out(f"{scores_path(FIRST_SCORE, EVERYTHING, FIRST_SEED)}.parquet"),
            images=out("samples/train.npy"),
            samples=out("samples/train.parquet"),
            summary=out("samples/summary.json"),
        output:
            data=report(
                out(f"study/{item}.csv"),
                caption="captions/study.rst",
                category=item_literal(item, "CHAPTER"),
                labels={"Result": f"{item_literal(item, 'TITLE')} (CSV)"},
            ),
            shown=report(
                out(f"study/{item}.{shown_as(item)}"),
                caption="captions/study.rst",
                category=item_literal(item, "CHAPTER"),
                labels={"Result": item_literal(item, "TITLE")},
            ),
            lineage=out(f"lineage/study/{item}.json"),
        log:
            out(f"logs/study/{item}.log"),
        retries: 0
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("report")
        resources:
            **resources_of("report"),
        params:
            stage="study",
            item=item,
            note=item_literal(item, "NOTE"),
            code=code_digest("make_image_item.py", ("study", item)),
        script:
            "../workflow_scripts/make_image_item.py"


for item in MISSING:

    rule:
        name:
            item
        input:
            tell_missing(item),
