"""What all stages share: the validated config, where files lie, what rules ask for.

Reads: config.yaml and what the command line changes in it.
"""

import re
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(workflow.current_basedir.join("../workflow_scripts").get_path_or_uri(secret_free=False)))

from pruning_workflow.config import needs_of_selection
from pruning_workflow.lock import run_is_over
from pruning_workflow.names import (
    AMOUNT_PATTERN,
    ARM_PATTERN,
    EVERYTHING,
    LABEL_PATTERN,
    METHOD_PATTERN,
    NOTHING,
    PART_PATTERN,
    PRETRAINED,
    SPACES,
    SUBSET_PATTERN,
    Amount,
    Arm,
    Part,
    Table,
)
from pruning_workflow.rerun import code_digest
from pruning_workflow.results import (
    extrapolated_path,
    labels_checkpoint,
    labels_folder,
    labels_found_in,
    layer_path,
    n_layers,
    network_path,
    pruned_by_path,
    scores_path,
    selection_path,
    space_paths,
    table_paths,
    training_free_path,
    trial_path,
    universe_path,
)
from pruning_workflow.start import begin_run, describe_results, input_paths, load_config, stage_resources
from score_extrapolation.faults import InputFault
from score_extrapolation.plugins import method_constant, method_names

EXPERIMENT = load_config(workflow, config)
out = EXPERIMENT.path  # where a file of this experiment lies

if not workflow.is_main_process:
    # Slurm's warning that time is nearly over is for the training: it goes to the Snakemake around it too.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    # Before that Snakemake removes what it is about to make, which the next run may have made since.
    if run_is_over(Path(out(""))):
        sys.exit("the run that this job belongs to has ended; nothing was done")


wildcard_constraints:
    fraction=SUBSET_PATTERN,
    part=PART_PATTERN,
    seed=r"\d+",
    amount=AMOUNT_PATTERN,
    recipe="[a-z0-9_]+",
    score=METHOD_PATTERN,
    scope="subset|label|all",
    extrapolator=LABEL_PATTERN,
    space="|".join(SPACES),
    budget="epochs|steps",
    method=METHOD_PATTERN,
    arm=ARM_PATTERN,
    layer=r"\d+",
    classes=r"\d+",


# From embedding to extrapolation each shard of the samples, 3-of-8, is a job of its own.
scattergather:
    samples=EXPERIMENT.shards,


NO_MATCH = "(?!)"
SPLIT = EXPERIMENT.shards > 1
EMBEDDED = "{recipe}/fraction-{part}/seed-{seed}"


def of_shard(path):
    """Return the path of what is written shard by shard: a folder with a file for each, where there are several."""
    return f"{path}/{{scatteritem}}" if SPLIT else path


onstart:
    begin_run(workflow, EXPERIMENT)


onsuccess:
    print(describe_results(out(""), [out("report/report.html"), out("export"), *kept_files()]), file=sys.stderr)


def threads_of(stage):
    """Return the threads that a stage's jobs ask for."""
    return EXPERIMENT.asked_by(stage).threads


def resources_of(stage, gpu=False):
    """Return what a stage's jobs ask for; `gpu` says that they can use one. Those that cannot have `retries: 0`."""
    return stage_resources(EXPERIMENT, stage, gpu)


SPLITS = ["train", *(split for split in ("validation", "test") if getattr(EXPERIMENT.samples, split) is not None)]
AMOUNTS = EXPERIMENT.selection.amounts()
SCORES = [score["name"] for score in EXPERIMENT.scores]
PRUNED_FROM = EXPERIMENT.pruned_parts()
TRAINING_FREE = [method["name"] for method in EXPERIMENT.training_free.methods]
EXTRAPOLATORS = EXPERIMENT.extrapolators()
RECIPES = EXPERIMENT.recipes()
UNSUPERVISED = EXPERIMENT.unsupervised()
NETWORKS = EXPERIMENT.embeddings.networks()
METHODS = [method["name"] for method in EXPERIMENT.selection.methods]
SCORED_METHODS = [method for method in METHODS if method_constant("selection", method, "SCORED")]
# The method that is chosen by trials, where there is one, and those that are tried for it.
TRIED = EXPERIMENT.tried()
CANDIDATES = EXPERIMENT.candidates(TRIED) if TRIED else {}


SCORED_ARMS = [
    Arm(method, score, extrapolator, part)
    for method in SCORED_METHODS
    for score in EXPERIMENT.scores_pruned_by(method)
    for extrapolator in EXPERIMENT.extrapolators_pruned_by(method)
    for part in PRUNED_FROM
]
FREE_ARMS = [
    Arm("top", score, space, part)
    for space in SPACES
    if space in EXPERIMENT.training_free.spaces
    for score in TRAINING_FREE
    for part in ([NOTHING] if space == PRETRAINED else PRUNED_FROM)
]
UNSCORED_ARMS = [Arm(method) for method in METHODS if method not in SCORED_METHODS]
TRUE_ARMS = [
    Arm(method, score).by_truth()
    for method in SCORED_METHODS
    if EXPERIMENT.prunes_by_full_data_scores(method)
    for score in EXPERIMENT.scores_pruned_by(method)
]


