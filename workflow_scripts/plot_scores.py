"""Draw the distribution of one run's scores and, where there is a truth, extrapolated against true scores."""

from snakemake_job import job

with job(snakemake):
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.agreement import read_scores
    from score_extrapolation.report import scores_label
    from score_extrapolation.report.distributions import count_scores, plot_against_truth, plot_distributions

    files, title = snakemake.output, scores_label(**dict(snakemake.wildcards.items()))
    scores = read_scores(snakemake.input.scores, snakemake.input.truth)
    residual = scores[~scores["computed"]]
    groups = {"computed on the subset": scores.loc[scores["computed"], "score"], "extrapolated": residual["score"]}
    if "truth" in scores:
        groups["true (all samples)"] = scores["truth"]
        points = plot_against_truth(residual["score"], residual["truth"], title, files.against_truth)
        write_csv(files.points, points)
    counts = count_scores(groups)
    plot_distributions(counts, title, files.distribution)
    write_csv(files.counts, counts)
