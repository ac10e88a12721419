"""The names that stand in paths of results and in the config, each parsed here and printed here, and nowhere else.

``fraction-10-within-20`` has a `Part`, ``rate-50`` is an `Amount`, ``top/du/knn-10/fraction-20`` an `Arm`,
``nested/neighbors/all`` a `Table`, ``3-of-8`` a `Shard`. ``str`` of each is its name, ``parse`` the way back.
"""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NamedTuple

RANDOM = "random"  # the sampler that goes without saying
COMPUTED = "computed"  # in the place of an extrapolator: scores of samples that were trained on
PRETRAINED, OF_SUBSET = "pretrained", "subset"
SPACES = (PRETRAINED, OF_SUBSET)  # in the place of an extrapolator: embeddings that training-free scores are made of

_PERCENT = r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?"  # without digits that say nothing: no part has two names
_SAMPLER = f"(-(?!(within|{RANDOM})(?![a-z0-9_]))[a-z][a-z0-9_]*)?"
SUBSET_PATTERN = f"{_PERCENT}{_SAMPLER}"
PART_PATTERN = f"{_PERCENT}(-within-{_PERCENT})?{_SAMPLER}"
AMOUNT_PATTERN = f"rate-{_PERCENT}|keep-[1-9][0-9]*"
METHOD_PATTERN = "[a-z0-9_]+"  # of selection, and of a score
LABEL_PATTERN = "[a-z0-9_]+(-[a-z0-9_.]+)*"  # of an extrapolator with its options
ARM_PATTERN = f"{METHOD_PATTERN}(/{METHOD_PATTERN}/{LABEL_PATTERN}/fraction-{PART_PATTERN})?"
TABLE_PATTERN = "(nested/)*(samples|subset|dynamics|scores|embeddings|predictions|neighbors/(subset|label|all))"
SHARD_PATTERN = "[1-9][0-9]*-of-[1-9][0-9]*"


def percent(fraction: float) -> str:
    """Return a fraction as the percentage that stands in paths: 0.2 is "20", 0.025 is "2.5"."""
    return f"{Decimal(f'{100 * fraction:.10g}'):f}"  # never 1e-05, which is no percentage to the patterns


