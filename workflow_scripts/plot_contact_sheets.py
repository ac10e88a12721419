"""Show the images at the ends of one run's extrapolated scores and, where there is a truth, its largest errors."""

from pruning_workflow.job import job

with job(snakemake):
    import numpy as np

    from pruning_workflow.names import Part
    from pruning_workflow.report import SHEETS, scores_label
    from pruning_workflow.report.contact_sheets import caption, choose_samples, draw_contact_sheet
    from score_extrapolation.datasets import name_labels
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.agreement import read_scores
    from score_extrapolation.io.atomic import read_json
    from score_extrapolation.io.tables import read_table, rows_of

    scores = read_scores(snakemake.input.scores, snakemake.input.truth)
    chosen = choose_samples(scores[~scores["computed"]].drop(columns="computed"))
    samples = read_table(snakemake.input.samples)
    rows = rows_of(samples["sample_id"], chosen["sample_id"].to_numpy())
    names = name_labels(read_json(snakemake.input.summary), samples["label"][rows])
    chosen = chosen.assign(label=names, source=samples["source"][rows])
    write_csv(snakemake.output.chosen, chosen)
    images = np.load(snakemake.input.images, mmap_mode="r")
    of = snakemake.wildcards
    title = scores_label(of.score, of.extrapolator, Part.parse(of.fraction), of.seed)
    for sheet, path in zip(snakemake.params.sheets, snakemake.output.sheets, strict=True):
        shown = chosen[chosen["sheet"] == sheet]
        lines = [caption(sample) for sample in shown.to_dict("records")]
        draw_contact_sheet(images[shown["sample_id"]], lines, f"{title}: {SHEETS[sheet]}", path)
