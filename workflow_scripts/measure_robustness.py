"""Attack the test images of a retrained model, and count those that it still gets right."""

from pruning_workflow.job import job

with job(snakemake):
    from score_extrapolation.io.atomic import write_json
    from score_extrapolation.robustness.evaluate import measure_robustness
    from score_extrapolation.training.devices import resolve_device

    asked = dict(snakemake.params.robustness)
    measured = measure_robustness(
        model_path=snakemake.input.model,
        images_path=snakemake.input.images,
        samples_path=snakemake.input.samples,
        n_images=asked.pop("images"),
        seed=snakemake.params.seed,
        device=resolve_device(snakemake.params.device),
        **asked,
    )
    write_json(snakemake.output[0], measured)
