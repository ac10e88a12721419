"""Faults of a config that no single value shows: values that contradict each other, or the methods they name."""

from score_extrapolation.faults import listed
from score_extrapolation.plugins import method_constant, method_names, method_options

from ..names import PRETRAINED
from .messages import repeated, shown
from .paradigm_contradictions import Faults, find_in_paradigms, recipes_of
from .shorthands import OfEverySelection, candidate_label, candidates_of, extrapolator_label, own_options, own_split

AUTO = "auto"  # the extrapolator that is chosen by estimates


def find_contradictions(sound: dict) -> Faults:
    """Yield (location, text) of each contradiction among sections that have no other fault.

    Parameters
    ----------
    sound : dict
        The validated sections of a `Config` by their keys; those with faults are left out.
    """
    scores, training, extrapolation, selection = map(sound.get, ("scores", "training", "extrapolation", "selection"))
    names = [score["name"] for score in scores or []]
    labels = [extrapolator_label(entry) for entry in extrapolation or []]
    methods = [method["name"] for method in selection.methods] if selection else []
    free = [method["name"] for method in sound["training_free"].methods] if "training_free" in sound else []
    formats = [format["name"] for format in sound["export"].formats] if "export" in sound else []
    for location, values in (
        (("scores",), names),
        (("training_free", "methods"), free),
        (("extrapolation",), labels),
        (("selection", "methods"), methods),
        (("export", "formats"), formats),
    ):
        if repeated(values):
            yield location, repeated(values)
    if scores and training:
        yield from _in_scores(scores, training)
    yield from find_in_paradigms(sound)
    if "subset" in sound:
        yield from _in_samplers(sound["subset"].samplers)
        if selection:
            yield from _in_parts(selection, sound["subset"])
    if selection:
        yield from _in_doubts(selection, names)
        yield from _in_dropped(selection)
        yield from _in_pruned_by(selection, names, labels, sound.get("evaluation"))
        yield from _in_trials(sound, selection)
    method = sound["neighbors"].method if "neighbors" in sound else "auto"
    if sound.get("shards", 1) > 1 and method in ("pynndescent", "ivf"):
        text = (
            f"= {method} has one index of all samples, in one job, and shards is {sound['shards']}; write exact or auto"
        )
        yield ("neighbors", "method"), text
    if training and "base" in training.variants:
        yield ("training", "variants", "base"), "is the name of training itself; give it another"
    if "embeddings" in sound and PRETRAINED in sound["embeddings"].others:
        yield ("embeddings", "others", PRETRAINED), "is the name of embeddings.pretrained; give it another"
    for location, recipe in recipes_of(training, sound.get("retraining")):
        yield from _in_optimizer(recipe.optimizer, (*location, "optimizer"))
        if getattr(recipe, "snapshots", 0) >= recipe.epochs:
            text = (
                f"= {recipe.snapshots} networks before the last of {recipe.epochs} epochs are not to be had; lower it"
            )
            yield (*location, "snapshots"), text
    if "resources" in sound:
        yield from _in_resources(sound["resources"].get("default"))
        yield from _in_shards(sound["resources"])
        if sound.get("device") == "cpu":
            yield from _in_gpus(sound["resources"])
    if "samples" in sound:
        yield from _in_channels(sound["samples"])
        yield from _in_splits(sound["samples"])
        yield from _in_pool(sound)


def _in_scores(scores: list[dict], training) -> Faults:
    """Each score must name a training that there is, and that is long enough for it."""
    trainings = training.by_name()
    for i, score in enumerate(scores):
        name = score["training"]
        if name not in list(trainings):  # what was given may have no hash
            known = listed(trainings)
            yield ("scores", i, "training"), f"= {shown(name)} is no training; there are {known} (training.variants)"
            continue
        options = method_options("scores", score["name"])(**own_options("scores", score))
        needed, epochs = options.needed_epochs(), trainings[name].epochs
        if epochs < needed:
            key = "training.epochs" if name == "base" else f"training.variants.{name}.epochs"
            yield ("scores", i), f"= {shown(score['name'])} needs {needed} epochs or more, but {key} is {epochs}"


def _in_samplers(samplers: list[str]) -> Faults:
    known = method_names("subset")
    for i, name in enumerate(samplers):
        if name not in known:
            yield ("subset", "samplers", i), f"= {shown(name)} is none of {listed(known)}"


def _in_parts(selection, subset) -> Faults:
    """What is pruned by must be drawn."""
    for key in ("fractions", "samplers"):
        drawn = getattr(subset, key)
        for i, chosen in enumerate(getattr(selection, key) or []):
            if chosen not in drawn:
                text = f"= {shown(chosen)} is none of subset.{key}; there are {listed(drawn)}"
                yield ("selection", key, i), text


def _in_doubts(selection, scores: list[str]) -> Faults:
    """Another score that is read must be computed."""
    for i, method in enumerate(selection.methods):
        location, option = ("selection", "methods", i), method_constant("selection", method["name"], "DOUBT_OPTION")
        if option and scores and method[option] not in (None, *scores):
            yield (*location, option), f"= {shown(method[option])} is not computed; there are {listed(scores)}"


