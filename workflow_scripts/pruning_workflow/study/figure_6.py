"""Figure 6: accuracy against pruning rate, scores from the smaller subsets."""

from functools import partial

from ._accuracy import CHAPTER, NOTE, READS, draw, tabulate_accuracy

__all__ = ["CHAPTER", "NOTE", "READS", "draw", "tabulate"]
TITLE = "Figure 6. Accuracy against pruning rate, scores from smaller subsets"
NEEDS = ("test", "fractions")
tabulate = partial(tabulate_accuracy, largest=False)
