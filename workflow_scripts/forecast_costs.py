"""Forecast what the experiment costs, of what the small ones took: table, page and text."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.atomic import read_json, replacing
    from score_extrapolation.config import read_config
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.planning.break_even import say_break_even
    from score_extrapolation.planning.counts import Counts
    from score_extrapolation.planning.forecast import Forecast, sum_stages
    from score_extrapolation.planning.pages import NOTE, format_plan, say_clock, tabulate_plan
    from score_extrapolation.study import write_html

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
