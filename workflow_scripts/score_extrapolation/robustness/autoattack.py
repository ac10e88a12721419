"""AutoAttack, the standard ensemble of attacks without parameters, by the package pyautoattack.

Croce and Hein, Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free attacks, ICML
2020. In its order: APGD on the cross entropy (apgd-ce), targeted APGD on the difference of logits ratio (apgd-t),
targeted FAB (fab-t), each of 100 steps, the latter two towards up to nine classes, and Square (square), 5,000 queries
that see no gradient. Each attacks what those before it left right.
"""

import logging

import numpy as np
import torch

from ..extras import extra
from ..models import Classifier
from ..progress import LOGGER
from ..shards import BATCH

with extra("robustness"):
    from pyautoattack import AutoAttack

NORMS = {"linf": "Linf", "l2": "L2"}
N_TARGETS = 9  # of the standard version, where there are ten classes or more
FOR_TARGETED_APGD = 4  # classes: the ratio divides by a difference to the fourth largest logit


def standard_attacks(n_classes: int) -> list[str]:
    """Return the attacks of the standard version that can be run with so many classes, 2 or more, in their order."""
    return ["apgd-ce", *(["apgd-t"] if n_classes >= FOR_TARGETED_APGD else []), "fab-t", "square"]


def resisting_autoattack(
    network: Classifier, images: torch.Tensor, labels: torch.Tensor, norm: str, epsilon: float, seed: int
) -> np.ndarray:
    """Return which images AutoAttack cannot change so that the network errs.

    Parameters
    ----------
    network : Classifier
        In eval mode; computes in float32.
    images : (n, h, w, c) uint8 tensor
        On the network's device, as `labels`.
    labels : (n,) int64 tensor
    norm : {"linf", "l2"}
    epsilon : float
        In levels of 0..255.
    seed : int

    Returns
    -------
    (n,) bool
        False too of images that are wrong as they are. Cost: up to some 10,000 forward and 2,000 backward passes over
        those images that resist.
    """
    n_classes = network.head.out_features
    logger = logging.getLogger("auto-attack")
    logger.parent = LOGGER  # the package's messages go where ours go
    logger.setLevel(logging.DEBUG if LOGGER.isEnabledFor(logging.INFO) else logging.WARNING)
    with torch.random.fork_rng([images.device] if images.is_cuda else []):
        attack = AutoAttack(
            _OfUnitImages(network), norm=NORMS[norm], eps=epsilon / 255, seed=seed % 2**32, device=images.device
        )
        attack.attacks_to_run = standard_attacks(n_classes)
        attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = min(N_TARGETS, n_classes - 1)
        changed, _ = attack.run_standard_evaluation(
            images.permute(0, 3, 1, 2).float().contiguous() / 255, labels, batch_size=BATCH
        )
        with torch.no_grad():
            batches = [_OfUnitImages(network)(part).argmax(1) for part in changed.split(BATCH)]
    return (torch.cat(batches) == labels).cpu().numpy()


class _OfUnitImages(torch.nn.Module):
    """A network of images (b, channels, height, width) in 0..1, as the package has them."""

    def __init__(self, network: Classifier):
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(255 * images.permute(0, 2, 3, 1)).float()
