"""Where the tables of an experiment lie, by what they are of."""

from score_extrapolation.plugins import method_constant
from score_extrapolation.shards import STAGES, shard_names

from .config.experiment import Config
from .config.sections import PRETRAINED
from .config.shorthands import candidate_label
from .parts import is_within, nested, trained, universe

SPACES = (PRETRAINED, "subset")  # what embeddings training-free scores are made of, in the place of an extrapolator


def universe_path(part: str, seed) -> str:
    """Return where the table of the samples lies among which a part is, without its suffix."""
    return f"subset/fraction-{universe(part)}/seed-{seed}" if is_within(part) else "samples/train"


def scores_path(score: str, part: str, seed) -> str:
    """Return where the scores lie of the samples of a part that were trained on, without its suffix."""
    return f"scores/fraction-{trained(part)}/seed-{seed}/{score}"


def extrapolated_path(score: str, extrapolator: str, part: str, seed) -> str:
    """Return where an extrapolator's scores lie of all samples of a part, without its suffix."""
    return f"extrapolation/fraction-{part}/seed-{seed}/{score}/{extrapolator}"


def training_free_path(score: str, space: str, part: str, seed) -> str:
    """Return where training-free scores of all samples lie, without its suffix; of pretrained embeddings part is 0."""
    return f"training_free/fraction-{part}/seed-{seed}/{score}/{space}"


def pruned_by_path(score: str, extrapolator: str, part: str, seed) -> str:
    """Return where the scores lie that an arm prunes by, without its suffix."""
    if extrapolator == "computed":
        return scores_path(score, part, seed)
    return (training_free_path if extrapolator in SPACES else extrapolated_path)(score, extrapolator, part, seed)


def trial_path(candidate: dict, score: str, extrapolator: str, part: str, seed, amount: str) -> str:
    """Return where the trial of a selection method within a subset lies, without its suffix.

    That of a method which reads no scores serves all scores and extrapolators.
    """
    read = f"{score}/{extrapolator}/" if method_constant("selection", candidate["name"], "SCORED") else ""
    return f"trials/{candidate_label(candidate)}/{read}fraction-{part}/seed-{seed}/{amount}"


def table_path(experiment: Config, name: str, score: str, part: str, seed) -> str:
    """Return where in the results the table lies that an extrapolator needs under a name, without its suffix.

    Parameters
    ----------
    experiment : Config
    name : str
        One of those that an extrapolator's ``needs()`` returns.
    score : str
        The one that is extrapolated.
    part : str
        As in `parts`.
    seed : int or str
    """
    stage, *scope = name.split("/")
    if stage == "nested":
        return table_path(experiment, "/".join(scope), score, nested(part, experiment.subset.nested), seed)
    recipe, own = experiment.score(score)["training"], f"fraction-{trained(part)}/seed-{seed}"
    return {
        "samples": universe_path(part, seed),
        "subset": f"subset/{own}",
        "dynamics": f"training/{recipe}/{own}/dynamics",
        "scores": scores_path(score, part, seed),
    }.get(stage) or "/".join([stage, recipe, f"fraction-{part}/seed-{seed}", *scope])


def labels_folder(recipe: str, part: str, seed, classes: int | None = None) -> str:
    """Return the folder of the labels that a training has found; of those that it was tried with another number of."""
    own = f"training/{recipe}/fraction-{trained(part)}/seed-{seed}"
    return own if classes is None else f"{own}/classes-{classes}"


def labels_checkpoint(recipe: str, part: str, seed, classes: int | None = None) -> str:
    """Return the folder in which such a training saves where it stands, which it removes at its end with all within."""
    return f"checkpoints/{labels_folder(recipe, part, seed)}/classes-{classes or 'given'}"


def labels_found_in(experiment: Config, arm: str) -> tuple[str, str]:
    """Return recipe and part of the training whose labels an arm is trained on, where labels are found.

    Of what reads no scores of such a training, those that are pruned by first.
    """
    _, score, extrapolator, part = [*arm.split("/"), None, None, None][:4]
    scored = part is not None and extrapolator not in SPACES
    own = part.removeprefix("fraction-") if scored else experiment.pruned_parts()[0]
    return experiment.labels_found_by(score), own


def network_path(network: str) -> str:
    """Return where the embeddings of a frozen network lie, without suffix."""
    return f"embeddings/{network}"


def sharded(experiment: Config, path: str) -> list[str]:
    """Return the paths of the shards of what lies at a path; where nothing is split, that alone."""
    return [path] if experiment.shards == 1 else [f"{path}/{shard}" for shard in shard_names(experiment.shards)]


def table_paths(experiment: Config, name: str, score: str, part: str, seed, shard: str | None = None) -> list[str]:
    """Return the paths of a table's shards, as `table_path` that of a whole one.

    Of what one `shard` of the samples reads, that of its own rows, unless the table is of the task within the subset.
    """
    path, stage = table_path(experiment, name, score, part, seed), name.split("/")[0]
    if shard and stage in STAGES:
        return [f"{path}/{shard}"]
    return sharded(experiment, path) if name.removeprefix("nested/").split("/")[0] in STAGES else [path]


def layer_path(score: str, extrapolator: str, part: str, seed, layer: int) -> str:
    """Return where a layer lies of an extrapolator that has several, without shard and suffix."""
    return f"{extrapolated_path(score, extrapolator, part, seed)}/layer-{layer}"


def n_layers(experiment: Config, extrapolator: str) -> int:
    """Return how many layers an extrapolator, given by its label, has."""
    return method_constant("extrapolators", experiment.extrapolators()[extrapolator]["name"], "LAYERS")


def space_paths(experiment: Config, space: str, part: str, seed) -> list[str]:
    """Return the files of the embeddings of a space: of the pretrained network, or of the shards of a subset's."""
    if space == PRETRAINED:
        return [experiment.path(f"{network_path(PRETRAINED)}.parquet")]
    # Of the recipes that scores are computed from the first.
    path = f"embeddings/{next(iter(experiment.recipes()))}/fraction-{part}/seed-{seed}"
    return [experiment.path(f"{shard}.parquet") for shard in sharded(experiment, path)]
