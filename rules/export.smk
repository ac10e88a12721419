"""Export: kept lists in the formats of trainers and tools, each in a folder of its name.

Reads:  selection, samples (the names of the classes), and the data set, where a format asks for its images or order
Writes: export/{format}/{arm}/seed-{seed}/{amount}.csv and the like; a folder {amount} where that is the format
"""

from pruning_workflow.export_paths import exported_paths, kept_list, read_again_by, reading_of, suffix_of

FORMATS = method_names("exports")


rule export_file:
    input:
        kept=lambda wildcards: kept_list(EXPERIMENT, wildcards),
        summary=out("samples/summary.json"),
    output:
        out("export/{format}/{arm}/seed-{seed}/{amount}{suffix}"),
        lineage=out("lineage/export/{format}/{arm}/seed-{seed}/{amount}{suffix}.json"),
    log:
        out("logs/export/{format}/{arm}/seed-{seed}/{amount}{suffix}.log"),
    wildcard_constraints:
        format=one_of(format for format in FORMATS if suffix_of(format)),
        suffix=one_of({suffix_of(format) for format in FORMATS if suffix_of(format)}),
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("export")
    resources:
        **resources_of("export"),
    params:
        stage="export",
        format=lambda wildcards: EXPERIMENT.export_format(wildcards.format),
        samples=lambda wildcards: reading_of(EXPERIMENT, wildcards.format),
        code=lambda wildcards: code_digest(
            "export_kept.py",
            ("exports", wildcards.format),
            *(("datasets", dataset) for dataset in read_again_by(EXPERIMENT, wildcards.format)),
        ),
    script:
        "../workflow_scripts/export_kept.py"


use rule export_file as export_folder with:
    output:
        directory(out("export/{format}/{arm}/seed-{seed}/{amount}")),
        lineage=out("lineage/export/{format}/{arm}/seed-{seed}/{amount}.json"),
    log:
        out("logs/export/{format}/{arm}/seed-{seed}/{amount}.log"),
    wildcard_constraints:
        format=one_of(format for format in FORMATS if not suffix_of(format)),
