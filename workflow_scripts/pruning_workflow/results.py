"""The path of every result, below the experiment's folder and without suffix unless it says otherwise."""

from score_extrapolation.plugins import method_constant

from .config import Config, candidate_label
from .names import COMPUTED, PRETRAINED, SPACES, Amount, Arm, Part, Shard, Table

SHARDED = ("embeddings", "predictions", "neighbors")  # stages that write a table shard by shard


def universe_path(part: Part, seed) -> str:
    """Return the path of the table of the samples among which a part lies."""
    return f"subset/fraction-{part.universe}/seed-{seed}" if part.within else "samples/train"


def scores_path(score: str, part: Part, seed) -> str:
    """Return the path of the scores of those samples of a part that were trained on."""
    return f"scores/fraction-{part.trained}/seed-{seed}/{score}"


def extrapolated_path(score: str, extrapolator: str, part: Part, seed) -> str:
    """Return the path of an extrapolator's scores of all samples of a part."""
    return f"extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}"


def training_free_path(score: str, space: str, part: Part, seed) -> str:
    """Return the path of training-free scores of all samples; of pretrained embeddings the part is `NOTHING`."""
    return f"training_free/fraction-{part}/seed-{seed}/{score}/{space}"


def pruned_by_path(score: str, extrapolator: str, part: Part, seed) -> str:
    """Return the path of the scores that an arm prunes by."""
    if extrapolator == COMPUTED:
        return scores_path(score, part, seed)
    return (training_free_path if extrapolator in SPACES else extrapolated_path)(score, extrapolator, part, seed)


def selection_path(arm: Arm, seed, amount: Amount) -> str:
    """Return the path of what an arm keeps."""
    return f"selection/{arm}/seed-{seed}/{amount}"


def retraining_folder(budget: str, arm: Arm, seed, amount: Amount) -> str:
    """Return the folder of a network that is trained on what an arm keeps."""
    return f"retraining/{budget}/{arm}/seed-{seed}/{amount}"


def trial_path(candidate: dict, score: str, extrapolator: str, part: Part, seed, amount: Amount) -> str:
    """Return the path of the trial of a selection method within a subset.

    That of a method which reads no scores serves all scores and extrapolators.
    """
    read = f"{score}/{extrapolator}/" if method_constant("selection", candidate["name"], "SCORED") else ""
    return f"trials/{candidate_label(candidate)}/{read}fraction-{part}/seed-{seed}/{amount}"


def table_path(experiment: Config, table: Table, score: str, part: Part, seed) -> str:
    """Return the path of a table that a method asks for.

    Parameters
    ----------
    experiment : Config
    table : Table
    score : str
        The one that is extrapolated, or selected by.
    part : Part
    seed : int or str
    """
    for _ in range(table.nested):
        part = part.nested(experiment.subset.nested)
    recipe, own = experiment.score(score)["training"], f"fraction-{part.trained}/seed-{seed}"
    of_part = "/".join([table.stage, recipe, f"fraction-{part}/seed-{seed}", *([table.scope] if table.scope else [])])
    paths = {
        "samples": universe_path(part, seed),
        "subset": f"subset/{own}",
        "dynamics": f"training/{recipe}/{own}/dynamics",
        "scores": scores_path(score, part, seed),
    }
    return paths.get(table.stage, of_part)


def labels_folder(recipe: str, part: Part, seed, classes: int | None = None) -> str:
    """Return the folder of the labels that a training has found, or has found when tried with a number of classes."""
    own = f"training/{recipe}/fraction-{part.trained}/seed-{seed}"
    return own if classes is None else f"{own}/classes-{classes}"


def labels_checkpoint(recipe: str, part: Part, seed, classes: int | None = None) -> str:
    """Return the folder in which such a training saves where it stands. It removes the folder at its end."""
    return f"checkpoints/{labels_folder(recipe, part, seed)}/classes-{classes or 'given'}"


def labels_found_in(experiment: Config, arm: Arm) -> tuple[str, Part]:
    """Return recipe and part of the training whose labels an arm is trained on, where labels are found.

    For an arm that reads no scores of such a training, it is the part that is pruned by first.
    """
    part = None if arm.is_training_free else arm.part
    return experiment.labels_found_by(arm.score), part or experiment.pruned_parts()[0]


def network_path(network: str) -> str:
    """Return the path of the embeddings of a frozen network."""
    return f"embeddings/{network}"


def sharded(experiment: Config, path: str) -> list[str]:
    """Return the paths of the shards of a table; where nothing is split, the table's own."""
    return [path] if experiment.shards == 1 else [f"{path}/{shard}" for shard in Shard.all(experiment.shards)]


def table_paths(experiment: Config, table: Table, score: str, part: Part, seed, shard: str | None = None) -> list[str]:
    """Return the paths of a table's shards, as `table_path` returns that of a whole one.

    For a job of one `shard` of the samples it is the shard with the same rows, unless the table is of the task within
    the subset.
    """
    path = table_path(experiment, table, score, part, seed)
    if table.stage not in SHARDED:
        return [path]
    return [f"{path}/{shard}"] if shard and not table.nested else sharded(experiment, path)


def layer_path(score: str, extrapolator: str, part: Part, seed, layer: int) -> str:
    """Return the path of a layer of an extrapolator that has several, without the shard."""
    return f"{extrapolated_path(score, extrapolator, part, seed)}/layer-{layer}"


def n_layers(experiment: Config, extrapolator: str) -> int:
    """Return how many layers an extrapolator, given by its label, has."""
    return method_constant("extrapolators", experiment.extrapolators()[extrapolator]["name"], "LAYERS")


def space_paths(experiment: Config, space: str, part: Part, seed) -> list[str]:
    """Return the files of the embeddings of a space: of the pretrained network, or of the shards of a subset's."""
    if space == PRETRAINED:
        return [experiment.path(f"{network_path(PRETRAINED)}.parquet")]
    # Of the recipes that scores are computed from the first.
    path = f"embeddings/{next(iter(experiment.recipes()))}/fraction-{part}/seed-{seed}"
    return [experiment.path(f"{shard}.parquet") for shard in sharded(experiment, path)]
