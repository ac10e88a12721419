"""Draw the distribution of one run's scores and, where there is a truth, extrapolated against true scores."""

from pruning_workflow.job import job

with job(snakemake):
    from pruning_workflow.names import Part
    from pruning_workflow.report import scores_label
    from pruning_workflow.report.distributions import count_scores, plot_against_truth, plot_distributions
    from score_extrapolation.evaluation import write_csv
    from score_extrapolation.evaluation.agreement import read_scores

    files, of = snakemake.output, snakemake.wildcards
    title = scores_label(of.score, of.extrapolator, Part.parse(of.fraction), of.seed)
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
