"""The outer loop of the unsupervised paradigm: batches, epochs, and where the training stands."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..faults import InputFault, Interrupted
from ..progress import LOGGER, Progress
from ..rng import derive_seed
from ..training.optimizers import make_optimizer
from ..training.recipe import Optimizer
from .encoder import TaskEncoder
from .features import take_rows
from .history import History
from .steps import take_step


@dataclass(frozen=True)
class TaskRecipe:
    """How a task encoder is trained.

    Attributes
    ----------
    epochs : int
    batch_size : int
        Samples a step; all where they are fewer.
    optimizer : dict
        name (adam, adamw or sgd), learning_rate, weight_decay and, of sgd, momentum and nesterov.
    options : dict
        inner_steps, inner_learning_rate, entropy_weight: as of `steps.take_step`.
    """

    epochs: int
    batch_size: int
    optimizer: dict
    options: dict


class TaskTrainer:
    """Train a task encoder in place.

    An epoch is ceil(m / b) steps, each on a batch of its own of b samples without replacement.

    Parameters
    ----------
    encoder : TaskEncoder
        On the device that is to compute.
    features : list of (m, d_s) float32 arrays
        As `features.gather_features` returns them.
    recipe : TaskRecipe
    seed : int
    history : History
    checkpoints : Checkpoints

    Attributes
    ----------
    epochs : list of dict
        Of each finished epoch loss, the mean over its steps, and entropy, in nats, of the mean of tau over its batches;
        that of C classes of equal size is log C.
    """

    def __init__(self, encoder: TaskEncoder, features, recipe: TaskRecipe, seed, history, checkpoints):
        self.encoder, self.features, self.recipe = encoder, features, recipe
        self.optimizer = make_optimizer(encoder, Optimizer(**recipe.optimizer))
        self.n_samples = len(features[0])
        self.batch_size = min(recipe.batch_size, self.n_samples)
        self.steps_per_epoch = math.ceil(self.n_samples / self.batch_size)
        self.seed = seed
        self.history: History = history
        self.checkpoints = checkpoints
        self.n_steps = 0
        self.totals = self._no_totals()
        self.epochs: list[dict] = []
        self._everything: list[torch.Tensor] | None = None

    def _no_totals(self) -> dict:
        zeros = torch.zeros(self.encoder.n_classes, dtype=torch.float64)
        return {"loss": 0.0, "tau": zeros, "counts": zeros.clone()}

    def run(self) -> list[dict]:
        """Train to the end, from where `load_state_dict` has set it; return `epochs`.

        Raises
        ------
        InputFault
            The loss became infinite or NaN.
        Interrupted
            A signal said to stop; where the training stands is saved.
        """
        n_steps = self.recipe.epochs * self.steps_per_epoch
        with Progress(n_steps, "unsupervised", "steps", self.n_steps) as progress:
            while self.n_steps < n_steps:
                self._step()
                progress.update(1)
                if self.n_steps % self.steps_per_epoch == 0:
                    self._end_epoch(progress)
                self._save_if_due()
        return self.epochs

    def _read_batch(self) -> list[torch.Tensor]:
        """Return the features of the next step's batch."""
        if self.batch_size < self.n_samples:
            rng = np.random.default_rng(derive_seed(self.seed, f"unsupervised/batches/{self.n_steps}"))
            rows = np.sort(rng.choice(self.n_samples, self.batch_size, replace=False, shuffle=False))
            return self.encoder.standardise(take_rows(self.features, rows))
        if self._everything is None:
            self._everything = self.encoder.standardise(take_rows(self.features, slice(None)))
        return self._everything

    def _step(self) -> None:
        loss, tau = take_step(self.encoder, self.optimizer, self._read_batch(), **self.recipe.options)
        self.n_steps += 1
        loss = float(loss)
        if not math.isfinite(loss):
            epoch = math.ceil(self.n_steps / self.steps_per_epoch)
            raise InputFault(
                f"training diverged: the loss is {loss} in epoch {epoch}; lower optimizer.learning_rate (it is "
                f"{self.recipe.optimizer['learning_rate']}) or inner_learning_rate (it is "
                f"{self.recipe.options['inner_learning_rate']})"
            )
        self.totals["loss"] += loss
        self.totals["tau"] += tau.double().mean(dim=1).cpu()
        self.totals["counts"] += torch.bincount(tau.argmax(dim=0).cpu(), minlength=len(tau))

    def _end_epoch(self, progress: Progress) -> None:
        """Keep the encoder, log the epoch, begin the next."""
        self.history.keep(len(self.epochs), self.encoder)
        loss = self.totals["loss"] / self.steps_per_epoch
        entropy = float(torch.special.entr(self.totals["tau"] / self.steps_per_epoch).sum())
        shares = self.totals["counts"] / self.totals["counts"].sum()
        self.epochs.append({"loss": loss, "entropy": entropy})
        LOGGER.info(
            "epoch %d/%d: loss %.4f, entropy of the mean %.4f (at most %.4f), classes of %.2f to %.2f %%, %s",
            *(len(self.epochs), self.recipe.epochs, loss, entropy, math.log(len(shares))),
            *(100 * float(shares.min()), 100 * float(shares.max()), progress.outlook()),
        )
        progress.note = f"loss {loss:.3f}, entropy {entropy:.3f}"
        self.totals = self._no_totals()

    def _save_if_due(self) -> None:
        """Save where the training stands if it is time to, or told to stop, which ends it."""
        stop = self.checkpoints.told_to_stop()
        if stop or self.checkpoints.due(len(self.epochs)):
            self.checkpoints.save(self.state_dict(), len(self.epochs))
        if stop:
            raise Interrupted(
                f"the training was told to stop in epoch {len(self.epochs) + 1}; the next start goes on there"
            )

    def state_dict(self) -> dict:
        """Return all that changes, for a checkpoint between two steps."""
        changing = {name: getattr(self, name) for name in ("n_steps", "totals", "epochs")}
        return {"encoder": self.encoder.state_dict(), "optimizer": self.optimizer.state_dict(), **changing}

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        self.encoder.load_state_dict(state["encoder"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.n_steps, self.totals, self.epochs = state["n_steps"], state["totals"], state["epochs"]