def part_of(wildcards):
    """Return the part of the data that a job is of."""
    return Part.parse(wildcards.get("part") or wildcards.fraction)


def kept_files():
    """Return the lists that a user of the pruned set needs: no truth, no baseline, no retraining, one seed."""
    seed = EXPERIMENT.seeds[0]
    return [out(f"{selection_path(arm, seed, amount)}.parquet") for arm in SCORED_ARMS for amount in AMOUNTS]


def is_redrawn(arm):
    """Say whether an arm, given by its name, keeps no list, since it draws anew for each epoch."""
    return bool(method_constant("selection", Arm.parse(arm).method, "REDRAWN"))


def kept_by(wildcards):
    """Return the samples that an arm trains on: its list, or all of them where it draws from these."""
    if is_redrawn(wildcards.arm):
        return out("samples/train.parquet")
    return out(f"{selection_path(wildcards.arm, wildcards.seed, wildcards.amount)}.parquet")


def one_of(names):
    """Return the pattern of a wildcard that is one of some names."""
    return "|".join(map(re.escape, sorted(names))) or NO_MATCH


def networks_of(wildcards):
    """Return the embeddings that an unsupervised training reads, those of each frozen network in turn."""
    return [out(f"{network_path(space)}.parquet") for space in EXPERIMENT.spaces(wildcards.recipe)]


def classes_of(wildcards):
    """Return how many classes an unsupervised training looks for; None: as many as there are labels."""
    given = RECIPES[wildcards.recipe]["paradigm"]["classes"]
    return int(wildcards.classes) if wildcards.get("classes") else given


def checkpoint_of(wildcards):
    """Return the folder in which an unsupervised training saves where it stands."""
    return out(labels_checkpoint(wildcards.recipe, part_of(wildcards), wildcards.seed, wildcards.get("classes")))


def labels_for(wildcards):
    """Return the labels that a retraining learns in the place of the given ones, or nothing."""
    if EXPERIMENT.retraining.labels == "given":
        return []
    recipe, part = labels_found_in(EXPERIMENT, Arm.parse(wildcards.arm))
    return out(f"{labels_folder(recipe, part, wildcards.seed)}/labels.parquet")


def sampled_by(wildcards):
    """Return the training-free scores that a subset is drawn by, or nothing."""
    score = method_constant("subset", part_of(wildcards).sampler, "SCORE")
    return out(f"{training_free_path(score, PRETRAINED, NOTHING, wildcards.seed)}.parquet") if score else []


def recipe_of(score):
    """Return the name of the training that a score is computed from."""
    return EXPERIMENT.score(score)["training"]


def universe_of(wildcards):
    """Return the table of the samples among which a part lies: all, or a subset."""
    return out(f"{universe_path(part_of(wildcards), wildcards.seed)}.parquet")


def subset_of(wildcards):
    """Return the table of the samples of a part that are trained on."""
    return out(f"subset/fraction-{part_of(wildcards).trained}/seed-{wildcards.seed}.parquet")


def trained_in(name):
    """Return the function that returns where the training of a part wrote a file."""
    return lambda wildcards: out(
        f"training/{wildcards.recipe}/fraction-{part_of(wildcards).trained}/seed-{wildcards.seed}/{name}"
    )


def computed_scores_of(wildcards):
    """Return the scores of the samples of a part that were trained on."""
    return out(f"{scores_path(wildcards.score, part_of(wildcards), wildcards.seed)}.parquet")


def candidates_of(wildcards, part):
    """Return the scores of all extrapolators for the samples of a part."""
    paths = (extrapolated_path(wildcards.score, name, part, wildcards.seed) for name in EXTRAPOLATORS)
    return [out(f"{path}.parquet") for path in paths]


def split_as(split):
    """Return the pattern of the extrapolators that are split into shards in a way; of None, those that are not."""
    return one_of(label for label in EXTRAPOLATORS if EXPERIMENT.split(label) == split)


def all_shards(name, wildcards, shard=None):
    """Return the files of the table that an extrapolator knows by a name; or that which has the rows of one shard."""
    run = wildcards.score, part_of(wildcards), wildcards.seed
    paths = table_paths(EXPERIMENT, Table.parse(name), *run, shard)
    return [out(f"{path}.parquet") for path in paths]


def extrapolator_needs(wildcards):
    """Return the tables that this extrapolator reads beside the subset's scores, by the names that it gives them."""
    names, shard = EXPERIMENT.needs(wildcards.extrapolator), wildcards.get("scatteritem")
    return {name: all_shards(name, wildcards, shard) for name in names}


def tables_of(name, score, part, seed):
    """Return the files of a table that a method knows by a name."""
    return [out(f"{path}.parquet") for path in table_paths(EXPERIMENT, Table.parse(name), score, part, seed)]