def _in_dropped(selection) -> Faults:
    """No more can be dropped than is pruned."""
    named: list[tuple[tuple, dict]] = []
    for i, method in enumerate(selection.methods):
        named.append((("selection", "methods", i), method))
        for place, candidate in enumerate(candidates_of(method)):
            named.append((("selection", "methods", i, "candidates", place), candidate))
    for location, method in named:
        share, least = method_constant("selection", method["name"], "DROPPED_OPTION"), min(selection.rates)
        # How much a number to keep removes shows when the samples are counted.
        if share and not isinstance(method[share], str) and method[share] > least and selection.keep is None:
            text = f"= {shown(method[share])} is more than selection.rates removes, {least}; lower it"
            yield (*location, share), text


def _in_pruned_by(selection, scores: list[str], labels: list[str], evaluation) -> Faults:
    """What all methods prune by, or one of them, must be computed; a method that reads no scores prunes by none."""
    estimates = evaluation.estimates if evaluation else []
    chosen: list[tuple] = [(("selection",), selection.scores, selection.extrapolators)]
    for i, method in enumerate(selection.methods):
        location = ("selection", "methods", i)
        if method_constant("selection", method["name"], "SCORED"):
            chosen.append((location, method["scores"], method["extrapolators"]))
            continue
        for key, field in OfEverySelection.model_fields.items():
            if method[key] != field.default:
                yield (*location, key), f"= {shown(method[key])}, but {method['name']} reads no scores; leave it out"
    for location, by_scores, by_extrapolators in chosen:
        if AUTO in (by_extrapolators or []) and labels and "nested" not in estimates:
            text = f"= {AUTO} chooses by nested estimates; add nested to evaluation.estimates"
            yield (*location, "extrapolators", by_extrapolators.index(AUTO)), text
        for key, names, computed in (
            ("scores", by_scores, scores),
            ("extrapolators", by_extrapolators, [*labels, AUTO] if labels else []),
        ):
            for i, name in enumerate(names or []):
                if computed and name not in computed:
                    yield (*location, key, i), f"= {shown(name)} is not computed; there are {listed(computed)}"


def _in_trials(sound: dict, selection) -> Faults:
    """What is chosen by trials needs scores within the subset, no pool, and a training that plain accuracy judges."""
    evaluation, samples, retraining = map(sound.get, ("evaluation", "samples", "retraining"))
    for i, method in enumerate(selection.methods):
        name, location = method["name"], ("selection", "methods", i)
        if not method_constant("selection", name, "TRIED"):
            continue
        if evaluation and "nested" not in evaluation.estimates:
            yield location, f"= {name} tries methods on nested estimates; add nested to evaluation.estimates"
        if samples and samples.pool is not None:
            text = "tries methods on own images, and what is pruned is of samples.pool; name one method for it"
            yield location, f"= {name} {text}"
        if retraining and retraining.paradigm["name"] == "adversarial":
            text = "judges by plain accuracy, and retraining.paradigm is adversarial; name one method"
            yield location, f"= {name} {text}"
        yield from _in_candidates(method["candidates"], (*location, "candidates"))


def _in_candidates(candidates: list[dict], location: tuple) -> Faults:
    """Two or more different methods are tried, each of which keeps a list by one score or by none."""
    labels = [candidate_label(candidate) for candidate in candidates]
    if len(labels) < 2:
        yield location, f"= {shown(labels)} leaves no choice; give two methods or more"
    if repeated(labels):
        yield location, repeated(labels)
    for i, candidate in enumerate(candidates):
        name = candidate["name"]
        tried, redrawn, doubt = (
            method_constant("selection", name, constant) for constant in ("TRIED", "REDRAWN", "DOUBT_OPTION")
        )
        if tried:
            yield (*location, i), f"= {name} chooses among other methods; name one of those"
        elif redrawn:
            yield (*location, i), f"= {name} keeps no list that a trial could train on; leave it out"
        elif doubt and candidate[doubt] is not None:
            text = f"reads a second score, {doubt}: {candidate[doubt]}, and trials are made of one; leave it out"
            yield (*location, i), f"= {name} {text}"


def _in_optimizer(optimizer, location: tuple) -> Faults:
    for key in ("momentum", "nesterov"):
        value = getattr(optimizer, key)
        if value and optimizer.name != "sgd":
            text = f"= {shown(value)} is read by sgd only, and the optimizer is {optimizer.name}; leave it out"
            yield (*location, key), text
    if optimizer.nesterov and optimizer.name == "sgd" and not optimizer.momentum:
        yield (*location, "nesterov"), "= true needs a momentum above 0; set it, or leave nesterov out"


def _in_gpus(resources: dict) -> Faults:
    for stage, asked in resources.items():
        if (asked.gpu or 0) > 1:
            yield ("resources", stage, "gpu"), f"= {asked.gpu}, but device is cpu; set gpu: 0, or device: auto or cuda"


