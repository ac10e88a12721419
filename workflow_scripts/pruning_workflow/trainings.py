"""What the scripts of all trainings take from their rules alike."""

from score_extrapolation.training.checkpoints import CheckpointPlan

from .job import Job


def checkpoint_plan(snakemake) -> CheckpointPlan:
    """Return where a job's training saves where it stands, and when."""
    # When is taken from the config, since a param that changes runs the job again.
    return CheckpointPlan(snakemake.params.checkpoint, snakemake.params.code, **snakemake.config["checkpoints"])


def training_settings(snakemake) -> dict:
    """Return what `TrainingTask` and `try_selection` name alike: how a job trains, beside what it reads and writes."""
    params = snakemake.params
    settings = {"recipe": params.recipe, "seed": params.seed, "device": params.device}
    return settings | {"checkpoints": checkpoint_plan(snakemake)}


def note_cost(ran: Job, metrics: dict) -> dict:
    """Note what a training cost, and return what it says of itself without the time before it was stopped."""
    ran.note_images(metrics["images_seen"], metrics.get("images_predicted", 0))
    ran.note_seconds_before(metrics["seconds_before"])
    return {name: value for name, value in metrics.items() if name != "seconds_before"}


def n_processes(snakemake) -> int:
    """Return in how many processes a job trains: one for each GPU that it has."""
    return max(1, snakemake.resources.gpu)
