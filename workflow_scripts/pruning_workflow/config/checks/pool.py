"""With a pool the subset is of the own images, and the pool is what is pruned; without one it has no share."""

from score_extrapolation.plugins import method_constant

from ..messages import Faults, shown


def find(sound) -> Faults:
    """Yield what does not go with a pool, or not without one."""
    if sound.samples and sound.samples.pool is None:
        yield from _without_pool(sound.subset, sound.retraining)
    elif sound.samples:
        yield from _with_pool(sound.selection, sound.retraining, sound.evaluation)


def _without_pool(subset, retraining) -> Faults:
    for i, fraction in enumerate(subset.fractions if subset else []):
        if fraction == 1:
            text = "is the full data set, whose scores evaluation.full_data_scores asks for; give one below 1"
            yield ("subset", "fractions", i), f"= {shown(fraction)} {text}"
    if retraining and retraining.pool_share is not None:
        text = "is a share of each batch that is of samples.pool, which is null; give one"
        yield ("retraining", "pool_share"), f"= {retraining.pool_share} {text}"


def _with_pool(selection, retraining, evaluation) -> Faults:
    if evaluation and evaluation.full_data_scores:
        text = "asks for a training for scores on all of samples.pool too, which a pool is there to save; set false"
        yield ("evaluation", "full_data_scores"), f"= true {text}"
    for i, method in enumerate(selection.methods if selection else []):
        if method_constant("selection", method["name"], "REDRAWN"):
            text = f"= {method['name']} draws each epoch from all samples, but own ones are all kept beside a pool"
            yield ("selection", "methods", i), f"{text}; use random"
    if retraining and retraining.pool_share is not None:
        yield from _in_pool_share(retraining)


def _in_pool_share(retraining) -> Faults:
    share, batch_size = retraining.pool_share, retraining.batch_size
    if round(share * batch_size) in (0, batch_size):
        text = "leaves a batch without samples of one kind; change it"
        yield ("retraining", "pool_share"), f"= {share} of retraining.batch_size = {batch_size} {text}"
    if "steps" in retraining.budgets:
        text = "= steps is as many as on everything, which epochs are already where pool_share is set; leave it out"
        yield ("retraining", "budgets", retraining.budgets.index("steps")), text
