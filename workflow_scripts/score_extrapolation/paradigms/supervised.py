"""Cross entropy with the labels, smoothed as the recipe says: ordinary training."""

from torch.nn.functional import cross_entropy

from ..plugins import Section


class Options(Section):
    """None: the recipe's label_smoothing is all that it has."""


class Objective:
    """Cross entropy of one forward pass."""

    passes = 1

    def __init__(self, options: Options, recipe, network):
        self.label_smoothing = recipe.label_smoothing

    def loss(self, forward, inputs, labels):
        """Return the summed cross entropy, the logits and how many are right."""
        logits = forward(inputs).float()
        loss = cross_entropy(logits, labels, reduction="sum", label_smoothing=self.label_smoothing)
        logits = logits.detach()
        return loss, logits, (logits.argmax(1) == labels).sum()

    def report(self) -> str:
        """Return nothing: the engine's own line says all."""
        return ""
