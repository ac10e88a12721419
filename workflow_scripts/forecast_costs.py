"""Forecast what the experiment costs, of what the small ones took: table, page and text."""

from pruning_workflow.job import job

with job(snakemake):
    from pruning_workflow.config import read_config
    from pruning_workflow.plan.break_even import say_break_even
    from pruning_workflow.plan.counts import Counts
    from pruning_workflow.plan.forecast import Forecast, sum_stages
    from pruning_workflow.plan.pages import NOTE, format_plan, say_clock, tabulate_plan
    from pruning_workflow.study import write_html
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.io.atomic import read_json, replacing

    experiment, counts = read_config(snakemake.config), Counts(**read_json(snakemake.input.counts))
    forecast = Forecast(experiment, counts, read_json(snakemake.input.calibration))
    listed = read_json(snakemake.input.jobs)
    targets = {target: forecast.jobs(jobs) for target, jobs in listed.items()}
    cores = snakemake.params.cores
    table = tabulate_plan(
        {target: sum_stages(jobs) for target, jobs in targets.items()},
        {target: forecast.clocks(jobs, cores) for target, jobs in targets.items()},
    )
    write_csv(snakemake.output.table, table)
    sentences = [*say_clock(table, cores), *map(say_break_even, forecast.break_even(targets["kept"]))]
    texts = format_plan(table)
    write_html(texts, f"What {experiment.experiment} will cost", " ".join([*sentences, NOTE]), snakemake.output.page)
    with replacing(snakemake.output.text) as partial:
        partial.write_text("\n".join([texts.to_string(), "", *sentences, NOTE, ""]), encoding="utf-8")
