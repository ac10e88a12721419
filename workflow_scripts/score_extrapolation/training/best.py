"""The epoch of an adversarial training after which the network resists attacks best: robustness is lost again later."""

import numpy as np
import torch

from ..io.tables import read_table
from ..models import Classifier
from ..paradigms import options_of
from ..progress import LOGGER
from ..rng import derive_seed
from ..robustness import spread_over_classes
from ..robustness.pgd import attack_labels, random_start
from ..shards import BATCH
from .devices import autocast
from .processes import Group
from .recipe import Recipe

STEPS = 40


class BestEpoch:
    """Keep the weights after the epoch with the highest accuracy under PGD of 40 steps; of equal ones the earliest.

    Every epoch is attacked from the same random starts, in the recipe's norm, epsilon and precision. Robustness peaks
    before the end of a training, and its fall does not show in the loss (Rice et al., Overfitting in adversarially
    robust deep learning, ICML 2020). Cost of an epoch: 41 forward and 40 backward passes over the images.

    Parameters
    ----------
    images_path, samples_path : path
        The store and table of held-out images, of which `spread_over_classes` takes ``best_of``; the accuracy that is
        reached on them is no estimate of that on others, since it chose.
    recipe : Recipe
        Of an adversarial training.
    seed : int
    device : torch.device
    group : Group
        Processes that share the images.

    Attributes
    ----------
    epoch : int
        The best so far, from 1; 0 before the first.
    accuracy : float
        In 0..1; -1 before the first.
    """

    def __init__(self, images_path, samples_path, recipe: Recipe, seed: int, device: torch.device, group: Group):
        chosen = options_of(recipe.paradigm)
        self.norm, self.epsilon, self.precision, self.group = chosen.norm, chosen.epsilon, recipe.precision, group
        labels = read_table(samples_path, ["label"])["label"]
        rows = spread_over_classes(labels, chosen.best_of)
        generator = torch.Generator().manual_seed(derive_seed(seed, "retraining/best"))
        images = torch.from_numpy(np.load(images_path, mmap_mode="r")[rows])
        starts = random_start(images, self.norm, self.epsilon, generator)
        self.images, self.starts = images.to(device), starts.to(device)
        self.labels = torch.from_numpy(labels[rows]).to(device)
        self.epoch, self.accuracy = 0, -1.0
        self.weights: dict[str, torch.Tensor] = {}

    def consider(self, epoch: int, network: Classifier) -> None:
        """Attack the network that an epoch ended with, and keep its weights if it does better than all before."""
        accuracy = self._accuracy(network)
        LOGGER.info("epoch %d: %.4f of %d held-out images resist", epoch, accuracy, len(self.images))
        if accuracy > self.accuracy:
            self.epoch, self.accuracy = epoch, accuracy
            self.weights = {name: value.cpu().clone() for name, value in network.state_dict().items()}

    def restore(self, network: Classifier) -> None:
        """Give a network the weights of the best epoch."""
        LOGGER.info("epoch %d is chosen: %.4f of the held-out images resist", self.epoch, self.accuracy)
        network.load_state_dict(self.weights)

    def state_dict(self) -> dict:
        """Return all that changes, for a checkpoint."""
        return {"epoch": self.epoch, "accuracy": self.accuracy, "weights": self.weights}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        self.epoch, self.accuracy, self.weights = state["epoch"], state["accuracy"], state["weights"]

    def _accuracy(self, network: Classifier) -> float:
        network.eval()

        def forward(images):
            with autocast(images.device, self.precision):
                return network(images)

        n_right = torch.zeros(1, device=self.labels.device)
        for first in range(0, len(self.images), BATCH):
            rows = torch.from_numpy(self.group.part(np.arange(first, min(first + BATCH, len(self.images)))))
            rows = rows.to(self.labels.device)
            images, labels, starts = self.images[rows], self.labels[rows], self.starts[rows]
            changed = attack_labels(forward, images, labels, self.norm, self.epsilon, STEPS, starts)
            with torch.no_grad():
                n_right += (forward(changed).argmax(1) == labels).sum()
        return self.group.sum(n_right).item() / len(self.images)
