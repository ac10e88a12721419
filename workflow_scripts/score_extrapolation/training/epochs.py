"""Which samples each epoch of a training sees, in which batches, and when the training ends."""

from dataclasses import dataclass

import numpy as np

from ..faults import InputFault
from ..rng import derive_seed
from .recipe import Recipe


def count_batches(n: int, batch_size: int) -> int:
    """Return how many batches n samples make, 1 or more; a single last sample makes none (see `epoch_batches`)."""
    full, rest = divmod(n, batch_size)
    return max(1, full + (rest > 1))


def epoch_batches(rng: np.random.Generator, n: int, batch_size: int) -> list[np.ndarray]:
    """Split a fresh permutation of 0..n-1 into batches; every sample comes exactly once.

    The last batch may be short, but never of a single sample, over which BatchNorm has no variance: that sample
    joins the batch before.
    """
    return np.split(rng.permutation(n), batch_size * np.arange(1, count_batches(n, batch_size)))


def steps_of(n: int, recipe: Recipe) -> int:
    """Return how many optimiser steps a training of the recipe's epochs takes on n samples."""
    return recipe.epochs * count_batches(n, recipe.batch_size)


class Epochs:
    """The epochs of one training: their samples, their batches and their number, which `len` gives.

    Parameters
    ----------
    n : int
        Samples of the training, 2 or more.
    recipe : Recipe
        Epochs and batch size.
    seed : int
    stage : str
        With `seed` it names the streams of the permutations that parts are taken from.
    n_steps : int, optional
        Optimiser steps, 1 or more: epochs follow each other until then, and the last is cut off there. None: the
        recipe's epochs, all of them whole.
    per_epoch : int, optional
        Each epoch sees so many of the samples, 2 to n, another random part each time; None: all. This is RS2 without
        replacement (Okanovic et al., Repeated random sampling for minimizing the time-to-accuracy of learning, ICLR
        2024): epoch after epoch takes the next part of a permutation of all samples. Where fewer than a part are left,
        they are left out and a new permutation begins, so that an epoch has no sample twice.

    Attributes
    ----------
    n_steps : int
        Of the whole training.
    n_batches : int
        Of an epoch that is not cut off.
    n_images : int
        That the whole training sees, each as often as it is seen.

    Raises
    ------
    InputFault
        A number is out of its range.

    Notes
    -----
    Nothing is remembered from epoch to epoch: a training goes on in any of them. A part costs a permutation of n and is
    sorted, so that one of all samples is all samples, to the bit.
    """

    def __init__(
        self, n: int, recipe: Recipe, seed: int, stage: str, n_steps: int | None = None, per_epoch: int | None = None
    ):
        if per_epoch is not None and not 2 <= per_epoch <= n:
            raise InputFault(f"per_epoch = {per_epoch} is not in 2..{n}, the samples of the training; give one that is")
        if n_steps is not None and n_steps < 1:
            raise InputFault(f"n_steps = {n_steps} is below 1; a training takes a step or more")
        self.n, self.batch_size, self.seed, self.stage = n, recipe.batch_size, seed, stage
        self.per_epoch = n if per_epoch is None else per_epoch
        self.n_batches = count_batches(self.per_epoch, recipe.batch_size)
        self.n_steps = recipe.epochs * self.n_batches if n_steps is None else n_steps
        before_last = len(self) - 1
        self.n_images = before_last * self.per_epoch + self.n_seen(self.n_steps - before_last * self.n_batches)

    def __len__(self):
        return -(-self.n_steps // self.n_batches)

    def rows(self, epoch: int) -> np.ndarray:
        """Return the rows that an epoch draws its batches from, (per_epoch,) int64, increasing."""
        if self.per_epoch == self.n:
            return np.arange(self.n)
        number, part = divmod(epoch, self.n // self.per_epoch)
        rng = np.random.default_rng(derive_seed(self.seed, f"{self.stage}/parts/{number}"))
        return np.sort(rng.permutation(self.n)[part * self.per_epoch :][: self.per_epoch])

    def batches(self, epoch: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Return the batches of an epoch, rows in the order that `rng` draws; of the last one those that are left."""
        rows, n_left = self.rows(epoch), self.n_steps - epoch * self.n_batches
        return [rows[places] for places in epoch_batches(rng, self.per_epoch, self.batch_size)[:n_left]]

    def n_seen(self, n_batches: int) -> int:
        """Return how many images the first batches of an epoch have."""
        return self.per_epoch if n_batches == self.n_batches else n_batches * self.batch_size


class MixedEpochs(Epochs):
    """The epochs of a training on own samples and a pool, a share of each batch of the pool.

    A batch has round(pool_share * batch_size) samples of the pool, and own ones before them. An epoch has ceil(n_own /
    batch_size) batches, as many as one of own samples alone: it sees a part of these, and a part of the pool, however
    large that is.

    This is how Wang et al. (Better diffusion models further improve adversarial training, ICML 2023) train on generated
    images, with two departures: the pool's samples come in permutations, each once before any comes again, where theirs
    are drawn with replacement; and every batch is full.

    Parameters
    ----------
    n : int
        Samples of the training.
    n_own : int
        Those of them that are the data set's own, the first; 1 to n - 1.
    pool_share : float
        In (0, 1).
    recipe, seed, stage, n_steps
        As of `Epochs`.

    Raises
    ------
    InputFault
        There are no own samples, or none of the pool, or a batch would have none of one of them.

    Notes
    -----
    Own samples are permuted anew for each epoch, by the generator that orders batches; where an epoch needs more of
    them than there are, another permutation follows. What an epoch sees of the pool goes on where the epoch before
    ended, and costs a permutation of the pool, two where one ends. Nothing is remembered from epoch to epoch.
    """

    def __init__(
        self, n: int, n_own: int, pool_share: float, recipe: Recipe, seed: int, stage: str, n_steps: int | None = None
    ):
        super().__init__(n, recipe, seed, stage, n_steps)
        self.n_own, self.n_pooled = n_own, round(pool_share * recipe.batch_size)  # in the training, of a batch
        if not 0 < n_own < n:
            raise InputFault(
                f"pool_share = {pool_share}: of {n} samples {n_own} are own ones, so that no batch can be mixed; give "
                "samples of both"
            )
        if self.n_pooled in (0, recipe.batch_size):
            raise InputFault(
                f"pool_share = {pool_share}: {self.n_pooled} of the {recipe.batch_size} samples of a batch are of the "
                "pool; give a share that leaves it samples of both"
            )
        self.n_batches = -(-n_own // recipe.batch_size)
        self.per_epoch = self.n_batches * recipe.batch_size
        self.n_steps = recipe.epochs * self.n_batches if n_steps is None else n_steps
        self.n_images = self.n_steps * recipe.batch_size

    def batches(self, epoch: int, rng: np.random.Generator) -> list[np.ndarray]:
        """Return the batches of an epoch; of the last one those that are left."""
        n_own = self.n_batches * (self.batch_size - self.n_pooled)
        own = np.concatenate([rng.permutation(self.n_own) for _ in range(-(-n_own // self.n_own))])[:n_own]
        rows = [own.reshape(self.n_batches, -1), self._pooled(epoch).reshape(self.n_batches, -1)]
        return list(np.concatenate(rows, axis=1)[: self.n_steps - epoch * self.n_batches])

    def _pooled(self, epoch: int) -> np.ndarray:
        """Return the rows of the pool that an epoch sees: the next of permutations that follow each other."""
        n_seen, n = self.n_batches * self.n_pooled, self.n - self.n_own
        first, start = divmod(epoch * n_seen, n)
        numbers = range(first, first - (-(start + n_seen) // n))
        streams = (derive_seed(self.seed, f"{self.stage}/pool/{number}") for number in numbers)
        rows = np.concatenate([np.random.default_rng(stream).permutation(n) for stream in streams])
        return self.n_own + rows[start : start + n_seen]


@dataclass(frozen=True)
class EpochPlan:
    """How long a training is and which samples its epochs see, where these are not the recipe's epochs of all samples.

    Attributes
    ----------
    n_steps : int, optional
        Optimiser steps, instead of the recipe's epochs: the last epoch is cut off there. `steps_of` counts those of a
        training on another number of samples.
    per_epoch : int, optional
        How many of the samples each epoch sees, another random part each time, as of `Epochs`; None: all.
    pool_share : float, optional
        In (0, 1): of each batch so much is of the store's pool, as of `MixedEpochs`; None: its samples are samples as
        all others. An epoch of mixed batches has a length of its own, so that there is no `per_epoch`.
    """

    n_steps: int | None = None
    per_epoch: int | None = None
    pool_share: float | None = None

    def __post_init__(self):
        if self.per_epoch is not None and self.pool_share is not None:
            raise ValueError("an epoch of mixed batches has a length of its own: give per_epoch or pool_share")

    def make_epochs(self, n: int, n_own: int, recipe: Recipe, seed: int, stage: str) -> Epochs:
        """Return the epochs of a training on n samples, of which the first `n_own` are no pool's."""
        if self.pool_share is None:
            return Epochs(n, recipe, seed, stage, self.n_steps, self.per_epoch)
        return MixedEpochs(n, n_own, self.pool_share, recipe, seed, stage, self.n_steps)


ALL_SAMPLES = EpochPlan()  # in each of the recipe's epochs