def _in_shards(resources: dict) -> Faults:
    default = resources.get("default")
    for stage, asked in resources.items():
        gpu, shards = (
            getattr(asked, key) if getattr(asked, key) is not None else getattr(default, key, None)
            for key in ("gpu", "gpu_shards")
        )
        if gpu and shards:
            text = f"= {shards}, but gpu is {gpu}: a job has whole GPUs or parts of one; set one of them to 0"
            yield ("resources", stage, "gpu_shards"), text


def _in_resources(default) -> Faults:
    text = "is missing; every stage that does not set it takes it from here"
    if default is None:
        yield ("resources", "default"), text
    for key, value in default or ():
        if value is None:
            yield ("resources", "default", key), text


def _in_channels(samples) -> Faults:
    for key, limits in (("mean", "[0, 1]"), ("std", "(0, 1]")):
        values = getattr(samples, key) or []
        if not all(0 <= value <= 1 for value in values) or (0 in values and key == "std"):
            yield ("samples", key), f"= {shown(values)} is not in {limits}; pixels are scaled to 0..1"
        if values and samples.channels and len(values) != samples.channels:
            yield ("samples", key), f"= {shown(values)} is not one number for each of {samples.channels} channels"


def _in_splits(samples) -> Faults:
    name = samples.dataset
    needs_path = method_constant("datasets", name, "NEEDS_PATH")
    if needs_path and samples.train is None:
        yield ("samples", "train"), f"is missing; {name} needs the path of its images"
    for split in ("train", "test", "validation", "pool"):
        value = getattr(samples, split)
        if isinstance(value, dict):
            yield from _in_held_out(split, value)
        if isinstance(value, list) and not needs_path:
            yield ("samples", split), f"= {shown(value)} is a path, but {name} reads none; leave it out"
        if value == "given" and split != "train" and split not in method_constant("datasets", name, "SPLITS"):
            text = f"= given, but {name} has no {split} set of its own; write a path or a fraction such as 0.1"
            yield ("samples", split), text
    test, validation = ((v if isinstance(v, float) else 0) for v in (samples.test, samples.validation))
    if test + validation >= 1:
        text = f"= {validation} and samples.test = {test} leave no training images; lower one of them"
        yield ("samples", "validation"), text


def _in_held_out(split: str, held_out: dict) -> Faults:
    name, path, wanted = held_out["dataset"], held_out["path"], held_out["split"]
    splits, needs_path = (method_constant("datasets", name, constant) for constant in ("SPLITS", "NEEDS_PATH"))
    if needs_path and path is None:
        yield ("samples", split, "path"), f"is missing; {name} needs the path of its images"
    if path is not None and not needs_path:
        yield ("samples", split, "path"), f"= {shown(path)} is a path, but {name} reads none; leave it out"
    if len(splits) > 1 and wanted not in splits:
        text = f"= {shown(wanted)} is none of {listed(splits)}, the sets that {name} has; write one of them"
        yield ("samples", split, "split"), text
    if len(splits) == 1 and wanted != own_split(split):
        text = f"= {shown(wanted)} chooses nothing: {name} reads all that it finds; leave it out"
        yield ("samples", split, "split"), text


def _in_pool(sound: dict) -> Faults:
    """With a pool the subset is of the own images and what is pruned is of the pool; without one there is no share."""
    pool, subset, selection, retraining = sound["samples"].pool, *map(sound.get, ("subset", "selection", "retraining"))
    if pool is None:
        for i, fraction in enumerate(subset.fractions if subset else []):
            if fraction == 1:
                text = "is the full data set, whose scores evaluation.full_data_scores asks for; give one below 1"
                yield ("subset", "fractions", i), f"= {shown(fraction)} {text}"
        if retraining and retraining.pool_share is not None:
            text = (
                f"= {retraining.pool_share} is a share of each batch that is of samples.pool, which is null; give one"
            )
            yield ("retraining", "pool_share"), text
        return
    if "evaluation" in sound and sound["evaluation"].full_data_scores:
        text = (
            "= true asks for a training for scores on all of samples.pool too, which a pool is there to save; set false"
        )
        yield ("evaluation", "full_data_scores"), text
    for i, method in enumerate(selection.methods if selection else []):
        if method_constant("selection", method["name"], "REDRAWN"):
            text = f"= {method['name']} draws each epoch from all samples, but own ones are all kept beside a pool"
            yield ("selection", "methods", i), f"{text}; use random"
    if retraining and retraining.pool_share is not None:
        yield from _in_pool_share(retraining)


def _in_pool_share(retraining) -> Faults:
    share, batch_size = retraining.pool_share, retraining.batch_size
    if round(share * batch_size) in (0, batch_size):
        text = (
            f"= {share} of retraining.batch_size = {batch_size} leaves a batch without samples of one kind; change it"
        )
        yield ("retraining", "pool_share"), text
    if "steps" in retraining.budgets:
        text = "= steps is as many as on everything, which epochs are already where pool_share is set; leave it out"
        yield ("retraining", "budgets", retraining.budgets.index("steps")), text
