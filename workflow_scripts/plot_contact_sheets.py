"""Show the images at the ends of one run's extrapolated scores and, where there is a truth, its largest errors."""

from snakemake_job import job

with job(snakemake):
    import numpy as np

    from score_extrapolation.atomic import read_json
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.agreement import read_scores
    from score_extrapolation.report.contact_sheets import caption, choose_samples, draw_contact_sheet
    from score_extrapolation.tables import read_table, rows_of

    scores = read_scores(snakemake.input.scores, snakemake.input.get("truth"))
    chosen = choose_samples(scores[~scores["computed"]].drop(columns="computed"))
    samples = read_table(snakemake.input.samples)
    rows = rows_of(samples["sample_id"], chosen["sample_id"].to_numpy())
    classes = np.array(read_json(snakemake.input.summary)["classes"], dtype=object)
    chosen = chosen.assign(label=classes[samples["label"][rows]], source=samples["source"][rows])
    write_csv(snakemake.output.samples, chosen)
    images = np.load(snakemake.input.images, mmap_mode="r")
    for sheet, path in snakemake.output.items():
        if sheet != "samples":
            shown = chosen[chosen["sheet"] == sheet]
            lines = [caption(row) for row in shown.to_dict("records")]
            draw_contact_sheet(images[shown["sample_id"]], lines, f"{snakemake.params.title}: {sheet}", path)
