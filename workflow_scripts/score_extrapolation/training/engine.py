"""The one training loop: scoring, retraining and every baseline run through it."""

import json
import math

import numpy as np
import torch
from torch.nn.functional import log_softmax
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..faults import InputFault, Interrupted
from ..models import Classifier
from ..paradigms import make_objective
from ..progress import LOGGER, Progress
from ..rng import derive_seed
from .augmentation import augment, draw_augmentation
from .devices import autocast
from .epochs import Epochs
from .optimizers import make_optimizer
from .prediction import predict
from .processes import Group
from .recipe import Recipe, Training

STEPS_BETWEEN_AGREEMENTS = 20  # of several processes on whether to save or stop; each makes them wait for their devices


def make_schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, n_steps: int):
    """Return the learning-rate schedule, advanced once a step, or None for a constant rate."""
    if recipe.schedule == "one_cycle":
        chosen = recipe.optimizer
        # torch also cycles momentum (Adam's beta1) between 0.95 and 0.85, even where none was asked for.
        cycles = chosen.name != "sgd" or chosen.momentum > 0
        # torch divides by 0 where the rise ends with the first step.
        rise = recipe.rise if recipe.rise * n_steps != 1 else 0.999 * recipe.rise
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, chosen.learning_rate, total_steps=n_steps, pct_start=rise, cycle_momentum=cycles
        )
    if recipe.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=n_steps)
    return None


