"""Samples: every image decoded once.

Reads:  the data set
Writes: samples/{split}.npy (n, h, w, c) uint8, samples/{split}.parquet, samples/summary.json
"""


rule prepare_samples:
    input:
        input_paths(EXPERIMENT),
    output:
        images=[out(f"samples/{split}.npy") for split in SPLITS],
        tables=[out(f"samples/{split}.parquet") for split in SPLITS],
        summary=out("samples/summary.json"),
    log:
        out("logs/samples.log"),
    benchmark:
        out("benchmarks/samples.tsv")
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
