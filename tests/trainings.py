"""Trainings as tests describe them: flat settings, of which a test changes one or two."""

from score_extrapolation.training.checkpoints import CheckpointPlan
from score_extrapolation.training.epochs import EpochPlan
from score_extrapolation.training.task import StoredSplit, TrainingOutputs, TrainingSet, TrainingTask


def without_time(metrics: dict) -> dict:
    """Return what a training says of itself but for how long it took before it was stopped."""
    return {name: value for name, value in metrics.items() if name != "seconds_before"}


def task_of(recipe, seed, device="cpu", checkpoints=None, **given):
    """Return a training of settings whose names are those of the task's parts, with `_path` behind those of files."""

    def part(kind, *names):
        return kind(**{name.removesuffix("_path"): given.pop(name) for name in names if name in given})

    folder, code = given.pop("checkpoint_path"), given.pop("code", "")
    validation = [given.pop(f"validation_{name}_path", None) for name in ("images", "samples")]
    task = TrainingTask(
        data=part(TrainingSet, "images_path", "summary_path", "samples_path", "labels_path"),
        recipe=recipe,
        seed=seed,
        device=device,
        outputs=part(TrainingOutputs, "model_path", "dynamics_path", "records", "snapshots_path"),
        checkpoints=CheckpointPlan(folder, code, **(checkpoints or {})),
        epochs=part(EpochPlan, "n_steps", "per_epoch", "pool_share"),
        validation=StoredSplit(*validation) if all(validation) else None,
    )
    assert not given, given
    return task
