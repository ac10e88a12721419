"""From Snakemake's merged config to the experiment: where each value came from, and what this machine must have."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from score_extrapolation.cuda import has_cuda
from score_extrapolation.faults import InputFault
from score_extrapolation.io.paths import expand_braces, match

from .config import Config, read_config
from .lock import lock_results
from .snakemake_internals import config_files, config_given, executor_name, lift_submission_limit, runs_here

MOST_TOLD = 8  # files that a run names at its end


def load_config(workflow, config: dict) -> Config:
    """Return the validated experiment; on faults print one sentence each and leave with exit code 1.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        Tells which files and options the config was merged from.
    config : dict
        Merged; the values of --config get their types in it.
    """
    files = config_files(workflow)
    layers = [(_shown(path), yaml.safe_load(Path(path).read_text(encoding="utf-8"))) for path in files]
    given = config_given(workflow)
    layers.append(("--config", given))
    # In place: the report's second Snakemake is given this same config.
    config.update({key: _typed(value, config[key]) for key, value in given.items() if isinstance(value, dict | list)})
    try:
        experiment = read_config(config, lambda location: _origin(layers, location))
        check_paths(experiment)
    except InputFault as fault:
        print(fault, file=sys.stderr)
        sys.exit(1)
    return experiment


def _typed(given, merged):
    """Return a value of --config, merged with what is below it, with the types that it would have in a file.

    Inside {} and [] Snakemake leaves every number, true and null of --config a text.
    """
    if isinstance(given, dict):
        return merged | {key: _typed(value, merged[key]) for key, value in given.items()}
    if isinstance(given, list):
        return [_typed(value, value) for value in given]
    if not isinstance(given, str):
        return given
    loader = yaml.SafeLoader("")
    return loader.construct_object(yaml.ScalarNode(loader.resolve(yaml.ScalarNode, given, (True, False)), given))


def _shown(path) -> str:
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else str(path)


def _origin(layers: list[tuple[str, dict]], location: tuple) -> str:
    """Return the name of the last layer that sets the value at a location, or the nearest above it."""
    for depth in range(len(location), 0, -1):
        for name, values in reversed(layers):
            for key in location[:depth]:
                try:
                    values = values[key]
                except (KeyError, IndexError, TypeError):
                    break
            else:
                return name
    return layers[0][0]


def check_paths(config: Config) -> None:
    """Check the paths that the config names.

    Raises
    ------
    InputFault
        One sentence a line: a path of images does not exist, or the results cannot be written.
    """
    faults = []
    for key, dataset, paths in config.samples.sets_read():
        for path in paths:
            missing = [one for one in expand_braces(path) if not match(one)]
            # torchvision's folder may be made by its download.
            if missing and dataset != "torchvision":
                faults.append(f"samples.{key}: {missing[0]} does not exist; give an existing file, folder or glob")
    for name, network in config.embeddings.networks().items():
        for path in network.files():
            if not os.path.isfile(path):
                key = config.embeddings.key_of(name)
                faults.append(f"{key}.weights: {path} does not exist; give an existing file, or hub, or package")
    existing = Path(config.results)
    while not existing.exists():
        existing = existing.parent
    try:
        tempfile.TemporaryFile(dir=existing).close()  # permissions alone say yes to root on a read-only disk
    except NotADirectoryError:
        faults.append(f"results: {existing} is a file; give a folder")
    except OSError as error:
        faults.append(f"results: {existing} cannot be written to ({error.strerror}); give a folder that can")
    if faults:
        raise InputFault("\n".join(faults))


def begin_run(workflow, config: Config) -> None:
    """Check what only a run needs, before its first job: Slurm, the device of jobs run here, results of its own."""
    try:
        check_executor(executor_name(workflow))
        check_device(config, runs_here(workflow))
        lock_results(Path(config.path("")))
    except InputFault as fault:
        print(fault, file=sys.stderr)
        sys.exit(1)
    lift_submission_limit(workflow)


def check_executor(name: str) -> None:
    """Check that Slurm is there, where it was asked for."""
    if name == "slurm" and shutil.which("sbatch") is None:
        raise InputFault(
            "executor: slurm was asked for, but this machine has no sbatch; run this where jobs are submitted, or "
            "without --profile slurm to run them here"
        )


def check_device(config: Config, runs_here: bool) -> None:
    """Check that a cuda that was asked for is there, where jobs run on this machine."""
    if config.device == "cuda" and runs_here and not has_cuda():
        raise InputFault("device: cuda was asked for, but this machine has no CUDA device; set device: cpu or auto")


def describe_results(folder: str, paths: list[str]) -> str:
    """Return what a run says at its end: those of some files that there are, or the folder of all results."""
    found = [path for path in paths if os.path.exists(path)]
    more = [f"and {len(found) - MOST_TOLD} more in {folder}"] if len(found) > MOST_TOLD else []
    return "\n  ".join(["Done:", *found[:MOST_TOLD], *more] if found else [f"Done: {folder}"])


def stage_resources(config: Config, stage: str, gpu: bool = False) -> dict:
    """Return what the jobs of a stage ask for, as the resources of a rule.

    Parameters
    ----------
    config : Config
    stage : str
    gpu : bool
        Whether the rule can use a GPU.

    Returns
    -------
    dict
        mem_mb and runtime (minutes), which grow with each attempt; where the rule can use a GPU, gpu and gpu_shards;
        what Slurm is told of these; its account and partition, where the config names them.
    """
    asked = config.asked_by(stage)

    def mem_mb(wildcards, attempt):
        return attempt * asked.mem_mb

    def runtime(wildcards, attempt):
        return attempt * asked.runtime

    found: dict[str, Any] = {"mem_mb": mem_mb, "runtime": runtime}
    if gpu:
        found |= {"gpu": asked.gpu, "gpu_shards": asked.gpu_shards}
    if gpu and asked.gpu:
        found["nodes"] = 1  # several GPUs are those of one node
    if gpu and asked.gpu_shards:
        found["gres"] = f"shard:{asked.gpu_shards}"
    on_gpu = gpu and bool(asked.gpu or asked.gpu_shards)
    named = {"slurm_account": config.slurm.account, "slurm_partition": config.slurm.partition_of(on_gpu)}
    return found | {key: value for key, value in named.items() if value}


def input_paths(config: Config) -> list[str]:
    """Return the user's files that the samples are read from: Snakemake watches their times.

    Of a folder, its class folders, whose times change when images come or go. Nothing of torchvision's: its sets never
    change, and a folder that the first run makes by a download would be new to the second.
    """
    watched = []
    for _, dataset, paths in config.samples.sets_read():
        for pattern in paths if dataset != "torchvision" else ():
            for path in (found for one in expand_braces(pattern) for found in match(one)):
                watched.append(path)
                if os.path.isdir(path):
                    watched += sorted(entry.path for entry in os.scandir(path) if entry.is_dir())
    return watched
