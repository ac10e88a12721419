"""Samples: every image decoded once.

Reads:  the data set
Writes: samples/{split}.npy (n, h, w, c) uint8, samples/{split}.parquet, samples/summary.json, samples/duplicates.parquet,
        samples/checksums.json; where labels are replaced, samples/wrong_labels.parquet; while they are being written,
        samples.unfinished
"""


rule prepare_samples:
    input:
        sources=input_paths(EXPERIMENT),
    output:
        images=[out(f"samples/{split}.npy") for split in SPLITS],
        tables=[out(f"samples/{split}.parquet") for split in SPLITS],
        duplicates=out("samples/duplicates.parquet"),
        wrong=out("samples/wrong_labels.parquet") if EXPERIMENT.samples.wrong_labels else [],
        summary=report(
            out("samples/summary.json"),
            caption="captions/samples.rst",
            category="0 Samples",
            labels={"Result": "What was read (JSON)"},
        ),
        checksums=out("samples/checksums.json"),
        lineage=out("lineage/samples.json"),
    log:
        out("logs/samples.log"),
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("samples")
    resources:
        **resources_of("samples"),
    params:
        stage="samples",
        samples=EXPERIMENT.samples.model_dump(),
        code=code_digest(
            "prepare_samples.py", *(("datasets", dataset) for _, dataset, _ in EXPERIMENT.samples.sets_read())
        ),
    script:
        "../workflow_scripts/prepare_samples.py"


# A target for a person: whether the store is still as it was written. It writes nothing, not even a record, which would
# be there the next time: each call reads it all.
rule verify:
    input:
        rules.prepare_samples.output,
    log:
        out("logs/verify.log"),
    retries: 0
    conda:
        "../envs/data.yaml"
    threads: threads_of("samples")
    resources:
        **resources_of("samples"),
    params:
        stage="samples",
        code=code_digest("verify_samples.py"),
    script:
        "../workflow_scripts/verify_samples.py"
