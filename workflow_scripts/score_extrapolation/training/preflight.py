"""What a training will need in memory and lose by emulation, told before it starts."""

import copy
from pathlib import Path

import psutil
import torch
from torch.nn.functional import cross_entropy

from ..faults import InputFault
from ..models import Classifier
from ..paradigms import make_objective
from ..progress import LOGGER
from .devices import autocast, warn_of_emulation
from .images import CHUNK, READ_AHEAD
from .recipe import Recipe

SPARE = 0.1  # of what is free: the allocator's gaps, the workspaces of convolutions


def plan_memory(
    network: Classifier, recipe: Recipe, image_shape: tuple, n_samples: int, n_records_bytes: int, n_processes: int = 1
) -> bool:
    """Estimate a training's memory, log it, and say whether its images fit beside it.

    Parameters
    ----------
    network : Classifier
        On its device.
    recipe : Recipe
    image_shape : (int, int, int)
        Of the stored images.
    n_samples : int
    n_records_bytes : int
        What the records keep on the device.
    n_processes : int
        That share a batch.

    Returns
    -------
    bool
        True: the images can be resident on the device; False: they are to be read ahead from the store.

    Raises
    ------
    InputFault
        Even without the images there is not enough.
    """
    device = next(network.parameters()).device
    batch = -(-recipe.batch_size // n_processes)
    weights, activations = training_bytes(network, recipe, batch)
    images = n_samples * image_shape[0] * image_shape[1] * image_shape[2]
    free = free_bytes(device)
    usable = (1 - SPARE) * free
    needed = weights + activations + n_records_bytes
    resident = needed + images <= usable
    LOGGER.info(
        "memory: %s free on %s; needed about %s for weights and optimiser, %s for a batch of %d, %s for records; "
        "the images, %s, %s",
        *(_shown(free), device, _shown(weights), _shown(activations), batch, _shown(n_records_bytes), _shown(images)),
        "stay there" if resident else "are read from the store while training",
    )
    if device.type == "cuda":
        host, buffers = free_bytes(torch.device("cpu")), max(CHUNK, READ_AHEAD * batch * images // n_samples)
        LOGGER.info("memory: %s free on the host, through which images pass in %s", _shown(host), _shown(buffers))
    if needed > usable:
        raise InputFault(
            f"memory: this training needs about {_shown(needed)} on {device}, {_shown(activations)} of it for a batch "
            f"of {batch}, and {_shown(free)} are free; lower batch_size or choose a smaller model"
        )
    return resident


def training_bytes(network: Classifier, recipe: Recipe, batch: int) -> tuple[int, int]:
    """Return what a training keeps: (weights, gradients, optimiser and averages; a batch on its way through).

    The second is counted, not guessed: what autograd saves for the backward pass of two and of three images, and from
    their difference of a batch, for each forward pass of a step whose results are alive together; twice the largest
    tensor is added for what forward and backward hold in hand.
    """
    parameters = sum(p.numel() * p.element_size() for p in network.parameters())
    states = {"sgd": 1 if recipe.optimizer.momentum else 0, "adam": 2, "adamw": 2}[recipe.optimizer.name]
    copies = 2 + states + (1 if recipe.average_decay else 0)
    (few, _), (more, largest) = (_saved_bytes(network, recipe, n) for n in (2, 3))
    an_image = more - few
    passes = make_objective(recipe.paradigm, recipe, network).passes
    return copies * parameters, max(0, few - 2 * an_image) + batch * (passes * an_image + 2 * largest // 3)


def _saved_bytes(network: Classifier, recipe: Recipe, n: int) -> tuple[int, int]:
    """Return the bytes that autograd saves for n images, and those of the largest tensor among them."""
    probe = copy.deepcopy(network).train()
    device = next(probe.parameters()).device
    own = {p.untyped_storage().data_ptr() for p in probe.parameters()}
    saved: dict[int, int] = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    images = torch.zeros((n, *probe.scale.shape), dtype=torch.uint8, device=device)
    labels = torch.zeros(n, dtype=torch.int64, device=device)
    with (
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
        autocast(device, recipe.precision),
    ):
        cross_entropy(probe(images).float(), labels)
    return sum(saved.values()), max(saved.values(), default=0)


def warn_of_slow_steps(network: Classifier, recipe: Recipe, stage: str, n_processes: int = 1) -> None:
    """Warn where the recipe's precision is emulated, as of `warn_of_emulation`: steps of a copy are timed.

    Parameters
    ----------
    network : Classifier
        On its device; it stays as it is.
    recipe : Recipe
    stage : {"training", "retraining"}
        The section of the config.
    n_processes : int
        That share a batch.
    """
    probe = copy.deepcopy(network).train()
    device = next(probe.parameters()).device

    def step(n: int, precision: str) -> None:
        images = torch.zeros((n, *probe.scale.shape), dtype=torch.uint8, device=device)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            with autocast(device, precision):
                logits = probe(images)
            cross_entropy(logits.float(), torch.zeros(n, dtype=torch.int64, device=device)).backward()

    warn_of_emulation(f"{stage}.precision", recipe.precision, device, recipe.batch_size // n_processes, step)


def free_bytes(device: torch.device) -> int:
    """Return the memory that this process can still have: of the GPU, or of the host within its control group."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return min([psutil.virtual_memory().available, *group_limits()])


def group_limits(groups: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """Return what is left of the memory limits that a scheduler or container has set (control groups v2 and v1).

    What counts as used is what processes hold; pages of files, which are given back on demand, are left out.
    """
    left = []
    for line in groups.read_text().splitlines() if groups.exists() else []:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            limit, held = ("memory.limit_in_bytes", "total_rss") if controllers else ("memory.max", "anon")
            folder = root / controllers / path.strip("/")
            while folder.is_relative_to(root / controllers):
                if (folder / limit).is_file() and (folder / limit).read_text().strip().isdigit():
                    used = dict(entry.split() for entry in (folder / "memory.stat").read_text().splitlines())
                    left.append(int((folder / limit).read_text()) - int(used[held]))
                folder = folder.parent
    return left


def _shown(n_bytes: float) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.0f} MB"
