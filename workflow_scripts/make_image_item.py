"""Make a figure of the paper that shows images beside their scores."""

from pruning_workflow.job import job

with job(snakemake):
    import numpy as np

    from pruning_workflow.items import load_item
    from score_extrapolation.datasets import name_labels
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.agreement import read_scores
    from score_extrapolation.io.atomic import read_json
    from score_extrapolation.io.tables import read_table, rows_of

    item = load_item(snakemake.params.item)
    scores = read_scores(snakemake.input.scores, snakemake.input.truth)
    residual = scores[~scores["computed"]]
    samples = read_table(snakemake.input.samples, ["sample_id", "label"])
    labels = samples["label"][rows_of(samples["sample_id"], residual["sample_id"].to_numpy())]
    residual = residual.assign(label=name_labels(read_json(snakemake.input.summary), labels))
    found = item.tabulate({"scores": residual})
    data, shown = snakemake.output.data, snakemake.output.shown
    write_csv(data, found)
    images = np.load(snakemake.input.images, mmap_mode="r")[found["sample_id"]]
    item.draw(found, shown, residual, images)