class Trainer:
    """Train a network in place.

    Parameters
    ----------
    network : Classifier
        On the device that is to compute; `run` leaves it in eval mode, with averaged weights if the recipe averages,
        and those of the best epoch where one is chosen.
    images : ResidentImages or StreamedImages
        Of the m samples.
    labels : (m,) int64 tensor
        On the network's device.
    recipe : Recipe
        Paradigm, optimiser, schedule, epochs, batch size, augmentation, precision.
    epochs : Epochs
        Of the m samples. Their seed and stage, ``"training"`` or ``"retraining"``, name the streams of batch order and
        augmentation. A recorder that notes the training forward pass needs epochs of all samples.
    recorder : DynamicsRecorder, optional
        Sees every sample's log-softmax once an epoch: in the training forward pass, before that batch's step
        (``train_forward``), or in a pass of its own at the end of the epoch (``eval_pass``; of the averaged weights if
        the recipe averages).
    checkpoints : Checkpoints, optional
        Where to go on from, and where to save.
    group : Group, optional
        The processes that share the work.
    snapshots : Snapshots, optional
        Keeps the network after some epochs.
    best : BestEpoch, optional
        Chooses the epoch whose network is the result; default: the last.

    Attributes
    ----------
    history : list of dict
        Per finished epoch, and of the last one also where it is cut off: mean loss and training accuracy, both over the
        augmented training batches.
    """

    def __init__(
        self,
        network,
        images,
        labels,
        recipe: Recipe,
        epochs: Epochs,
        recorder=None,
        checkpoints=None,
        group=None,
        snapshots=None,
        best=None,
    ):
        self.network, self.images, self.labels = network, images, labels
        self.recipe, self.epochs, self.stage = recipe, epochs, epochs.stage
        self.recorder, self.checkpoints, self.group = recorder, checkpoints, group or Group()
        self.snapshots, self.best = snapshots, best
        self.device = labels.device
        self.rng = np.random.default_rng(derive_seed(epochs.seed, f"{self.stage}/batches"))
        torch.manual_seed(derive_seed(epochs.seed, f"{self.stage}/dropout"))
        self.optimizer = make_optimizer(network, recipe.optimizer)
        self.schedule = make_schedule(self.optimizer, recipe, epochs.n_steps)
        self.averaged = None
        if recipe.average_decay:
            average = get_ema_multi_avg_fn(recipe.average_decay)
            self.averaged = AveragedModel(network, multi_avg_fn=average, use_buffers=True)
        if recipe.compile:
            # The compiler has a switch of its own, which this sets too; see resolve_device.
            torch.use_deterministic_algorithms(torch.are_deterministic_algorithms_enabled())
            network.compile()
        self.forward = self.group.wrap(network)
        self.objective = make_objective(recipe.paradigm, recipe, network)
        self.epoch = self.n_batches_done = self.n_batches_observed = 0
        self.epoch_rng = self.rng.bit_generator.state  # all that an epoch draws, it draws at its beginning
        self.totals = torch.zeros(2, device=self.device)  # loss, samples that were right
        self.history: list[dict] = []

    def run(self) -> list[dict]:
        """Train to the end, from the checkpoint if there is one; return the history.

        Raises
        ------
        InputFault
            The loss became infinite or NaN.
        Interrupted
            A signal said to stop; where the training stands is saved.
        """
        state = self.checkpoints.load() if self.checkpoints else None
        if state:
            self.load_state_dict(state)
            LOGGER.info("going on in epoch %d/%d after %d steps", self.epoch + 1, len(self.epochs), self.n_batches_done)
        n_done = self.epoch * self.epochs.per_epoch + self.epochs.n_seen(self.n_batches_done)
        with Progress(self.epochs.n_images, self.stage, "images", n_done) as progress:
            while self.epoch < len(self.epochs):
                self._train_epoch(progress)
                self._observe_apart()
                if self.recorder:
                    self.recorder.end_epoch()
                self._end_epoch(progress)
                if self.snapshots:
                    self.snapshots.keep(self.epoch, self._current())
                if self.best:
                    self.best.consider(self.epoch, self._current())
                self._save_if_due()
        if self.best:
            self.best.restore(self.network)
        elif self.averaged:
            self.network.load_state_dict(self._current().state_dict())
        self.network.eval()
        return self.history

    def _current(self) -> Classifier:
        """Return the network that would be the result if the training ended here."""
        return self.averaged.module if self.averaged else self.network

    def _stateful(self) -> dict:
        """Return the parts that carry a state of their own."""
        parts = ("network", "optimizer", "schedule", "averaged", "recorder", "best")
        return {name: getattr(self, name) for name in parts if getattr(self, name) is not None}

    def state_dict(self) -> dict:
        """Return all that changes, for a checkpoint between two steps."""
        on_gpu = self.device.type == "cuda"
        return {
            **{name: part.state_dict() for name, part in self._stateful().items()},
            "epoch_rng": json.dumps(self.epoch_rng),
            "torch_rng": torch.cuda.get_rng_state(self.device) if on_gpu else torch.get_rng_state(),
            "epoch": self.epoch,
            "n_batches_done": self.n_batches_done,
            "n_batches_observed": self.n_batches_observed,
            "totals": self.group.sum(self.totals.clone()),
            "history": self.history,
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from what `state_dict` returned."""
        for name, part in self._stateful().items():
            part.load_state_dict(state[name])
        self.epoch_rng = self.rng.bit_generator.state = json.loads(state["epoch_rng"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["torch_rng"], self.device)
        else:
            torch.set_rng_state(state["torch_rng"])
        for counter in ("epoch", "n_batches_done", "n_batches_observed"):
            setattr(self, counter, state[counter])
        self.totals.copy_(state["totals"] if self.group.rank == 0 else torch.zeros(2))
        self.history = state["history"]

    def _train_epoch(self, progress: Progress) -> None:
        """Take the steps of an epoch that are not yet done."""
        batches = self.epochs.batches(self.epoch, self.rng)
        drawn = draw_augmentation(self.rng, self.epochs.per_epoch, self.images.shape[1:3], self.recipe.augmentation)
        ends = np.cumsum([len(batch) for batch in batches])
        parts = [self.group.part(batch) for batch in batches]
        todo = slice(self.n_batches_done, None)
        self.forward.train()
        for batch, part, end, inputs in zip(
            batches[todo], parts[todo], ends[todo], self.images.batches(parts[todo]), strict=True
        ):
            if drawn:
                places = self.group.part(np.arange(end - len(batch), end))
                rows, columns, flipped = (values[places] for values in drawn)
                inputs = augment(inputs, rows, columns, flipped, self.recipe.augmentation)
            self._step(batch, part, inputs)
            self.n_batches_done += 1
            progress.update(len(batch))
            self._save_if_due()

    def _step(self, batch: np.ndarray, part: np.ndarray, inputs: torch.Tensor) -> None:
        """Take one step on a batch, of which this process has a part."""
        rows = torch.from_numpy(part).to(self.device)
        labels = self.labels[rows]
        loss, logits, n_right = self.objective.loss(self._logits, inputs, labels)
        if self.recorder and self._recording() == "train_forward":
            self.recorder.observe(batch, log_softmax(logits, 1))
        self.optimizer.zero_grad(set_to_none=True)
        # Several processes average their gradients; the sum over all is meant.
        (loss * (self.group.size / len(batch))).backward()
        if self.recipe.clip_gradient:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_gradient)
        self.optimizer.step()
        if self.schedule:
            self.schedule.step()
        if self.averaged:
            self.averaged.update_parameters(self.network)
        self.totals += torch.stack([loss.detach(), n_right])

    def _logits(self, images: torch.Tensor, alone: bool = False) -> torch.Tensor:
        """Return logits as the recipe computes them; alone: by the bare network, which no other process waits for."""
        with autocast(self.device, self.recipe.precision):
            return (self.network if alone else self.forward)(images)

    def _recording(self) -> str:
        assert isinstance(self.recipe, Training), "a recorder is given with the recipe of a training that scores read"
        return self.recipe.recording

    def _observe_apart(self) -> None:
        """Record in a pass of its own: eval mode, no augmentation."""
        if not self.recorder or self._recording() != "eval_pass":
            return
        outputs = predict(
            self._current(), self.images, self.recipe.precision, group=self.group, first_batch=self.n_batches_observed
        )
        for batch, logits in outputs:
            self.recorder.observe(batch, log_softmax(logits, 1))
            self.n_batches_observed += 1
            self._save_if_due()

    def _end_epoch(self, progress: Progress) -> None:
        """Read the epoch's sums off the device, log them, stop a training that has diverged, begin the next epoch."""
        loss, accuracy = (self.group.sum(self.totals) / self.epochs.n_seen(self.n_batches_done)).tolist()
        self.history.append({"loss": loss, "accuracy": accuracy})
        self.epoch += 1
        LOGGER.info(
            "epoch %d/%d: loss %.4f, training accuracy %.4f, %s",
            *(self.epoch, len(self.epochs), loss, accuracy, progress.outlook()),
        )
        if told := self.objective.report():
            LOGGER.info("epoch %d/%d: %s", self.epoch, len(self.epochs), told)
        progress.note = f"loss {loss:.3f}, accuracy {accuracy:.3f}"
        if not math.isfinite(loss):
            raise InputFault(
                f"training diverged: the loss is {loss} in epoch {self.epoch}; lower optimizer.learning_rate (it is "
                f"{self.recipe.optimizer.learning_rate}), set clip_gradient, or precision: float32"
            )
        self.totals.zero_()
        self.n_batches_done = self.n_batches_observed = 0
        self.epoch_rng = self.rng.bit_generator.state

    def _save_if_due(self) -> None:
        """Save where the training stands if it is time to, or told to stop, which ends it."""
        n_steps = self.n_batches_done + self.n_batches_observed
        if not self.checkpoints or (self.group.size > 1 and n_steps % STEPS_BETWEEN_AGREEMENTS):
            return
        stop = self.group.any(self.checkpoints.told_to_stop(), self.device)
        if stop or self.group.any(self.checkpoints.due(self.epoch), self.device):
            self.checkpoints.save(self.state_dict(), self.epoch)
        if stop:
            raise Interrupted(f"{self.stage} was told to stop in epoch {self.epoch + 1}; the next start goes on there")