def _matched(text: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(f"{text!r} is no {what}")
    return text


@dataclass(frozen=True)
class Part:
    """A part of the data set: which samples are trained on, and among which they lie.

    ``20`` is a random subset of 20 percent of all samples; ``20-stratified`` is one that another sampler drew. ``100``
    is everything and ``0`` is nothing, as for scores that need no training. ``10-within-20`` is a subset of 10 percent
    of all samples that lies within the subset of 20 percent of the same seed: a smaller copy of the whole task, in
    which the answer is known.

    Attributes
    ----------
    percent : str
        Of all samples, that are trained on, as in paths.
    within : str, optional
        Percentage of the subset that it lies in, of the same sampler; None: it lies among all samples.
    sampler : str
        That drew it.
    """

    percent: str
    within: str | None = None
    sampler: str = RANDOM

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Return the part of a name; raise ValueError where it is none."""
        size, *words = _matched(text, PART_PATTERN, "part").split("-")
        within = words[1] if words[:1] == ["within"] else None
        sampler = words[-1] if words and words[-1][0].isalpha() else RANDOM
        return cls(size, within, sampler)

    @classmethod
    def subset(cls, fraction: float, sampler: str = RANDOM) -> "Part":
        """Return the subset of a fraction of all samples that a sampler draws."""
        return cls(percent(fraction), sampler=sampler)

    def __str__(self) -> str:
        within = f"-within-{self.within}" if self.within else ""
        return f"{self.percent}{within}{'' if self.sampler == RANDOM else f'-{self.sampler}'}"

    @property
    def fraction(self) -> float:
        """Of all samples, that are trained on."""
        return float(self.percent) / 100

    @property
    def trained(self) -> "Part":
        """The subset that is trained on: of 10-within-20 it is 10."""
        return replace(self, within=None)

    @property
    def universe(self) -> "Part":
        """The subset among whose samples it lies: of 10-within-20 it is 20, of 20 it is everything."""
        return replace(self, percent=self.within, within=None) if self.within else EVERYTHING

    def nested(self, share: float) -> "Part":
        """Return the part that is a share of this one's subset, within it: of 20, half is 10-within-20."""
        return replace(self, percent=percent(self.fraction * share), within=self.percent)


NOTHING = Part("0")
EVERYTHING = Part("100")  # of a pool's data set, its own images, which are a subset of all that can be kept


@dataclass(frozen=True)
class Amount:
    """How much is kept: ``rate-50``, half is removed, or ``keep-20000``, 20,000 samples are kept.

    Attributes
    ----------
    percent : str, optional
        That is removed, as in paths.
    n_kept : int, optional
        In its place.
    """

    percent: str | None = None
    n_kept: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Amount":
        """Return the amount of a name; raise ValueError where it is none."""
        kind, value = _matched(text, AMOUNT_PATTERN, "amount").split("-")
        return cls(percent=value) if kind == "rate" else cls(n_kept=int(value))

    @classmethod
    def of_rate(cls, rate: float) -> "Amount":
        """Return the amount that a pruning rate, 0..1, removes."""
        return cls(percent=percent(rate))

    def __str__(self) -> str:
        return f"keep-{self.n_kept}" if self.percent is None else f"rate-{self.percent}"

    @property
    def rate(self) -> float | None:
        """Fraction that is removed; None where it follows from a number to keep."""
        return None if self.percent is None else float(self.percent) / 100

    def removed(self, n: int) -> float:
        """Return the fraction of n samples that is removed."""
        return max(0.0, 1 - (self.n_kept or 0) / n) if self.rate is None else self.rate

    def settings(self) -> dict[str, float | int]:
        """Return it as `selection.select` takes it: {"rate": 0.5} or {"n_kept": 20000}."""
        return {"n_kept": self.n_kept or 0} if self.rate is None else {"rate": self.rate}


@dataclass(frozen=True)
class Arm:
    """A way to choose what is kept: ``random``, or by whose scores, ``top/du/knn-10/fraction-20``.

    Attributes
    ----------
    method : str
        Of selection.
    score : str, optional
        That it reads; where it reads none, this and the next two are None.
    extrapolator : str, optional
        Label of who made the scores, `COMPUTED` for those of samples that were trained on, or one of `SPACES`.
    part : Part, optional
        That the scores come from.
    """

    method: str
    score: str | None = None
    extrapolator: str | None = None
    part: Part | None = None

    @classmethod
    def parse(cls, text: str) -> "Arm":
        """Return the arm of a name; raise ValueError where it is none."""
        method, *scored_by = _matched(text, ARM_PATTERN, "arm").split("/")
        if not scored_by:
            return cls(method)
        score, extrapolator, folder = scored_by
        return cls(method, score, extrapolator, Part.parse(folder.removeprefix("fraction-")))

    def __str__(self) -> str:
        return f"{self.method}/{self.score}/{self.extrapolator}/fraction-{self.part}" if self.score else self.method

    @property
    def is_true(self) -> bool:
        """Whether it reads scores of a training on everything."""
        return self.extrapolator == COMPUTED and self.part == EVERYTHING

    @property
    def is_training_free(self) -> bool:
        """Whether it reads scores that need no training, but embeddings."""
        return self.extrapolator in SPACES

    def by_truth(self) -> "Arm":
        """Return the same selection by the full data's scores; of an arm that reads none, itself."""
        return replace(self, extrapolator=COMPUTED, part=EVERYTHING) if self.score else self


@dataclass(frozen=True)
class Table:
    """A table that a method asks for in its ``needs()``: ``embeddings``, ``neighbors/all``, ``nested/dynamics``.

    Attributes
    ----------
    stage : str
        That makes it.
    scope : str, optional
        Of neighbours: among which samples they are searched.
    nested : int
        How many steps it lies further in: 1 is the smaller task within the subset.
    """

    stage: str
    scope: str | None = None
    nested: int = 0

    @classmethod
    def parse(cls, text: str) -> "Table":
        """Return the table of a name; raise ValueError where it is none."""
        words = _matched(text, TABLE_PATTERN, "table").split("/")
        nested = words.count("nested")
        stage, *scope = words[nested:]
        return cls(stage, scope[0] if scope else None, nested)

    def __str__(self) -> str:
        return "/".join([*(["nested"] * self.nested), self.stage, *([self.scope] if self.scope else [])])


class Shard(NamedTuple):
    """One of several ranges of the samples, each of which is a job of its own: ``3-of-8`` is the third of eight."""

    number: int
    n_shards: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Return the shard of a name, as Snakemake's scattergather writes it; raise ValueError where it is none."""
        number, n_shards = map(int, _matched(text, SHARD_PATTERN, "shard").split("-of-"))
        if number > n_shards:
            raise ValueError(f"{text!r} is no shard")
        return cls(number, n_shards)

    @classmethod
    def all(cls, n_shards: int) -> "list[Shard]":
        """Return all shards in order."""
        return [cls(number, n_shards) for number in range(1, n_shards + 1)]

    def __str__(self) -> str:
        return f"{self.number}-of-{self.n_shards}"


def shard_of(wildcards) -> Shard | None:
    """Return the shard of the samples that a job is of, by its wildcards; None: of all."""
    name = wildcards.get("scatteritem")
    return Shard.parse(name) if name else None
