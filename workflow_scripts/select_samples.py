"""Choose the samples to keep at one pruning rate, or so many; first by what method, where trials say so."""

from pruning_workflow.job import LOGGER, job

with job(snakemake) as ran:
    from score_extrapolation.io.atomic import read_json
    from score_extrapolation.io.tables import KEPT, write_blocks
    from score_extrapolation.plugins import method_constant
    from score_extrapolation.selection import select_tables
    from score_extrapolation.selection.auto import as_rows, choose, mean_accuracies

    own = ("samples", "summary", "scores", "doubts", "trials")
    method, scores = snakemake.params.method, snakemake.input.get("scores")
    if trials := [read_json(path) for path in snakemake.input.get("trials", ())]:
        chosen, means = choose(as_rows(trials)), mean_accuracies(as_rows(trials))
        tried = ", ".join(f"{name} {accuracy:.4f}" for name, accuracy in means.items())
        LOGGER.info("%s: accuracy within the subset %s; chosen is %s", method["name"], tried, chosen)
        method = next(trial["method"] for trial in trials if trial["candidate"] == chosen)
        scores = scores if method_constant("selection", method["name"], "SCORED") else None
        ran.metadata["chosen"] = chosen
    blocks = select_tables(
        snakemake.input.samples,
        scores,
        snakemake.params.amount,
        method,
        snakemake.params.seed,
        snakemake.input.get("doubts"),
        read_json(snakemake.input.summary).get("n_pool"),
        snakemake.params.labelled,
        {name: paths for name, paths in snakemake.input.items() if name not in own},
    )
    write_blocks(snakemake.output[0], KEPT, ran.metadata, blocks)
