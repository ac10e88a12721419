"""torch's optimisers, by what a recipe says of them."""

import inspect
from functools import cache

import torch
from torch import nn

from .recipe import Optimizer


def make_optimizer(network: nn.Module, chosen: Optimizer) -> torch.optim.Optimizer:
    """Return the optimiser over all parameters of a network; its step is fused, on CPUs one kernel for each of them."""
    settings = {"lr": chosen.learning_rate, "weight_decay": chosen.weight_decay, "fused": True}
    if chosen.name == "sgd":
        settings |= {"momentum": chosen.momentum, "nesterov": chosen.nesterov}
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return without_compiler(kinds[chosen.name])(network.parameters(), **settings)


@cache
def without_compiler(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return an optimiser's class that computes the same and does not import torch's compiler.

    torch wraps some methods of its optimisers in words to the compiler, should a step be compiled, and imports it for
    them: more than a second of every training. Steps are not compiled here, only networks.
    """
    own_step = inspect.unwrap(kind.step)

    @torch.no_grad()
    def step(self, closure=None):
        return own_step(self, closure)

    names = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    return type(kind.__name__, (kind,), {"step": step, **{name: inspect.unwrap(getattr(kind, name)) for name in names}})
