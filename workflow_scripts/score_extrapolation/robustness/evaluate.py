"""How many images of a stored split a trained network gets right, however they are changed within a ball."""

import numpy as np
import torch

from ..io.tables import read_table
from ..models import load_model
from ..progress import LOGGER
from ..rng import derive_seed
from ..shards import BATCH
from . import spread_over_classes
from .pgd import attack_labels, random_start

FEWER_STEPS = 10  # of a shorter attack, which a longer one must not be weaker than
TOLERATED = 0.01  # share of the images that may resist the longer attack alone


def measure_robustness(
    model_path,
    images_path,
    samples_path,
    attacks: list[str],
    norm: str,
    epsilon: float,
    pgd_steps: int = 40,
    n_images: int = 1000,
    seed: int = 0,
    device: str | torch.device = "cpu",
) -> dict:
    """Attack a network's images, and count those that no attack makes it err on.

    Always in float32: in bfloat16 rounding hides gradients from the attacks.

    Parameters
    ----------
    model_path : path
        As `save_model` writes it.
    images_path, samples_path : path
        The store and table of a split, of which `spread_over_classes` takes `n_images`.
    attacks : list of str
        ``pgd``: from a random start, `pgd_steps` steps of a quarter of epsilon along the gradient of the cross entropy;
        an image that is wrong after 10 of them counts as broken too. ``autoattack``: what `autoattack.standard_attacks`
        lists; with both, of those images that resist PGD.
    norm : {"linf", "l2"}
    epsilon : float
        In levels of 0..255.
    pgd_steps, n_images : int
    seed : int
        Of the starts and of what AutoAttack draws.
    device : torch device

    Returns
    -------
    dict
        robust_images; of these, in 0..1, robust_clean_accuracy, as they are, and where the attack was asked for
        robust_pgd_accuracy and robust_autoattack_accuracy, never above those before; autoattack, the attacks that it
        consisted of; norm, epsilon, and pgd_steps.

    Notes
    -----
    Where more than 1 % of the images resist the long attack and not the short one, gradients are masked, and a warning
    says so: PGD then counts as robust what other attacks may break (Athalye et al., ICML 2018).
    """
    labels = read_table(samples_path, ["label"])["label"]
    rows = spread_over_classes(labels, n_images)
    network = load_model(model_path).to(device).requires_grad_(False)
    images = torch.from_numpy(np.load(images_path, mmap_mode="r")[rows])
    generator = torch.Generator().manual_seed(derive_seed(seed, "evaluation/pgd"))
    starts = random_start(images, norm, epsilon, generator).to(device)
    images, labels = images.to(device), torch.from_numpy(labels[rows]).to(device)
    resists = _is_right(network, images, labels)
    measured = {"norm": norm, "epsilon": epsilon, "robust_images": len(rows), "robust_clean_accuracy": _share(resists)}
    if "pgd" in attacks:
        resists &= _resisting_pgd(network, images, labels, norm, epsilon, pgd_steps, starts)
        measured |= {"pgd_steps": pgd_steps, "robust_pgd_accuracy": _share(resists)}
    if "autoattack" in attacks:
        from .autoattack import resisting_autoattack, standard_attacks  # of a package that nothing else needs

        left = resists.nonzero()[:, 0]
        if len(left):
            LOGGER.info("AutoAttack on %d of %d images, which nothing has broken yet", len(left), len(rows))
            drawn_by = derive_seed(seed, "evaluation/autoattack")
            found = resisting_autoattack(network, images[left], labels[left], norm, epsilon, drawn_by)
            resists[left] = torch.from_numpy(found).to(resists.device)
        names = standard_attacks(network.head.out_features)
        measured |= {"autoattack": names, "robust_autoattack_accuracy": _share(resists)}
    return measured


def _resisting_pgd(network, images, labels, norm, epsilon, steps, starts) -> torch.Tensor:
    """Return which images are right after a few steps of PGD, and after all of them."""
    few = min(FEWER_STEPS, steps)
    after_few = _attacked(network, images, labels, norm, epsilon, few, starts)
    after_all = _attacked(network, images, labels, norm, epsilon, steps - few, after_few)
    short, long = (_is_right(network, changed, labels) for changed in (after_few, after_all))
    regained = _share(long & ~short)
    LOGGER.info("PGD: %.4f resist %d steps, %.4f resist %d", _share(short), few, _share(long), steps)
    if regained > TOLERATED:
        LOGGER.warning(
            "evaluation.robustness: %.1f %% of the images resist %d steps of PGD, but not %d: gradients are masked, "
            "and the accuracy under PGD is too high; add autoattack to its attacks",
            *(100 * regained, steps, few),
        )
    return short & long


def _attacked(network, images, labels, norm, epsilon, steps, starts) -> torch.Tensor:
    parts = zip(images.split(BATCH), labels.split(BATCH), starts.split(BATCH), strict=True)
    return torch.cat([attack_labels(network, *part[:2], norm, epsilon, steps, part[2]) for part in parts])


@torch.no_grad()
def _is_right(network, images, labels) -> torch.Tensor:
    return torch.cat([network(part).argmax(1) for part in images.split(BATCH)]) == labels


def _share(flags: torch.Tensor) -> float:
    return float(flags.sum()) / len(flags)