def selection_needs(wildcards):
    """Return the tables that this selection method reads beside scores and samples, by the names that it gives them."""
    needed = EXPERIMENT.selection_needs(wildcards.method, part_of(wildcards))
    names = [name for name in needed if name != "samples"]
    if wildcards.extrapolator in SPACES and method_constant("selection", wildcards.method, "NEEDS_OPTIONAL"):
        return {}
    if names and wildcards.extrapolator in SPACES:
        raise InputFault(
            f"selection: {wildcards.method} reads {names[0]} of a training for scores, and {wildcards.score} has none; "
            "prune by it with top"
        )
    return {name: tables_of(name, wildcards.score, part_of(wildcards), wildcards.seed) for name in names}


def candidates_with(scored):
    """Return the pattern of the candidates that read scores, or of those that read none."""
    labels = [
        label
        for label, method in CANDIDATES.items()
        if method_constant("selection", method["name"], "SCORED") == scored
    ]
    return one_of(labels)


def trial_needs(wildcards):
    """Return the tables that a method reads within the subset, on trial, as `selection_needs` those of all samples."""
    names = [name for name in needs_of_selection(CANDIDATES[wildcards.candidate]) if name != "samples"]
    within = part_of(wildcards).nested(EXPERIMENT.subset.nested)
    return {name: tables_of(name, wildcards.score, within, wildcards.seed) for name in names}


def trial_of(wildcards):
    """Return the path of a trial, without its suffix."""
    scored_by = wildcards.get("score"), wildcards.get("extrapolator")
    run = *scored_by, part_of(wildcards), wildcards.seed, wildcards.amount
    return trial_path(CANDIDATES[wildcards.candidate], *run)


def trials_of(wildcards):
    """Return the trials that a method is chosen by, or nothing."""
    run = wildcards.score, wildcards.extrapolator, part_of(wildcards), wildcards.seed, wildcards.amount
    return [out(f"{trial_path(tried, *run)}.json") for tried in EXPERIMENT.candidates(wildcards.method).values()]


def loaded_for(method):
    """Return the names of the selection methods that one may load: itself, and those that are tried for it."""
    return dict.fromkeys([method, *(tried["name"] for tried in EXPERIMENT.candidates(method).values())])


def searched_in(wildcards):
    """Return what neighbours are chosen from, where a shard is searched: the subset, or each shard in turn."""
    folder = out(f"embeddings/{wildcards.recipe}/fraction-{wildcards.part}/seed-{wildcards.seed}")
    if not SPLIT:
        return {}
    if wildcards.scope != "all":
        return {"base": [f"{folder}/subset.parquet"]}
    return {"base": gather.samples(f"{folder}/{{scatteritem}}.parquet"), "mean": f"{folder}/mean.safetensors"}


def score_shards(wildcards):
    """Return the scores of all shards: of an extrapolator of several layers, its last."""
    run, label = (wildcards.score, wildcards.extrapolator, part_of(wildcards), wildcards.seed), wildcards.extrapolator
    layered = EXPERIMENT.split(label) == "layers"
    path = layer_path(*run, n_layers(EXPERIMENT, label)) if layered else extrapolated_path(*run)
    return gather.samples(out(f"{path}/{{scatteritem}}.parquet"))


def joined_by(wildcards):
    """Return all shards of the neighbours that an extrapolator's graph is made of."""
    names = EXPERIMENT.needs(wildcards.extrapolator)
    (name,) = (name for name in names if Table.parse(name).stage == "neighbors" and not Table.parse(name).nested)
    return all_shards(name, wildcards)


def layer_before(wildcards):
    """Return all shards of what a layer reads of other samples: their embeddings, or the layer before."""
    layer = int(wildcards.layer)
    if layer == 1:
        return all_shards("embeddings", wildcards)
    path = layer_path(wildcards.score, wildcards.extrapolator, part_of(wildcards), wildcards.seed, layer - 1)
    return gather.samples(out(f"{path}/{{scatteritem}}.parquet"))


def subset_embeddings_of(wildcards):
    """Return a table that has the embeddings of the subset: of the shards, that in which these are gathered."""
    run = f"embeddings/{recipe_of(wildcards.score)}/fraction-{wildcards.fraction}/seed-{wildcards.seed}"
    return out(f"{run}/subset.parquet") if SPLIT else out(f"{run}.parquet")


def scores_of(wildcards):
    """Return the scores to prune by: extrapolated, computed on the full data, or of embeddings alone."""
    path = pruned_by_path(wildcards.score, wildcards.extrapolator, part_of(wildcards), wildcards.seed)
    return out(f"{path}.parquet")


def nested_scores_of(wildcards):
    """Return the scores of a subset's samples that are extrapolated from the part nested in it."""
    within = part_of(wildcards).nested(EXPERIMENT.subset.nested)
    path = extrapolated_path(wildcards.score, wildcards.extrapolator, within, wildcards.seed)
    return out(f"{path}.parquet")


def doubts_of(wildcards):
    """Return the other scores that a method reads beside those that it prunes by, or nothing."""
    doubt = EXPERIMENT.doubt(wildcards.method)
    if doubt is None:
        return []
    return out(f"{pruned_by_path(doubt, wildcards.extrapolator, part_of(wildcards), wildcards.seed)}.parquet")
