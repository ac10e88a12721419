"""Training on images changed against the network, so that it resists such changes: TRADES or PGD-AT.

TRADES: Zhang et al., Theoretically principled trade-off between robustness and accuracy, ICML 2019. PGD-AT: Madry et
al., Towards deep learning models resistant to adversarial attacks, ICLR 2018. The defaults are those of Wang et al.,
Better diffusion models further improve adversarial training, ICML 2023.
"""

import time
from typing import Literal

import torch
from pydantic import Field
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from ..plugins import Section
from ..robustness.pgd import perturb, random_start


class Options(Section):
    """The loss, the attack that each step makes, and by what its best epoch is chosen."""

    loss: Literal["trades", "pgd"] = Field("trades", description="clean and changed images, or changed ones alone")
    beta: float = Field(5.0, ge=0, description="weight of what the change does, in trades")
    norm: Literal["linf", "l2"] = Field("linf", description="of the change: of a pixel, or of the whole image")
    epsilon: float = Field(8.0, gt=0, description="largest change, in levels of 0..255")
    step: float = Field(2.0, gt=0, description="of the attack, in levels of 0..255")
    steps: int = Field(10, ge=1, description="of the attack, each a forward and a backward pass")
    best_of: int | None = Field(
        None, ge=1, description="validation images by which the best epoch is chosen; null: the last epoch"
    )


class Objective:
    """The loss of attacked images.

    ``trades``: cross entropy with the labels, smoothed as the recipe says, of the images as they are, and beta times
    the KL divergence from their prediction to that of the changed images, through both of which gradients flow; the
    attack raises that divergence. ``pgd``: the cross entropy of the changed images, smoothed likewise; the attack
    raises it unsmoothed.

    The attack begins at a random point of the ball, since at the image itself the divergence has no gradient. It sees
    the network in eval mode: BatchNorm normalises by the running statistics, which do not change, and nothing is
    dropped out. So each image is attacked as if it were alone, whatever batch or process it is in. (Wang et al. freeze
    the statistics too.) The step's own passes are in training mode; in trades there are two, of clean images and of
    changed ones, which both count in the statistics.

    The logits, for records, are those of the clean images; of pgd, whose step does not see these, as eval mode has
    them, for which the attack makes one more forward pass. The images stay float32; the network computes in the
    recipe's precision. Several processes draw their starts from equal streams, each for its part.

    Attributes
    ----------
    passes : int
        Forward passes of a step whose results are alive together.
    attack_s : float
        Seconds that this process has attacked for since the last `report`.
    """

    def __init__(self, options: Options, recipe, network):
        self.options, self.network = options, network
        self.label_smoothing = recipe.label_smoothing
        self.passes = 2 if options.loss == "trades" else 1
        self.attack_s = 0.0

    def loss(self, forward, inputs, labels):
        """Return the summed loss, the logits of the images as they are and how many of these are right."""
        changed, clean = self._attack(forward, inputs, labels)
        if self.options.loss == "pgd":
            loss = self._cross_entropy(forward(changed).float(), labels)
        else:
            logits = forward(inputs).float()
            divergence = _divergence(logits, forward(changed).float())
            loss = self._cross_entropy(logits, labels) + self.options.beta * divergence
            clean = logits.detach()
        return loss, clean, (clean.argmax(1) == labels).sum()

    def report(self) -> str:
        """Return how long the attacks of an epoch took."""
        text, self.attack_s = f"attacks took {self.attack_s:.1f} s of it", 0.0
        return text

    def _cross_entropy(self, logits, labels):
        return cross_entropy(logits, labels, reduction="sum", label_smoothing=self.label_smoothing)

    def _attack(self, forward, inputs, labels):
        """Return the changed images, and the logits of the images as they are in eval mode."""
        began = _now(inputs.device)
        chosen = self.options
        self.network.eval()
        with torch.no_grad():
            clean = forward(inputs, alone=True).float()

        def rise(changed):
            logits = forward(changed, alone=True).float()
            if chosen.loss == "pgd":
                return cross_entropy(logits, labels, reduction="sum")
            return _divergence(clean, logits)

        start = random_start(inputs, chosen.norm, chosen.epsilon)
        changed = perturb(rise, inputs, chosen.norm, chosen.epsilon, chosen.step, chosen.steps, start)
        self.network.train()
        self.attack_s += _now(inputs.device) - began
        return changed, clean


def _divergence(clean, attacked):
    """Return KL(clean || attacked) of softmax of logits, summed over images, in nats."""
    return kl_div(log_softmax(attacked, 1), log_softmax(clean, 1), reduction="sum", log_target=True)


def _now(device) -> float:
    """Return the time at which a device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
