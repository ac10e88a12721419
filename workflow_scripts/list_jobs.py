"""Write which jobs the experiment has, what each waits for, and which are done."""

from pruning_workflow.job import job

with job(snakemake):
    from pathlib import Path

    from pruning_workflow.config import read_config
    from pruning_workflow.nested_run import list_jobs, needs_of
    from score_extrapolation.io.atomic import write_json

    config = Path(snakemake.output[0]).with_name("config.json")
    write_json(config, snakemake.config)
    folder = read_config(snakemake.config).path("")
    left = {job.path for job in list_jobs(config, folder, ["report"], everything=False)}
    listed = {}
    for target in ("kept", "report"):
        jobs = list_jobs(config, folder, [target], everything=True)
        listed[target] = [
            {
                "stage": job.stage,
                "rule": job.rule,
                "wildcards": job.wildcards,
                "threads": job.threads,
                "gpus": job.gpus,
                "needs": needs,
                "done": job.path not in left,
            }
            for job, needs in zip(jobs, needs_of(jobs), strict=True)
        ]
    config.unlink()
    write_json(snakemake.output[0], listed)
