"""Figure 2: accuracy against pruning rate, scores from the largest subset."""

from functools import partial

from ._accuracy import CHAPTER, NOTE, READS, draw, tabulate_accuracy

__all__ = ["CHAPTER", "NOTE", "READS", "draw", "tabulate"]
TITLE = "Figure 2. Accuracy against pruning rate, scores from the largest subset"
NEEDS = ("test",)
tabulate = partial(tabulate_accuracy, largest=True)
