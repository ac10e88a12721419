"""Make a table or figure of the paper from the evaluation's tables."""

from pruning_workflow.job import job

with job(snakemake):
    import pandas as pd

    from pruning_workflow.items import load_item
    from pruning_workflow.study import write_html
    from score_extrapolation.evaluation import read_csv, write_csv

    item = load_item(snakemake.params.item)
    tables = {name: read_csv(path) for name, path in snakemake.input.items()}
    tables["experiment"] = pd.DataFrame([snakemake.params.experiment])
    found = item.tabulate(tables)
    data, shown = snakemake.output.data, snakemake.output.shown
    write_csv(data, found)
    if hasattr(item, "draw"):
        item.draw(found, shown)
    else:
        write_html(item.format_table(found), item.TITLE, item.NOTE, shown)
