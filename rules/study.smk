"""Study: the tables and figures of the paper, each a target of its name: snakemake table_1 figure_2

Reads:  evaluation; figure_5 also extrapolation, scores (of all samples) and samples
Writes: study/{table}.csv and .html, study/{figure}.csv and .svg (.png where it shows images)
"""

from study_items import describe_experiment, missing_items

MISSING = missing_items(EXPERIMENT)
ITEMS = [item for item in method_names("study") if item not in MISSING]
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
    optional = [name for name in method_constant("study", item, "ALSO_READS") or () if MADE[name]]
    names = [*method_constant("study", item, "READS"), *optional]
    return {name: EVALUATED[name] for name in names if name in EVALUATED}


def made_by(item):
    """Return the files that an item writes, for the report."""
    kinds = ["csv", method_constant("study", item, "FORMAT") or ("html" if item.startswith("table") else "svg")]
    title, chapter = (method_constant("study", item, name) for name in ("TITLE", "CHAPTER"))
    return [
        report(
            out(f"study/{item}.{kind}"),
            caption="captions/study.rst",
            category=chapter,
            labels={"Result": title + (" (CSV)" if kind == "csv" else "")},
        )
        for kind in kinds
    ]


def tell_missing(item):
    """Return an input function that says in one sentence what an item needs, and ends."""

    def tell(wildcards):
        print(MISSING[item], file=sys.stderr)
        sys.exit(1)

    return tell


for item in ITEMS:

    rule:
        name:
            item
        input:
            **read_by(item),
        output:
            made_by(item),
        log:
            out(f"logs/study/{item}.log"),
        benchmark:
            out(f"benchmarks/study/{item}.tsv")
        retries: 0
        conda:
            "../envs/analysis.yaml"
        threads: threads_of("report")
        resources:
            **resources_of("report"),
        params:
            stage="report",
            item=item,
            experiment=describe_experiment(EXPERIMENT),
            note=method_constant("study", item, "NOTE"),
            code=code_digest("make_item.py", ("study", item)),
        script:
            "../workflow_scripts/make_item.py"


for item in MISSING:

    rule:
        name:
            item
        input:
            tell_missing(item),
