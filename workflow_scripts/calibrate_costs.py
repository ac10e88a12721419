"""Run the experiment in small, a few times, and write what each job took."""

from pruning_workflow.job import job

with job(snakemake):
    import shutil
    import sys
    from functools import partial
    from pathlib import Path

    from pruning_workflow.nested_run import run_jobs
    from pruning_workflow.plan.calibration import calibrate
    from pruning_workflow.plan.counts import Counts
    from score_extrapolation.io.atomic import read_json, write_json

    counts = Counts(**read_json(snakemake.input[0]))
    print("\nplan: the experiment is run in small; this takes some minutes\n", file=sys.stderr)
    run = partial(
        run_jobs,
        cores=snakemake.threads,
        gpus=max(1, snakemake.resources.gpu),
        deployment=list(snakemake.params.deployment),
        log=snakemake.log[0],
    )
    write_json(snakemake.output[0], calibrate(dict(snakemake.config), counts, snakemake.threads, run))
    for copy in Path(snakemake.output[0]).parent.glob("of-*"):
        shutil.rmtree(copy, ignore_errors=True)
