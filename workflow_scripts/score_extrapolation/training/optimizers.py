"""torch's optimisers, by what a recipe says of them."""

import torch
from torch import nn

from .recipe import Optimizer


def make_optimizer(network: nn.Module, chosen: Optimizer) -> torch.optim.Optimizer:
    """Return the optimiser over all parameters of a network; one kernel on a GPU."""
    settings = {"lr": chosen.learning_rate, "weight_decay": chosen.weight_decay}
    settings["fused"] = next(network.parameters()).is_cuda
    if chosen.name == "sgd":
        settings |= {"momentum": chosen.momentum, "nesterov": chosen.nesterov}
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    return kinds[chosen.name](network.parameters(), **settings)
